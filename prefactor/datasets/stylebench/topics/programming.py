"""Programming."""

from prefactor.datasets.stylebench.topics.topic import Subject, Topic

PROGRAMMING = Topic(
    name="programming",
    context="professional",
    situations=(
        "I mostly write Python.",
        "Our team has only three developers.",
        "I taught myself to program.",
        "The code is ten years old.",
        "My deadline is at the end of the month.",
        "I have an interview about this soon.",
    ),
    subjects=(
        Subject(
            task="find a bug that appears only sometimes",
            advice=(
                ("write down when it happens and when it does not", "the pattern is half of the answer"),
                ("make the program fail on purpose", "a bug that you can repeat is nearly fixed"),
                ("log the inputs of the failing step", "guesses cost more time than facts"),
                ("change one thing at a time", "two changes hide each other"),
                ("add a test once it is found", "old bugs like to come back"),
            ),
            technical=(
                "Nondeterminism frequently originates in race conditions, uninitialised memory or unordered iteration.",
                "Use bisection over the commit history and a deterministic scheduler to isolate the regression.",
            ),
            examples=(
                "a fault that shows up only on Mondays points to the weekly backup",
                "a loop that runs the test a thousand times overnight catches rare cases",
            ),
            story="I hunted a crash for a week, and it turned out that my clock changed to summer time",
            questions=("What is different when it fails?", "Which change came just before the first report?"),
        ),
        Subject(
            task="learn to write unit tests",
            advice=(
                ("begin with a function that has no side effects", "pure code is the easiest to check"),
                ("name each test after what it proves", "a failing name then explains itself"),
                ("test the edges before the middle", "empty and huge inputs break first"),
                ("keep every test fast", "slow tests are soon skipped"),
                ("break the code to see the test fail", "a test that cannot fail proves nothing"),
            ),
            technical=(
                "Parametrised fixtures and dependency injection decouple assertions from infrastructure.",
                "Mutation testing quantifies assertion strength better than branch coverage percentages.",
            ),
            examples=(
                "a function that adds tax needs a test for zero, for one and for a refund",
                "three small tests tell you more than one long one",
            ),
            story="I skipped tests on my first project, and one Friday release cost me the whole weekend",
            questions=("Which part of the code scares you most?", "What framework does your project use?"),
        ),
        Subject(
            task="review code from my colleagues",
            advice=(
                ("read the description before the code", "you need to know what it is meant to do"),
                ("ask for small changes", "nobody finds mistakes in a thousand lines"),
                ("comment on the code and not on the person", "people learn better when they feel safe"),
                ("say what is good as well", "praise shows what to repeat"),
                ("run the change yourself", "some faults are invisible on the page"),
            ),
            technical=(
                "Prioritise invariants, concurrency hazards and interface compatibility over formatting conventions.",
                "Automated linting and static analysis eliminate superficial discussion before human inspection.",
            ),
            examples=(
                "a note that asks what happens with an empty list opens a good talk",
                "a change of two hundred lines takes about half an hour to read well",
            ),
            story="I once left forty comments on one change, and my colleague did not speak to me until Thursday",
            questions=("How large is a typical change?", "Who decides when opinions differ?"),
        ),
        Subject(
            task="make a slow program faster",
            advice=(
                ("measure before you change anything", "the slow part is never where you expect it"),
                ("fix the slowest step first", "the rest hardly matters"),
                ("avoid repeating the same work", "a stored answer is the fastest one"),
                ("choose a better data structure", "a good lookup beats a clever loop"),
                ("stop when it is fast enough", "speed has a price in clear code"),
            ),
            technical=(
                "Replacing quadratic membership scans with hashing reduces complexity to amortised constant time.",
                "Profile allocation and cache locality, because memory bandwidth dominates vectorised throughput.",
            ),
            examples=(
                "a list that is searched a million times becomes quick as a set",
                "one query for a hundred rows replaces a hundred queries for one",
            ),
            story="I tuned a loop for two days and then found out that the program was waiting for the disk",
            questions=("How did you measure the time?", "How large is your data?"),
        ),
        Subject(
            task="understand a large unfamiliar codebase",
            advice=(
                ("start at the place where the program starts", "the first calls show the main parts"),
                ("follow one request from end to end", "one clear path explains more than a diagram"),
                ("read the tests", "they say what the authors had in mind"),
                ("draw the modules on paper", "your memory is too small for all of it"),
                ("fix a tiny bug in the first week", "nothing teaches like a real change"),
            ),
            technical=(
                "Dependency graphs and runtime instrumentation reveal architectural boundaries and cyclic coupling.",
                "Version history annotations recover design rationale that documentation omits.",
            ),
            examples=(
                "a click on the save button, traced down to the database, shows every layer",
                "the ten files that change most often are the heart of the system",
            ),
            story="I read files in alphabetical order for a week, and I understood nothing until I traced one request",
            questions=("How do you run it on your machine?", "Is there someone you can ask?"),
        ),
        Subject(
            task="choose a database for my project",
            advice=(
                ("write down the questions that the data must answer", "the queries matter more than the brand"),
                ("take a plain relational database first", "it fits nine projects out of ten"),
                ("estimate the size in three years", "most data stays smaller than we fear"),
                ("check who will run the backups", "a database without a restore is a risk"),
                ("try it with real data for a day", "a small trial beats a long debate"),
            ),
            technical=(
                "Evaluate transactional isolation, replication topology and indexing against access patterns.",
                "Denormalised document stores trade referential integrity for horizontal partitioning.",
            ),
            examples=(
                "a shop with ten thousand orders a day runs well on a single machine",
                "one file of SQLite is plenty for a tool that one person uses",
            ),
            story="I picked a fashionable database for my first product, and a year later I moved it back to tables",
            questions=("How many people write data at once?", "What must never get lost?"),
        ),
    ),
)
