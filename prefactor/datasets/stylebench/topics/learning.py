"""Learning."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

LEARNING = Topic(
    name="learning",
    context="professional",
    situations=(
        "I have about half an hour a day.",
        "I forget things quickly.",
        "School was a long time ago for me.",
        "I prefer to learn on my own.",
        "I lose interest after a few weeks.",
        "There is no course near my home.",
    ),
    subjects=(
        Subject(
            task="learn Spanish as an adult",
            advice=(
                ("learn the thousand most common words", "they cover most of daily talk"),
                ("speak from the first week", "mistakes are how the language gets in"),
                ("listen to slow podcasts", "your ear needs more time than your eye"),
                ("study a little every day", "ten minutes daily beat two hours on Sunday"),
                ("find a partner to talk with", "a friend keeps you coming back"),
            ),
            technical=(
                "Spaced retrieval with expanding intervals optimises lexical retention and morphological automaticity.",
                "Comprehensible input marginally beyond current proficiency facilitates implicit acquisition.",
            ),
            examples=(
                "ordering a coffee in your head in Spanish every morning is real practice",
                "a children's book teaches more useful verbs than a newspaper",
            ),
            story="I ordered a soap instead of a soup in Madrid, and the waiter taught me the word with great patience",
            questions=("What do you want to use it for?", "Which other languages do you speak?"),
        ),
        Subject(
            task="play the guitar as a beginner",
            advice=(
                ("learn four easy chords first", "they are enough for hundreds of songs"),
                ("tune the guitar every time", "a false note spoils your ear and your mood"),
                ("practise the change between two chords", "the change is harder than the chord"),
                ("play with a slow beat", "speed comes by itself once it is clean"),
                ("leave the guitar out of its case", "you play what you can reach"),
            ),
            technical=(
                "Isolate transitions at 60 beats per minute with a metronome to consolidate motor sequencing.",
                "Lower string action and lighter gauges reduce fingertip pressure during callus formation.",
            ),
            examples=(
                "the chords of G, C and D carry half of all campfire songs",
                "five minutes before breakfast add up to thirty hours a year",
            ),
            story="my fingers hurt so much in the first month that I almost sold it, and then I played my first song",
            questions=("Which songs do you want to play?", "Is your guitar acoustic or electric?"),
        ),
        Subject(
            task="remember more of what I read",
            advice=(
                ("close the book and retell the chapter", "recalling is what builds the memory"),
                ("write one sentence after each section", "your own words stick best"),
                ("ask a question before you start", "a searching mind keeps what it finds"),
                ("return to your notes after a week", "the second look is worth the most"),
                ("tell a friend about it", "teaching shows you the gaps"),
            ),
            technical=(
                "Retrieval practice yields stronger consolidation than repetition, especially after delayed intervals.",
                "Elaborative interrogation connects novel propositions to existing semantic schemata.",
            ),
            examples=(
                "a card with three lines in the back of each book is a fine memory",
                "explaining a chapter over dinner takes two minutes and stays for months",
            ),
            story="I underlined whole books at university, and a year later I could not name a single idea in them",
            questions=("What kind of books do you read?", "Do you take notes by hand?"),
        ),
        Subject(
            task="learn mathematics again from the basics",
            advice=(
                ("go back to the last thing that felt easy", "gaps below make everything above shaky"),
                ("solve problems with pen and paper", "watching is not the same as doing"),
                ("explain each step aloud", "a step that you cannot say is one that you do not know"),
                ("mix old and new exercises", "mixed practice shows which tool to choose"),
                ("stay with one good book", "three half books teach less than one"),
            ),
            technical=(
                "Interleaved practice improves discrimination between algebraic procedures and problem categories.",
                "Fluency with fractions predicts subsequent proficiency in algebra and elementary calculus.",
            ),
            examples=(
                "fractions come before equations, and equations come before curves",
                "five problems a day finish a school book in one winter",
            ),
            story="I failed algebra twice, and it was a bag of lentils on my aunt's table that made it clear to me",
            questions=("Where did you first get lost?", "What do you need it for?"),
        ),
        Subject(
            task="learn to draw people",
            advice=(
                ("draw the large shapes first", "details cannot save a wrong outline"),
                ("draw from life for ten minutes a day", "the eye learns by comparing"),
                ("measure with your pencil at arm's length", "we all draw heads too large"),
                ("look more at the model than at the page", "memory draws symbols instead of people"),
                ("keep all of your old sketches", "they show you how far you have come"),
            ),
            technical=(
                "Gestural construction establishes weight distribution before anatomical landmarks and foreshortening.",
                "Proportional canons place the vertical midpoint of a standing figure near the greater trochanter.",
            ),
            examples=(
                "people asleep on a train are the most patient of models",
                "a head fits about seven times into a standing body",
            ),
            story="I drew my grandfather with hands like mittens, and he hung it in his hall for twenty years",
            questions=("Do you draw from photos or from life?", "Which part looks wrong to you?"),
        ),
        Subject(
            task="study well for a long exam",
            advice=(
                ("plan backwards from the exam day", "the last week fills up by itself"),
                ("test yourself before you feel ready", "a wrong answer shows you where to work"),
                ("study in the same place each day", "the chair itself gets you started"),
                ("sleep well in the last three nights", "tired heads lose easy points"),
                ("do one full trial under real time", "pace is a skill of its own"),
            ),
            technical=(
                "Distributed practice and simulated assessment conditions attenuate retrieval interference.",
                "Sleep consolidation during slow wave oscillations stabilises declarative representations.",
            ),
            examples=(
                "eight weeks allow six for learning and two for old papers",
                "one hour of questions shows more than three hours of reading",
            ),
            story="I studied the wrong chapter for a month, and since then I always began with last year's paper",
            questions=("When is the exam?", "Which part counts the most?"),
        ),
    ),
)
