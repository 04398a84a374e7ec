"""Pets."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

PETS = Topic(
    name="pets",
    context="household",
    situations=(
        "We live in a flat on the third floor.",
        "I have never had a pet before.",
        "My children want to help.",
        "I work from home three days a week.",
        "We have a small garden.",
        "I share the flat with two other people.",
    ),
    subjects=(
        Subject(
            task="stop my dog from pulling on the leash",
            advice=(
                ("stand still as soon as the leash is tight", "pulling must never lead anywhere"),
                ("reward your dog for walking beside you", "what pays off is repeated"),
                ("practise in a quiet street first", "a busy park is too hard for a start"),
                ("use a harness with a ring at the front", "it turns your dog back to you"),
                ("play for a while before the walk", "a fresh dog has too much steam"),
            ),
            technical=(
                "Differential reinforcement of proximity extinguishes pulling through negative punishment.",
                "Front attachment harnesses redirect momentum without cervical or tracheal compression.",
            ),
            examples=(
                "a bit of cheese at every lamp post makes your side the best place",
                "five calm minutes on an empty street count more than an hour of tugging",
            ),
            story="my first dog pulled me into a fountain, and on the way home I decided to train him properly",
            questions=("How old is your dog?", "What does your dog pull towards?"),
        ),
        Subject(
            task="introduce a new cat to my old cat",
            advice=(
                ("keep the new cat in a separate room", "smells have to meet before faces"),
                ("swap their blankets every day", "a known smell is half a friend"),
                ("feed both cats near the closed door", "good things happen when the other is close"),
                ("let them see each other for a short time", "short visits end before the trouble starts"),
                ("give each cat a box and a bowl", "sharing is not in their nature"),
            ),
            technical=(
                "Olfactory habituation and counterconditioning reduce territorial aggression prior to visual exposure.",
                "Synthetic facial pheromones produce modest reductions in interspecific vigilance and spraying.",
            ),
            examples=(
                "a door that is open by a finger's width is enough for the first week",
                "two bowls on either side of a gate turn a rival into a dinner guest",
            ),
            story="my old cat hissed at the door for nine days, and on the tenth I found them asleep on one chair",
            questions=("How old are the two cats?", "Do you have a room that you can close?"),
        ),
        Subject(
            task="keep my dog calm when I am away",
            advice=(
                ("leave for one minute at first", "your dog learns that you come back"),
                ("go without a long goodbye", "a big scene makes leaving a big thing"),
                ("leave a chew toy with food inside", "a busy mouth has no time to howl"),
                ("walk your dog well before you leave", "a tired dog sleeps through the wait"),
                ("pick up your keys without leaving", "the sound then loses its meaning"),
            ),
            technical=(
                "Systematic desensitisation to departure cues prevents escalation of separation anxiety.",
                "Video monitoring distinguishes boredom vocalisation from physiological panic responses.",
            ),
            examples=(
                "one minute today, three tomorrow and ten next week is a good pace",
                "a frozen toy filled with yoghurt lasts for half an hour",
            ),
            story="my neighbour told me that my dog sang every morning, and I spent a month leaving for one minute",
            questions=("What does your dog do when you leave?", "How long are you away?"),
        ),
        Subject(
            task="set up a first aquarium",
            advice=(
                ("buy a larger tank than you planned", "more water forgives more mistakes"),
                ("run the tank for four weeks without fish", "the helpful bacteria need time to grow"),
                ("add only a few fish at first", "the filter has to keep up"),
                ("change a fifth of the water every week", "old water carries too much waste"),
                ("feed less than you think", "leftover food spoils the water"),
            ),
            technical=(
                "Nitrifying bacteria convert ammonia to nitrite and subsequently to nitrate during cycling.",
                "Maintain carbonate hardness above 4 degrees to buffer pH against acidification.",
            ),
            examples=(
                "a tank of eighty litres with six small tetras is easy to care for",
                "fast plants such as hornwort keep the algae away",
            ),
            story="I bought twelve fish for a new tank on the first day, and I still feel bad about that week",
            questions=("How large is your tank?", "Which fish do you like?"),
        ),
        Subject(
            task="help my overweight cat lose weight",
            advice=(
                ("weigh the food instead of guessing", "a full scoop holds a third more than it should"),
                ("split the food into four small meals", "a cat is built for many small hunts"),
                ("play for ten minutes twice a day", "a feather on a string is a good gym"),
                ("hide some food around the flat", "searching burns energy and boredom"),
                ("talk to your vet about the pace", "a fast diet is dangerous for cats"),
            ),
            technical=(
                "Weight reduction exceeding 2 % weekly predisposes obese cats to hepatic lipidosis.",
                "High protein formulations preserve lean mass under caloric restriction.",
            ),
            examples=(
                "five pieces of food on the stairs turn dinner into a hunt",
                "a cat of six kilos takes about eight months to reach five",
            ),
            story="my cat was so round that she got stuck in her own door, and the two of us began to play every night",
            questions=("What does your cat weigh now?", "Who feeds your cat during the day?"),
        ),
        Subject(
            task="train my puppy to stay clean indoors",
            advice=(
                ("go outside after every meal and nap", "a puppy cannot wait for long"),
                ("praise your puppy at the very moment", "a late reward is for something else"),
                ("return to the same spot each time", "the smell reminds your puppy what to do"),
                ("clean accidents with an enzyme spray", "a trace of smell invites a second one"),
                ("ignore mistakes that you find later", "a puppy does not connect the two"),
            ),
            technical=(
                "Sphincter control develops gradually, permitting roughly one hour of continence per month of age.",
                "Enzymatic detergents catalyse urea decomposition and eliminate residual olfactory markers.",
            ),
            examples=(
                "a walk at eleven at night and one at six in the morning save the carpet",
                "a small bell on the door lets some puppies ring for a walk",
            ),
            story="I ran down four flights of stairs in my pyjamas every night in March, and then it was suddenly over",
            questions=("How old is the puppy?", "Where do most accidents happen?"),
        ),
    ),
)
