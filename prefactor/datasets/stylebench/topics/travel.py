"""Travel."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

TRAVEL = Topic(
    name="travel",
    context="personal",
    situations=(
        "I am leaving in three weeks.",
        "My budget is quite tight.",
        "I have never planned a trip by myself.",
        "I get nervous about things going wrong.",
        "This is my first big trip in years.",
        "I will be on my own most of the time.",
    ),
    subjects=(
        Subject(
            task="pack for a long trip with one small bag",
            advice=(
                ("lay everything out and remove a third", "you wear the same few things anyway"),
                ("choose clothes in two matching colours", "every piece then goes with every other"),
                ("wear your heaviest shoes on the plane", "they take up the most room in a bag"),
                ("roll soft clothes instead of folding them", "rolls fill the gaps and crease less"),
                ("plan to wash clothes once a week", "a week of clothes is enough for a month"),
            ),
            technical=(
                "Merino fabrics combine moisture regulation with antimicrobial properties at 150 grams of weight.",
                "Compression cubes reduce volumetric capacity requirements but leave gravimetric limits unaffected.",
            ),
            examples=(
                "three shirts, two pairs of trousers and one jacket are enough for two weeks",
                "a bar of solid shampoo replaces two bottles and never leaks",
            ),
            story="I dragged a huge suitcase up the steps of every bridge in Venice and swore never to do it again",
            questions=("How warm is the place you are going to?", "What is the size limit of your airline?"),
        ),
        Subject(
            task="find cheap flights to Japan",
            advice=(
                ("search across a whole month", "moving a flight by two days changes the price a lot"),
                ("fly in the middle of the week", "fewer people want those seats"),
                ("compare all of the nearby airports", "a short train ride is cheaper than a direct flight"),
                ("set a price alert and wait", "sales to popular cities come around several times a year"),
                ("check the luggage rules before you pay", "a cheap ticket without a bag is not a cheap ticket"),
            ),
            technical=(
                "Airline revenue management reprices fare classes continuously according to booking elasticity.",
                "An open jaw itinerary avoids redundant domestic positioning between Tokyo and Osaka.",
            ),
            examples=(
                "a flight on a Tuesday in late January costs half as much as one in cherry season",
                "landing in Tokyo and leaving from Osaka saves a day and a train ticket",
            ),
            story="I paid double for my first ticket to Tokyo, because I booked on a Friday night in a rush",
            questions=("Which month do you want to travel in?", "How flexible are your dates?"),
        ),
        Subject(
            task="get over jet lag quickly",
            advice=(
                ("set your watch to local time on the plane", "your habits follow the clock you look at"),
                ("walk outside in the morning light", "daylight is the strongest signal to your body"),
                ("stay awake until nine in the evening", "a long nap resets nothing"),
                ("eat breakfast at the local hour", "meals tell your body what time it is"),
                ("leave coffee alone after lunch", "it is still at work when you want to sleep"),
            ),
            technical=(
                "Circadian phase advances about one hour per day, with melatonin secretion lagging behind.",
                "Exposure above 2500 lux suppresses melatonin and accelerates suprachiasmatic resynchronisation.",
            ),
            examples=(
                "an hour in a park after landing does more than a nap in the hotel",
                "two early nights before a flight to the east make the first day easier",
            ),
            story="I fell asleep in a bowl of noodles on my first evening in Seoul, and my hosts were kind about it",
            questions=("In which direction are you flying?", "How many hours of difference are there?"),
        ),
        Subject(
            task="plan a road trip through Scotland",
            advice=(
                ("plan no more than three hours of driving a day", "the roads are narrow and the views are slow"),
                ("book the first and the last night", "the days in between stay free"),
                ("fill the tank before the Highlands", "petrol stations are far apart up there"),
                ("carry a rain jacket and warm layers", "the weather turns four times a day"),
                ("learn how passing places work", "most northern roads have a single lane"),
            ),
            technical=(
                "Single carriageway gradients in the northern Highlands reduce average velocity to 55 km per hour.",
                "Offline navigation requires cached topographic tiles, given intermittent cellular coverage.",
            ),
            examples=(
                "Edinburgh, Glencoe, Skye and Inverness make a relaxed loop of eight days",
                "a thermos of tea turns every lay-by into a picnic",
            ),
            story="I met a flock of sheep on a bridge near Skye, and we waited for half an hour until they went home",
            questions=("How many days do you have?", "Do you prefer castles or mountains?"),
        ),
        Subject(
            task="stay safe while travelling alone",
            advice=(
                ("send your plan to one person at home", "someone then knows where to start looking"),
                ("arrive in new cities by daylight", "it is easier to judge a street in the sun"),
                ("keep a second card away from your wallet", "one theft does not end the trip"),
                ("take the first room near the stairs", "a short way out is worth more than a view"),
                ("trust your feeling and leave early", "politeness is never worth a risk"),
            ),
            technical=(
                "Encrypted document backups with multifactor authentication mitigate identity compromise abroad.",
                "Geolocation sharing intervals of 15 minutes balance battery consumption against traceability.",
            ),
            examples=(
                "a photo of your passport in your mail saves a day at the embassy",
                "a friendly hostel worker knows which streets to avoid after dark",
            ),
            story="I lost my wallet in Lisbon on the second day, and the spare card in my sock saved the whole trip",
            questions=("Which countries are on your route?", "Who knows where you are staying?"),
        ),
        Subject(
            task="enjoy a city in only two days",
            advice=(
                ("pick two districts and ignore the rest", "crossing town eats half of the day"),
                ("book one big sight in advance", "the queues are longest where everyone goes"),
                ("walk early before the shops open", "the streets belong to you at seven"),
                ("eat where there is no menu in English", "the locals know what is good"),
                ("leave one afternoon without a plan", "the best hours are found by accident"),
            ),
            technical=(
                "Clustering attractions by pedestrian proximity minimises intermodal transfer overhead.",
                "Timed admission systems distribute visitor density, with minimum occupancy before 9.30.",
            ),
            examples=(
                "one museum in the morning and one market in the afternoon make a full day",
                "the first bus of the day is a cheap and quiet tour",
            ),
            story="I ran through six museums in Rome in one day and remembered nothing but my sore feet",
            questions=("Which city are you visiting?", "What do you enjoy most when you travel?"),
        ),
    ),
)
