"""Cooking."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

COOKING = Topic(
    name="cooking",
    context="household",
    situations=(
        "My kitchen is small and my oven is old.",
        "I am cooking for four people on weeknights.",
        "I am still a beginner in the kitchen.",
        "I only have time for this at the weekend.",
        "My last two attempts went wrong.",
        "I would rather not buy new equipment.",
    ),
    subjects=(
        Subject(
            task="bake sourdough bread at home",
            advice=(
                ("feed your starter the night before", "a lively starter does most of the lifting"),
                ("weigh the flour and the water on a scale", "cups are too imprecise for dough"),
                ("let the dough rest overnight in the fridge", "slow rising gives the bread its flavour"),
                ("bake the loaf in a hot covered pot", "the trapped steam keeps the crust soft while it rises"),
                ("wait an hour before you slice the loaf", "the inside is still setting"),
            ),
            technical=(
                "At 75 % hydration, extended autolyse encourages gluten development before bulk fermentation.",
                "An internal temperature of 96 °C indicates complete starch gelatinisation.",
            ),
            examples=(
                "a dough mixed on Friday evening is ready for the oven on Saturday morning",
                "a cast iron casserole with a lid works as well as a baker's oven",
            ),
            story="my loaves came out as flat as tiles until I finally left the dough alone overnight",
            questions=("How warm is your kitchen?", "What kind of flour are you using?"),
        ),
        Subject(
            task="make a rich vegetable soup",
            advice=(
                ("brown the onions slowly in butter", "their sweetness carries the whole pot"),
                ("roast half of the vegetables first", "a hot oven gives them a deeper taste"),
                ("add the tender greens at the very end", "they lose their colour within minutes"),
                ("stir in a spoonful of miso", "it brings the savoury note that meat would give"),
                ("finish the pot with a squeeze of lemon", "a little acid wakes up the other flavours"),
            ),
            technical=(
                "Caramelisation and Maillard reactions above 140 °C generate the aromatic compounds of the stock.",
                "Glutamate concentration largely determines the perceived savouriness of a vegetarian broth.",
            ),
            examples=(
                "a tray of roasted carrots and tomatoes turns plain stock into dinner",
                "a rind of old cheese simmered in the pot adds body",
            ),
            story="I served my guests what tasted like warm water, and only later did I learn to brown the onions",
            questions=("Which vegetables do you have at home?", "Do you prefer your soup smooth or chunky?"),
        ),
        Subject(
            task="cook a steak in a pan",
            advice=(
                ("dry the meat well with a paper towel", "water on the surface stops it from browning"),
                ("salt the steak an hour before cooking", "the salt has time to reach the middle"),
                ("heat the pan until the oil shimmers", "a cool pan stews the meat"),
                ("turn the steak every minute", "it cooks more evenly that way"),
                ("rest the meat on a warm plate", "the juices settle instead of running out"),
            ),
            technical=(
                "Medium rare corresponds to a core temperature of 54 °C, before significant myosin denaturation.",
                "Surface dehydration accelerates Maillard browning, as evaporation limits the temperature to 100 °C.",
            ),
            examples=(
                "a steak as thick as your thumb needs about six minutes in total",
                "a spoonful of butter and a sprig of thyme in the last minute makes a quick sauce",
            ),
            story="I filled my flat with smoke on the first try and ate a grey steak by the open window",
            questions=("How thick is the piece of meat?", "Do you own a kitchen thermometer?"),
        ),
        Subject(
            task="plan my meals for the whole week",
            advice=(
                ("pick three dinners and repeat them", "a short menu saves money and thinking"),
                ("cook a double portion of rice or beans", "it becomes lunch on the next day"),
                ("write the shopping list by shelf", "one quick round through the shop is enough"),
                ("keep one evening free for leftovers", "nothing in the fridge goes to waste"),
                ("chop the vegetables on Sunday", "the hard part is done before the week starts"),
            ),
            technical=(
                "Batch preparation reduces variable labour, while inventory rotation minimises spoilage.",
                "Refrigeration below 4 °C restricts bacterial proliferation in prepared portions for four days.",
            ),
            examples=(
                "a roast chicken on Monday becomes a salad on Tuesday and a soup on Wednesday",
                "one pot of beans fills tacos, tops a salad and thickens a stew",
            ),
            story="I threw away a bag of wilted greens every Friday until I began to plan three dinners ahead",
            questions=("How many evenings do you eat at home?", "Which meals does everyone at your table like?"),
        ),
        Subject(
            task="make fresh pasta without a machine",
            advice=(
                ("mix one egg for every hundred grams of flour", "this ratio is easy to handle by hand"),
                ("knead the dough for ten full minutes", "a smooth dough does not tear later"),
                ("let the dough rest under a bowl", "rested dough rolls out with half the effort"),
                ("roll from the middle to the edge", "the sheet stays even in thickness"),
                ("boil the pasta in plenty of salted water", "the strands need room to move"),
            ),
            technical=(
                "Protein content around 12 % provides sufficient elasticity without excessive gluten resistance.",
                "Semolina particles reduce surface adhesion between laminated sheets during hydration.",
            ),
            examples=(
                "two eggs and two hundred grams of flour feed two hungry people",
                "a clean wine bottle makes a perfectly good rolling pin",
            ),
            story="I rolled my first sheet so thick that my brother asked for a knife, and we laughed for weeks",
            questions=("Which shape do you want to make?", "How much space do you have for rolling?"),
        ),
        Subject(
            task="cook rice that is not sticky",
            advice=(
                ("rinse the rice until the water runs clear", "loose starch is what glues the grains together"),
                ("measure the water with care", "too much of it turns the rice into porridge"),
                ("keep the lid on the whole time", "the escaping steam is part of the recipe"),
                ("turn off the heat and wait ten minutes", "the grains finish cooking in the steam"),
                ("loosen the rice with a fork", "a spoon presses the grains together"),
            ),
            technical=(
                "High amylose varieties remain separate, because amylopectin is responsible for surface adhesion.",
                "The absorption method requires a volumetric ratio near 1.5 under continuous evaporation control.",
            ),
            examples=(
                "one cup of basmati with a cup and a half of water comes out light and dry",
                "yesterday's rice from the fridge is the best start for fried rice",
            ),
            story="I lifted the lid every two minutes for years and wondered why my rice turned to glue",
            questions=("What type of rice are you cooking?", "Do you use a pot or a rice cooker?"),
        ),
    ),
)
