"""Home repair."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

HOME_REPAIR = Topic(
    name="home repair",
    context="household",
    situations=(
        "I rent the flat, so I have to be careful.",
        "The house was built in the sixties.",
        "I own only a basic set of tools.",
        "I have two left hands.",
        "A professional would cost too much for me.",
        "I want to finish it in one weekend.",
    ),
    subjects=(
        Subject(
            task="fix a dripping tap",
            advice=(
                ("turn off the water under the sink", "an open pipe floods a room in minutes"),
                ("close the drain with a cloth", "small screws love to vanish"),
                ("take the old washer to the shop", "the sizes look alike but differ"),
                ("clean the seat before you put the new part in", "grit ruins a fresh seal"),
                ("tighten the parts only by hand at first", "too much force cracks the fitting"),
            ),
            technical=(
                "Calcium deposits on the ceramic cartridge compromise the elastomer seal under 3 bar pressure.",
                "Apply silicone lubricant to the spindle threads, since petroleum derivatives degrade rubber.",
            ),
            examples=(
                "a washer that costs less than a coffee stops most drips",
                "a photo of each step shows you the way back",
            ),
            story="I forgot to close the valve once and learnt how fast a bathroom fills with water",
            questions=("Does it drip from the spout or from the handle?", "How old is the tap?"),
        ),
        Subject(
            task="paint a room without streaks",
            advice=(
                ("wash the walls first", "paint does not hold on dust and grease"),
                ("tape the edges with care", "a straight line is what people notice"),
                ("roll from wet into wet", "dried edges show as stripes"),
                ("buy a good roller", "a cheap one sheds on the wall"),
                ("wait for the first coat to dry", "a rushed second coat pulls off the first"),
            ),
            technical=(
                "Maintain a wet edge and 55 % relative humidity to control evaporation and film coalescence.",
                "Alkaline plaster requires a penetrating primer to equalise substrate absorption.",
            ),
            examples=(
                "a room of fifteen square metres takes one person about a day",
                "tape pulled off while the paint is damp leaves a clean line",
            ),
            story="I painted my first bedroom at night, and the morning sun showed me every single stripe",
            questions=("What colour is the wall now?", "How much light does the room get?"),
        ),
        Subject(
            task="hang shelves on a plaster wall",
            advice=(
                ("knock on the wall to find solid ground", "a hollow spot needs another plug"),
                ("check for pipes and cables", "one wrong hole costs more than the shelf"),
                ("mark the holes with a level", "the eye sees a tilt of one degree"),
                ("use plugs that suit the wall", "the screw is only as strong as its plug"),
                ("load the shelf slowly", "a weak fixing shows itself before it fails"),
            ),
            technical=(
                "Toggle anchors distribute shear across lath and plaster, with a nominal capacity of 15 kg.",
                "An electromagnetic detector identifies live conductors and galvanised pipework behind the substrate.",
            ),
            examples=(
                "four screws into wooden studs carry a full row of books",
                "a sheet of paper folded under the drill catches all of the dust",
            ),
            story="I hung a shelf by eye, and at dinner we watched my mother's vase roll slowly to the left",
            questions=("What will stand on the shelf?", "Is the wall hollow when you knock?"),
        ),
        Subject(
            task="unblock a slow drain",
            advice=(
                ("pull out the hair with a hook", "it is the cause nine times out of ten"),
                ("use a plunger with some water in the sink", "water pushes better than air"),
                ("open the trap under the sink", "most blocks sit right there"),
                ("leave harsh chemicals in the shop", "they harm the pipes and your lungs"),
                ("fit a small sieve afterwards", "what stays out cannot block"),
            ),
            technical=(
                "Surfactant residue and keratin fibres accumulate at the siphon, reducing hydraulic diameter.",
                "Caustic hydroxide cleaners generate exothermic reactions that deform polypropylene fittings.",
            ),
            examples=(
                "a bent piece of wire clears a shower in two minutes",
                "a bucket under the trap keeps the cupboard dry",
            ),
            story="I poured three bottles of cleaner down my sink before I found a toy soldier in the trap",
            questions=("Which drain is slow?", "Do other drains gurgle as well?"),
        ),
        Subject(
            task="stop a draught from my old windows",
            advice=(
                ("hold a candle near the frame", "the flame shows where the air comes in"),
                ("stick foam tape along the frame", "it closes most gaps in an hour"),
                ("replace the cracked putty", "old putty lets in rain as well as wind"),
                ("adjust the hinges", "a sagging window never closes tightly"),
                ("hang heavy curtains for the night", "they keep the warm air inside"),
            ),
            technical=(
                "Infiltration through unsealed perimeter joints accounts for 25 % of convective heat loss.",
                "Secondary glazing lowers thermal transmittance from 5 to 2.7 watts per square metre kelvin.",
            ),
            examples=(
                "a roll of foam tape for a few coins seals three windows",
                "a thin film on the inner frame acts like a second pane",
            ),
            story="I wore a hat at my own desk for a winter, and then a roll of tape solved it in an afternoon",
            questions=("Are the frames made of wood?", "Where do you feel the cold air?"),
        ),
        Subject(
            task="remove mould from my bathroom",
            advice=(
                ("open the window after every shower", "mould lives on the water in the air"),
                ("scrub the spots with strong alcohol", "it kills what soap only wipes away"),
                ("wear gloves and a mask", "the spores are bad for your lungs"),
                ("replace stained silicone", "the roots sit too deep to clean"),
                ("keep the room a little warm", "cold walls gather water"),
            ),
            technical=(
                "Mould proliferates above 70 % relative humidity on surfaces beneath the dew point.",
                "Isopropanol at 70 % concentration denatures fungal proteins without depositing nutrients.",
            ),
            examples=(
                "ten minutes with an open window dries the room after a bath",
                "a cheap meter on the shelf shows when the air is too damp",
            ),
            story="I painted over the black spots in my first flat, and three weeks later they greeted me again",
            questions=("Is there a window in the room?", "How large is the stained area?"),
        ),
    ),
)
