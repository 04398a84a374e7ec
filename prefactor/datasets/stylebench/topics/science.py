"""Science, explained to others."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

SCIENCE = Topic(
    name="science",
    context="professional",
    situations=(
        "I teach a class of twelve-year-olds.",
        "I have no background in physics.",
        "My nephew asks me such things all the time.",
        "It is for a short talk next week.",
        "My listeners are curious but impatient.",
        "I want to get the facts right.",
    ),
    subjects=(
        Subject(
            task="explain why the sky is blue",
            advice=(
                ("begin with the colours inside white light", "a rainbow has shown them to everyone"),
                ("describe how air scatters blue more than red", "blue light is thrown around most"),
                ("say that blue reaches us from every side", "this is why the whole sky glows"),
                ("use the red evening sun as a check", "its light has lost its blue on the long way"),
                ("show it with milk and a torch", "the same effect fits into a glass"),
            ),
            technical=(
                "Rayleigh scattering intensity is inversely proportional to the fourth power of wavelength.",
                "Photoreceptor sensitivity and solar spectral irradiance explain why violet does not dominate.",
            ),
            examples=(
                "a few drops of milk in a glass of water glow blue beside a torch",
                "a sunset is the same air seen through a much longer path",
            ),
            story="I told my class that the sea coloured the sky, and a girl in the first row proved me wrong",
            questions=("Who are you explaining it to?", "Do they know what a rainbow is?"),
        ),
        Subject(
            task="explain how vaccines work",
            advice=(
                ("compare it to a fire drill", "the body practises before the danger comes"),
                ("say that the germ is only shown in part", "a picture of a burglar cannot steal"),
                ("tell them about memory cells", "they are the reason why protection lasts"),
                ("explain why a sore arm is a good sign", "it means that the training has begun"),
                ("mention that neighbours are protected too", "a germ with no way forward dies out"),
            ),
            technical=(
                "Antigen presentation activates lymphocytes, which induce affinity maturation in germinal centres.",
                "Herd immunity requires coverage above one minus the reciprocal of the reproduction number.",
            ),
            examples=(
                "a wanted poster helps the police before any crime happens",
                "measles needs about nineteen protected people in every twenty",
            ),
            story="I feared every needle as a boy until my grandmother told me why she had once queued for hours",
            questions=("What do your listeners already believe?", "Which vaccine is it about?"),
        ),
        Subject(
            task="explain climate change in simple words",
            advice=(
                ("start with the blanket around the earth", "a picture stays longer than a number"),
                ("separate weather from climate", "one cold day does not settle a long question"),
                ("say where the extra gas comes from", "coal, oil and gas are the main sources"),
                ("give one clear figure", "a single number is remembered and ten are not"),
                ("end with what can be done", "fear without a way out makes people stop listening"),
            ),
            technical=(
                "Carbon dioxide absorbs infrared radiation near 15 micrometres, increasing radiative forcing.",
                "Equilibrium sensitivity is approximately 3 °C per doubling of atmospheric concentration.",
            ),
            examples=(
                "weather is your mood today, and climate is your character",
                "one more degree is the difference between snow and rain in many winters",
            ),
            story="I brought a woollen blanket to my first talk on this, and people spoke about it for years",
            questions=("How much time do you have?", "What do they doubt most?"),
        ),
        Subject(
            task="explain black holes to a child",
            advice=(
                ("throw a ball into the air", "gravity becomes something they can feel"),
                ("ask how fast a ball must fly to escape", "the idea grows out of this one question"),
                ("say that even light is too slow there", "this is why the hole is black"),
                ("explain that it does not suck things in", "far away it pulls like any other star"),
                ("show a stretched cloth with a heavy stone", "a bent sheet makes the pull visible"),
            ),
            technical=(
                "The Schwarzschild radius scales linearly with mass, at roughly 3 km per solar mass.",
                "Gravitational time dilation diverges at the event horizon for a stationary external observer.",
            ),
            examples=(
                "the whole earth would have to shrink to the size of a cherry",
                "a marble on a stretched cloth circles the stone like a planet",
            ),
            story="I asked my father about it at bedtime, and he took me outside and threw a ball at the stars",
            questions=("How old is the child?", "Has the child heard of gravity?"),
        ),
        Subject(
            task="explain evolution without jargon",
            advice=(
                ("begin with dogs and their breeders", "everyone has seen what choosing can do"),
                ("say that young ones differ a little", "without differences nothing can be chosen"),
                ("let nature take the place of the breeder", "those who survive pass on what they have"),
                ("add a great deal of time", "small steps become large ones over ages"),
                ("point out that there is no goal", "it is a filter and not a ladder"),
            ),
            technical=(
                "Differential reproduction alters allele frequencies across generations within populations.",
                "Genetic drift predominates over selection wherever effective population size is small.",
            ),
            examples=(
                "wolves became poodles in only a few thousand years",
                "dark moths did better on the sooty trees of old factory towns",
            ),
            story="I learnt it from my aunt's pigeons, because she showed me how a fan of feathers grew in six years",
            questions=("What do they know about genes?", "Which animals do they like?"),
        ),
        Subject(
            task="run a simple experiment at home",
            advice=(
                ("ask one question that has a clear answer", "a narrow question keeps the work small"),
                ("change one thing and keep the rest", "only then do you know the cause"),
                ("write your guess down first", "an honest guess makes the result exciting"),
                ("repeat the test three times", "one result is an accident"),
                ("draw the results as a simple chart", "a picture shows what a table hides"),
            ),
            technical=(
                "Randomisation and replication control confounding variables and quantify measurement uncertainty.",
                "Specify the null hypothesis and sample size before observation to prevent selective inference.",
            ),
            examples=(
                "three pots of cress in light, shade and darkness answer a real question",
                "an ice cube in salt water and one in tap water make a fair race",
            ),
            story="I grew mould on six slices of bread as a boy, and my mother found the results before I did",
            questions=("What would you like to find out?", "Which materials do you have at home?"),
        ),
    ),
)
