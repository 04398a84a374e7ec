"""Relationships."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

RELATIONSHIPS = Topic(
    name="relationships",
    context="personal",
    situations=(
        "I have put this off for months.",
        "I am rather shy.",
        "I am not good at this sort of thing.",
        "I want to do this well.",
        "I would like to do it this month.",
        "I have been thinking about it every night.",
    ),
    subjects=(
        Subject(
            task="apologise to a friend after a fight",
            advice=(
                ("say clearly what you did wrong", "a vague apology sounds like none"),
                ("leave out the word but", "it takes back everything before it"),
                ("ask how your friend felt", "being heard is what heals"),
                ("offer to make it right", "deeds last longer than words"),
                ("give your friend time", "forgiveness has its own clock"),
            ),
            technical=(
                "Effective apologies combine acknowledgement, attribution of responsibility and reparation.",
                "Defensive justification elicits reciprocal escalation and undermines perceived sincerity.",
            ),
            examples=(
                "a short letter by hand says more than ten messages",
                "saying that you were unfair on Saturday is better than saying sorry for everything",
            ),
            story="I lost a friend for two years over a borrowed bike, and one honest letter brought us back together",
            questions=("What was the fight really about?", "Have you spoken since then?"),
        ),
        Subject(
            task="make new friends in a new city",
            advice=(
                ("join a group that meets every week", "friendship grows out of seeing people again"),
                ("ask people for a coffee yourself", "most people are waiting to be asked"),
                ("say yes to the first few invitations", "each one leads to the next"),
                ("learn the names of your neighbours", "the closest people are the easiest to meet"),
                ("keep going for three months", "strangers need time to become friends"),
            ),
            technical=(
                "Repeated incidental contact increases interpersonal affinity through the exposure effect.",
                "Close friendship requires approximately 200 hours of discretionary interaction.",
            ),
            examples=(
                "a choir, a climbing hall or a language class brings the same faces back each week",
                "a cake for the neighbours opens four doors at once",
            ),
            story="I ate alone for my first two months in Berlin, and then I joined a choir although I sang badly",
            questions=("What do you like to do on weekends?", "Have you met your neighbours?"),
        ),
        Subject(
            task="talk to my partner about money",
            advice=(
                ("pick a calm evening", "nobody is fair when they are hungry and tired"),
                ("start with your shared dreams", "numbers are easier once you share a goal"),
                ("show each other all of the figures", "trust begins with the full picture"),
                ("agree on a sum that each spends freely", "nobody wants to ask for permission"),
                ("repeat the talk every month", "a habit takes the drama out of it"),
            ),
            technical=(
                "Hybrid arrangements with proportional contributions balance autonomy and transparency.",
                "Financial disagreement predicts marital dissolution more reliably than domestic conflict.",
            ),
            examples=(
                "one account for the home and one for each of you is a common peace plan",
                "a walk is a better place for this talk than the kitchen table",
            ),
            story="my husband and I hid our debts from each other, and we laughed when we finally added them up",
            questions=("What do the two of you want to save for?", "Who pays for what today?"),
        ),
        Subject(
            task="keep a long distance relationship alive",
            advice=(
                ("fix a time for a weekly call", "a date keeps the week together"),
                ("share small things every day", "closeness is made of little news"),
                ("plan the next visit before you part", "a date on the calendar makes waiting easier"),
                ("do something together from afar", "a shared film is almost an evening out"),
                ("talk about when the distance ends", "hope needs a plan"),
            ),
            technical=(
                "Relational maintenance depends on responsiveness and predictability rather than frequency.",
                "Idealisation during separation necessitates recalibration upon geographical convergence.",
            ),
            examples=(
                "cooking the same dish on a video call feels like one kitchen",
                "a postcard each month fills a shoebox with good memories",
            ),
            story="I lived nine hours from my girlfriend for two years, and we ate breakfast on the phone every Sunday",
            questions=("How often do you see each other?", "When will the distance end?"),
        ),
        Subject(
            task="set boundaries with my parents",
            advice=(
                ("decide what you want before you speak", "a clear wish is easier to say"),
                ("say it in one friendly sentence", "long reasons invite long debates"),
                ("offer what you are happy to give", "a no goes down well with a yes beside it"),
                ("repeat yourself calmly", "new rules are always tested"),
                ("expect some hurt feelings", "change is hard for them as well"),
            ),
            technical=(
                "Differentiation of self permits emotional connection without reactive accommodation.",
                "Intermittent compliance reinforces persistent intrusion, so consistency is indispensable.",
            ),
            examples=(
                "a call every Sunday at six replaces a call every evening",
                "asking them to ring before they visit is a fair wish",
            ),
            story="my mother had a key and used it freely, and the day I asked for it back was a quiet one",
            questions=("Which habit bothers you most?", "What are you happy to keep?"),
        ),
        Subject(
            task="be a better listener for my friends",
            advice=(
                ("put your phone out of sight", "a glance at a screen ends a confession"),
                ("ask one more question before you speak", "the second answer is the true one"),
                ("repeat what you heard in your own words", "people feel understood when they hear it back"),
                ("hold back your own story", "it moves the talk from them to you"),
                ("let a silence last for a moment", "the important things come after a pause"),
            ),
            technical=(
                "Reflective paraphrasing increases the perceived validation and responsiveness of an interaction.",
                "Conversational narcissism redirects attention through premature autobiographical disclosure.",
            ),
            examples=(
                "asking what was the worst part of the day opens more than asking how it was",
                "a walk side by side is easier for many people than a talk across a table",
            ),
            story="my best friend told me that I always had a better story, and I went quiet for the whole way home",
            questions=("When do you notice that you stop listening?", "What do your friends come to you with?"),
        ),
    ),
)
