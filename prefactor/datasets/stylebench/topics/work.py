"""Work."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

WORK = Topic(
    name="work",
    context="professional",
    situations=(
        "I have been with the company for two years.",
        "My manager is new as well.",
        "Most of us work from home.",
        "I tend to avoid conflict.",
        "Our team was merged with another one.",
        "I am the youngest person in the room.",
    ),
    subjects=(
        Subject(
            task="ask my boss for a pay rise",
            advice=(
                ("collect proof of what you achieved", "numbers speak louder than wishes"),
                ("find out what others earn", "a fair figure is hard to refuse"),
                ("ask for a meeting of its own", "money needs more than two minutes at the door"),
                ("name a figure and then stay silent", "the pause does the work for you"),
                ("agree on a date to talk again", "a no today is not a no forever"),
            ),
            technical=(
                "Anchoring with a precise figure above the market median shifts the negotiation equilibrium.",
                "Establish your alternative, the BATNA, and benchmark total compensation by percentile.",
            ),
            examples=(
                "a page with three results and their value makes a strong case",
                "an extra week of holiday is worth about two percent of your pay",
            ),
            story="I waited three years for someone to notice my work, and then I asked and got it in ten minutes",
            questions=("When was your last rise?", "What did you achieve this year?"),
        ),
        Subject(
            task="run meetings that are worth the time",
            advice=(
                ("send the question before the meeting", "people arrive with half an answer"),
                ("invite only those who decide or know", "every extra chair slows the talk"),
                ("end with names and dates", "a task without a name belongs to nobody"),
                ("cancel the meeting when a message is enough", "an empty hour is a gift to all"),
                ("let the quiet people speak first", "the loud ones speak anyway"),
            ),
            technical=(
                "Asynchronous preparation and explicit decision rights reduce coordination overhead.",
                "Group productivity deteriorates beyond seven participants through production blocking.",
            ),
            examples=(
                "a page that everyone reads in silence for ten minutes replaces a slide show",
                "twenty-five minutes and one decision make a good meeting",
            ),
            story="I sat in a meeting of thirty people and counted that it had cost us a small car",
            questions=("How many people attend?", "What should be different afterwards?"),
        ),
        Subject(
            task="deal with a difficult colleague",
            advice=(
                ("speak to your colleague in private", "an audience makes people defend themselves"),
                ("describe what happened without judging", "facts are easier to hear than labels"),
                ("ask how the other side sees it", "there is a reason behind most bad manners"),
                ("agree on one small change", "small promises are kept"),
                ("keep notes of what was said", "you need them when nothing changes"),
            ),
            technical=(
                "Attributional bias inflates dispositional explanations relative to situational constraints.",
                "Escalation protocols should specify documentation, mediation and proportionate consequences.",
            ),
            examples=(
                "a coffee outside the office has ended many cold wars",
                "saying that the report came two days late is better than calling someone lazy",
            ),
            story="I fought with a colleague for a year, and it turned out that we both wanted the same window seat",
            questions=("What exactly does your colleague do?", "Have the two of you talked about it?"),
        ),
        Subject(
            task="find a new job while I am employed",
            advice=(
                ("set aside two fixed hours a week", "a slow search beats a desperate one"),
                ("tell five people whom you trust", "many jobs are never advertised"),
                ("rewrite your résumé for each job", "recruiters look for their own words"),
                ("practise your story aloud", "the first minute decides a lot"),
                ("keep the search off your work computer", "news travels fast in an office"),
            ),
            technical=(
                "Applicant tracking systems rank documents by lexical similarity to the specification.",
                "Referral hiring exhibits substantially higher conversion rates and retention than open applications.",
            ),
            examples=(
                "two careful applications a week are better than twenty copies",
                "a message to an old classmate opens more doors than a portal",
            ),
            story="I sent out sixty letters without an answer, and then my old flatmate told me about an opening",
            questions=("What do you want to leave behind?", "Which part of your work do you enjoy?"),
        ),
        Subject(
            task="give a talk without being nervous",
            advice=(
                ("learn the first two sentences by heart", "a safe start calms the rest"),
                ("practise aloud and standing", "silent practice trains only your eyes"),
                ("look at one friendly face at a time", "a crowd is just single people"),
                ("visit the room beforehand", "a known room is less frightening"),
                ("slow down and drink some water", "a pause feels long only to you"),
            ),
            technical=(
                "Cognitive reappraisal of physiological arousal as excitement improves performance under evaluation.",
                "Limit slides to one proposition each, thereby minimising extraneous cognitive load.",
            ),
            examples=(
                "three rehearsals in front of a mirror take the shaking out of your voice",
                "a friend in the second row who nods is worth more than notes",
            ),
            story="I dropped all of my notes before my first talk, and it went better because I simply spoke",
            questions=("How many people will listen?", "What is your main message?"),
        ),
        Subject(
            task="keep my workload under control",
            advice=(
                ("write every task in one place", "a full head forgets the important things"),
                ("choose three tasks for the day", "a short list gets finished"),
                ("block two hours without messages", "deep work needs a closed door"),
                ("ask what has to wait", "your boss often does not know how much there is"),
                ("say no early and kindly", "a late no hurts more people"),
            ),
            technical=(
                "Limiting concurrent commitments shortens cycle time, in accordance with queueing theory.",
                "Context switching imposes a reorientation penalty of approximately 20 minutes per interruption.",
            ),
            examples=(
                "three cards on your desk in the morning make a clear day",
                "a note that says what will be late saves a bad Friday",
            ),
            story="I said yes to everything in my first job, and one day I found myself in tears over a stapler",
            questions=("What takes the most time?", "Who gives you new tasks?"),
        ),
    ),
)
