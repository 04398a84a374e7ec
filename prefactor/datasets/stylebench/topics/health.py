"""Health."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

HEALTH = Topic(
    name="health",
    context="personal",
    situations=(
        "I sit at a desk all day.",
        "I have little energy in the evening.",
        "I have tried this twice and given up.",
        "My doctor says that I am in good health.",
        "I turned fifty this year.",
        "My working hours change every week.",
    ),
    subjects=(
        Subject(
            task="sleep better at night",
            advice=(
                ("get up at the same time every day", "a steady morning is what sets the evening"),
                ("keep the bedroom dark and cool", "your body has to cool down to fall asleep"),
                ("put the phone in another room", "the next message is always more exciting than sleep"),
                ("get out of bed when you cannot sleep", "lying awake teaches you to lie awake"),
                ("write tomorrow's tasks on paper", "a list keeps them from circling in your head"),
            ),
            technical=(
                "Stimulus control strengthens the conditioned association between bed and sleep onset.",
                "Caffeine has an elimination half-life of five hours and antagonises adenosine receptors.",
            ),
            examples=(
                "a fixed alarm at half past six works better than a fixed bedtime",
                "ten pages of a dull novel are a fine sleeping pill",
            ),
            story="I stared at my ceiling for months, and what helped was getting up at six even on Sundays",
            questions=("When do you have your last coffee?", "What wakes you up during the night?"),
        ),
        Subject(
            task="start running without hurting my knees",
            advice=(
                (
                    "alternate one minute of running with two of walking",
                    "your joints adapt more slowly than your lungs",
                ),
                ("run slowly enough to talk", "most beginners are simply too fast"),
                ("rest for a day between two runs", "you grow stronger while you recover"),
                ("take short and quick steps", "long strides put the load on your knees"),
                ("strengthen your hips twice a week", "strong hips keep the knees in line"),
            ),
            technical=(
                "Increasing cadence by 7 % reduces patellofemoral loading and vertical oscillation.",
                "Tendon adaptation requires progressive mechanical loading across 12 weeks of periodisation.",
            ),
            examples=(
                "three easy outings of twenty minutes a week are a proper start",
                "a soft forest path is kinder to you than a pavement",
            ),
            story="I ran five kilometres on my first day, limped for two weeks and then began again with walking",
            questions=("How do your knees feel on stairs?", "What shoes do you run in?"),
        ),
        Subject(
            task="eat less sugar",
            advice=(
                ("drink water instead of juice and soda", "most hidden sugar is in a glass"),
                ("eat a proper lunch with protein", "a full stomach does not beg for biscuits"),
                ("keep sweets out of the house", "a craving rarely survives a walk to the shop"),
                ("halve the sugar in your tea each week", "your tongue adapts in small steps"),
                ("read the label of breakfast cereals", "many of them are sweets in disguise"),
            ),
            technical=(
                "Dietary fibre attenuates postprandial glucose excursions and the compensatory insulin response.",
                "Free sugars below 10 % of total energy intake correspond to roughly 50 grams daily.",
            ),
            examples=(
                "plain yoghurt with berries takes the place of a sweet dessert",
                "a handful of nuts at four o'clock beats the vending machine",
            ),
            story="I ate a chocolate bar at four every day for years, and a bag of almonds in my desk ended it",
            questions=("At what time of day do you want sweets?", "What do you usually drink?"),
        ),
        Subject(
            task="get rid of back pain from sitting",
            advice=(
                ("stand up every half hour", "the best posture is the next one"),
                ("raise the screen to the height of your eyes", "a lowered head pulls on the whole spine"),
                ("walk for ten minutes after lunch", "movement feeds the discs of your back"),
                ("strengthen your back with light weights", "strong muscles tire later"),
                ("see a doctor about numbness in a leg", "this is a sign that needs a proper look"),
            ),
            technical=(
                "Prolonged lumbar flexion increases intradiscal pressure and inhibits paraspinal activation.",
                "Graded resistance exercise outperforms passive modalities in chronic nonspecific lumbar pain.",
            ),
            examples=(
                "a stack of old books lifts a laptop to the right height",
                "phone calls are a good reason to walk up and down",
            ),
            story="I bought three expensive chairs before I noticed that a short walk after lunch did more for me",
            questions=("Where exactly does it hurt?", "How long do you sit without a break?"),
        ),
        Subject(
            task="cope with stress before exams",
            advice=(
                ("breathe out twice as long as you breathe in", "a long breath slows the heart"),
                ("study in blocks of half an hour", "short blocks feel possible even on bad days"),
                ("practise with old exam papers", "the unknown is what frightens us most"),
                ("keep moving every day", "a walk burns off what the stress leaves behind"),
                ("stop working an hour before bed", "a rested head remembers more"),
            ),
            technical=(
                "Slow diaphragmatic respiration increases parasympathetic tone and heart rate variability.",
                "Moderate arousal optimises performance, whereas elevated cortisol impairs hippocampal retrieval.",
            ),
            examples=(
                "four slow breaths at the door of the exam room calm shaking hands",
                "a friend who asks you questions over tea is worth two hours of reading",
            ),
            story="I blanked in my first oral exam, and after that I practised aloud with my sister every evening",
            questions=("Which exam worries you most?", "How many days are left?"),
        ),
        Subject(
            task="drink more water during the day",
            advice=(
                ("put a full bottle on your desk", "we drink what we can see"),
                ("have a glass before every meal", "the meal reminds you three times a day"),
                ("add lemon or mint for taste", "flavour makes the glass less dull"),
                ("start the morning with a large glass", "you wake up a little dry"),
                ("drink more on hot days and after sport", "sweat has to be replaced"),
            ),
            technical=(
                "Urine colour correlates with osmolality and provides a pragmatic hydration indicator.",
                "Daily requirements approximate 30 ml per kilogram, excluding thermoregulatory perspiration.",
            ),
            examples=(
                "a bottle of one litre, emptied by lunch and again by dinner, is plenty",
                "a cup of herbal tea counts just as well as water",
            ),
            story="I got a headache every afternoon until my colleague put a large bottle on my desk",
            questions=("How much do you drink on a normal day?", "Do you often feel tired in the afternoon?"),
        ),
    ),
)
