"""Personal finance."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

FINANCE = Topic(
    name="personal finance",
    context="household",
    situations=(
        "My income is modest but steady.",
        "I share an account with my partner.",
        "I started my first job this year.",
        "Numbers are not my strong side.",
        "My income changes from month to month.",
        "I would like to see results within a year.",
    ),
    subjects=(
        Subject(
            task="build an emergency fund",
            advice=(
                ("open a separate savings account", "money out of sight is harder to spend"),
                ("send a fixed sum there on payday", "what never reaches your wallet is not missed"),
                ("aim for one month of costs first", "a near goal keeps you going"),
                ("put every refund into the fund", "found money hurts the least to save"),
                ("refill the fund after each use", "the next surprise is already on its way"),
            ),
            technical=(
                "Maintain three to six months of expenditure in liquid instruments with negligible volatility.",
                "Automated transfers exploit commitment mechanisms against hyperbolic discounting.",
            ),
            examples=(
                "fifty a month becomes six hundred in a year without any effort",
                "a broken boiler is then a nuisance and not a disaster",
            ),
            story="my car broke down in the same week as my tooth, and the little fund I had paid for both",
            questions=("What does a normal month cost you?", "How much do you have set aside today?"),
        ),
        Subject(
            task="pay off my credit card debt",
            advice=(
                ("list every debt with its interest rate", "you cannot beat what you do not see"),
                ("pay the most expensive card first", "it costs you more every single day"),
                ("stop using the cards for now", "a leaking boat has to be closed before it is emptied"),
                ("ask the bank for a lower rate", "they would rather wait than lose you"),
                ("pay a little more than the minimum", "the minimum is designed to last for years"),
            ),
            technical=(
                "The avalanche method minimises cumulative interest by prioritising the highest percentage rate.",
                "Consolidation at a lower nominal rate is advantageous only without extended amortisation.",
            ),
            examples=(
                "thirty extra a month cuts years from a debt of two thousand",
                "a letter to the bank takes ten minutes and saves a hundred a year",
            ),
            story="I paid the minimum on my card for four years and then saw that I still owed almost all of it",
            questions=("How many cards are involved?", "What interest rate are you paying?"),
        ),
        Subject(
            task="make a budget that I can keep",
            advice=(
                ("write down all spending for a month", "a plan needs honest numbers"),
                ("sort your costs into needs, wishes and savings", "three drawers are easier than thirty"),
                ("give yourself some free money", "a budget without fun does not last"),
                ("check the plan every Sunday", "small mistakes are easy to mend early"),
                ("set aside a twelfth of each yearly bill", "insurance always arrives at a bad time"),
            ),
            technical=(
                "Allocating 50 % to necessities, 30 % to discretionary and 20 % to savings provides a baseline.",
                "Accrual of annual liabilities into monthly provisions smooths expenditure volatility.",
            ),
            examples=(
                "three labelled envelopes with cash do the job of any app",
                "one shared note on the fridge keeps both partners informed",
            ),
            story="I built a beautiful spreadsheet with forty rows, and I gave up on it after nine days",
            questions=("Which cost surprised you last month?", "Do you pay mostly by card or in cash?"),
        ),
        Subject(
            task="start investing with little money",
            advice=(
                ("clear expensive debt before you invest", "no fund pays as much as a credit card costs"),
                ("buy one broad index fund", "it spreads your money over the whole market"),
                ("invest the same amount every month", "nobody knows the right day to buy"),
                ("compare the yearly fees", "a small fee grows large over decades"),
                ("leave the money alone for ten years", "time does most of the work"),
            ),
            technical=(
                "Diversification eliminates idiosyncratic risk, whereas systematic volatility remains compensated.",
                "An expense ratio of 0.2 % preserves compounding that a 1.5 % ratio would substantially erode.",
            ),
            examples=(
                "twenty a week in a world fund grows to a decent sum in fifteen years",
                "a fund that follows a thousand companies shrugs off the failure of one",
            ),
            story="I bought a single share on a tip from my uncle, and it taught me to love boring funds",
            questions=("When will you need this money?", "How would you feel about a fall of a third?"),
        ),
        Subject(
            task="save for a house deposit",
            advice=(
                ("fix the sum and the date on paper", "a vague wish does not save anything"),
                ("cut one large cost instead of ten small ones", "rent and cars decide more than coffee"),
                ("keep the deposit in a safe account", "a crash must not delay your move"),
                ("bank every pay rise for a year", "you do not miss what you never had"),
                ("look for state help for first buyers", "many people never ask for it"),
            ),
            technical=(
                "A loan-to-value ratio beneath 80 % generally eliminates mortgage insurance premiums.",
                "Short horizons favour capital preservation, since sequence risk dominates expected returns.",
            ),
            examples=(
                "a cheaper flat for two years brings in more than any savings trick",
                "selling a second car adds a lump sum and lowers the monthly bills",
            ),
            story="my wife and I moved into a tiny flat for two years, and it paid for half of our deposit",
            questions=("In which area are you looking?", "By which year do you want to move?"),
        ),
        Subject(
            task="lower my monthly bills",
            advice=(
                ("go through the last bank statement line by line", "forgotten subscriptions hide there"),
                ("call your phone company", "new customers pay less until old ones complain"),
                ("compare your insurance once a year", "loyalty is rarely rewarded"),
                ("lower the heating by one degree", "you feel it on the bill before you feel it in the room"),
                ("share subscriptions within the family", "one plan serves several people"),
            ),
            technical=(
                "Heating consumption declines approximately 6 % per degree of thermostat reduction.",
                "Tariff comparison should incorporate standing charges, cancellation penalties and indexation clauses.",
            ),
            examples=(
                "one phone call about an old contract saves ten a month for years",
                "a gym that nobody visits costs as much as a nice dinner",
            ),
            story="I found a music service on my statement that I had cancelled in my head but never in reality",
            questions=("Which bill is the largest?", "When did you last compare prices?"),
        ),
    ),
)
