"""Parenting."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

PARENTING = Topic(
    name="parenting",
    context="personal",
    situations=(
        "We have three children under ten.",
        "I am raising my children alone.",
        "My partner and I disagree about it.",
        "My evenings are short because of work.",
        "The grandparents have strong opinions on this.",
        "We moved to a new town in spring.",
    ),
    subjects=(
        Subject(
            task="get my toddler to sleep through the night",
            advice=(
                ("keep the same bedtime every evening", "a small child feels safe when things repeat"),
                ("dim the lights an hour before bed", "darkness makes little ones sleepy"),
                ("put your child down drowsy but awake", "falling asleep alone is a skill"),
                ("wait a minute before you go in", "many cries stop on their own"),
                ("agree on one plan with the other adults", "mixed messages keep a child awake"),
            ),
            technical=(
                "Sleep onset associations determine spontaneous resettling between ultradian cycles of 60 minutes.",
                "Graduated extinction demonstrates efficacy without adverse attachment in longitudinal trials.",
            ),
            examples=(
                "a bath, a story and a song in the same order every night work like a switch",
                "a parent's worn shirt near the bed comforts many toddlers",
            ),
            story="I sang the same song forty times a night until my mother told me to sit still and just wait",
            questions=("How long are the naps during the day?", "What happens when your child wakes up?"),
        ),
        Subject(
            task="limit screen time for my kids",
            advice=(
                ("set clear hours together", "children keep rules that they helped to make"),
                ("keep screens out of the bedrooms", "the night is when limits break"),
                ("put your own phone away at meals", "they copy what you do"),
                ("offer something else to do", "boredom leads straight back to the tablet"),
                ("warn them ten minutes before the end", "a sudden stop invites a fight"),
            ),
            technical=(
                "Intermittent reinforcement schedules in recommendation algorithms impede voluntary disengagement.",
                "Evening exposure to short wavelength illumination delays melatonin onset in adolescents.",
            ),
            examples=(
                "one hour after homework and none before school is a rule that everyone understands",
                "a kitchen timer is a calmer judge than a parent",
            ),
            story="my son caught me with my phone under the dinner table, and I felt rather silly about my own rule",
            questions=("How old are your kids?", "When is the conflict at its worst?"),
        ),
        Subject(
            task="help my child make friends at school",
            advice=(
                ("invite one child at a time", "two get along better than three"),
                ("practise how to join a game", "the first sentence is the hardest"),
                ("listen before you give advice", "a child wants to be heard first"),
                ("ask the teacher who sits nearby", "teachers see a lot at break time"),
                ("find a club for a hobby", "shared interests do half of the work"),
            ),
            technical=(
                "Structured peer interaction improves reciprocal communication and social competence.",
                "Temperamental inhibition is moderately heritable and responsive to graduated exposure.",
            ),
            examples=(
                "a short visit to the playground with one classmate is enough for a start",
                "a shared love of dinosaurs has begun many friendships",
            ),
            story="I sat alone at lunch for my whole first term, and then a girl with a football asked me to play",
            questions=("What does your child enjoy most?", "What happens at break time?"),
        ),
        Subject(
            task="get my children to eat vegetables",
            advice=(
                ("serve a small piece at every meal", "children need to meet a food many times"),
                ("let them cook with you", "pride makes anything taste better"),
                ("eat the vegetables yourself", "they watch your plate more than their own"),
                ("stay calm about refusals", "a fight turns a carrot into an enemy"),
                ("offer a dip on the side", "dipping is half of the fun"),
            ),
            technical=(
                "Neophobia declines after ten to fifteen neutral exposures without contingent reward.",
                "Heightened sensitivity to bitter glucosinolates explains aversion to cruciferous varieties.",
            ),
            examples=(
                "raw peppers with hummus disappear faster than cooked peas",
                "a tomato plant on the balcony turns children into proud eaters",
            ),
            story="my daughter refused peas for two years, and then she ate a whole bowl that she had picked herself",
            questions=("Which vegetables do they accept?", "Do you all eat at the same table?"),
        ),
        Subject(
            task="handle tantrums in public",
            advice=(
                ("go down to your child's eye level", "a calm face close by helps more than words"),
                ("say in few words what you see", "a named feeling shrinks a little"),
                ("leave the shop for a moment", "fewer eyes make it easier for both of you"),
                ("stick to your first answer", "a no that becomes a yes teaches shouting"),
                ("carry a snack and some water", "hunger is behind half of the storms"),
            ),
            technical=(
                "Prefrontal inhibition is immature before age four, so reasoning during dysregulation is ineffective.",
                "Coregulation through modulated prosody precedes autonomous emotional regulation.",
            ),
            examples=(
                "two minutes on a bench outside the shop calm most storms",
                "a choice between the red and the green cup gives back some control",
            ),
            story="my son lay down in front of the cheese counter, and an old lady patted me on the arm and smiled",
            questions=("What came just before the last one?", "At what time of day does it happen?"),
        ),
        Subject(
            task="share chores fairly in my family",
            advice=(
                ("write all of the chores on one list", "invisible work has to be seen first"),
                ("let everyone choose one chore", "a chosen task is done with less fuss"),
                ("match the chore to the age", "success makes children want more"),
                ("rotate the dull jobs every week", "nobody is stuck with the bins forever"),
                ("accept a result that is not perfect", "redoing their work tells them to stop"),
            ),
            technical=(
                "Allocation should incorporate cognitive labour, including anticipation, monitoring and coordination.",
                "Contingent praise for specific behaviour sustains intrinsic motivation better than remuneration.",
            ),
            examples=(
                "a child of five sets the table and a child of ten empties the dishwasher",
                "ten minutes of music and cleaning after dinner saves the Saturday",
            ),
            story="I did everything myself until I fell ill for a week and my family discovered the washing machine",
            questions=("Who does what at the moment?", "Which chore causes the most trouble?"),
        ),
    ),
)
