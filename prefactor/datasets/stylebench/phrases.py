"""What responses are made of beside their content: frames and set phrases of each style.

Advice frames take ``{do}`` or ``{Do}`` (a bare infinitive, the latter capitalised) and ``{why}`` (a clause). They are
keyed by register (casual, plain, formal) and stance (hedged, plain, firm). All phrases are written without
contractions: a casual sentence gets its contractions from :func:`contracted`.
"""

import re

Register = str  # casual | plain | formal
Stance = str  # hedged | plain | firm

WITH_REASON: dict[tuple[Register, Stance], tuple[str, ...]] = {
    ("plain", "plain"): (
        "{Do}, because {why}.",
        "{Do}, since {why}.",
        "{Do}: {why}.",
        "It helps to {do}, because {why}.",
    ),
    ("plain", "firm"): (
        "You need to {do}, because {why}.",
        "Make sure that you {do}, because {why}.",
        "The key is to {do}: {why}.",
        "Without question, {do}, since {why}.",
        "You should definitely {do}, because {why}.",
    ),
    ("plain", "hedged"): (
        "You could {do}, since it seems that {why}.",
        "It might help to {do}, because {why}, at least in many cases.",
        "Perhaps you could {do}, as {why}.",
        "You may want to {do}, since more often than not {why}.",
        "I think that it could help to {do}, as it appears that {why}.",
    ),
    ("formal", "plain"): (
        "It is advisable to {do}, as {why}.",
        "I recommend that you {do}, given that {why}.",
        "One sound approach is to {do}, as {why}.",
        "It is recommended to {do}, for {why}.",
    ),
    ("formal", "firm"): (
        "It is essential to {do}, as {why}.",
        "You must {do}, given that {why}.",
        "It is imperative to {do}, for {why}.",
        "It is absolutely necessary to {do}, as {why}.",
    ),
    ("formal", "hedged"): (
        "It may be advisable to {do}, as it appears that {why}.",
        "It would perhaps be prudent to {do}, as {why}.",
        "It might be appropriate to {do}, given that {why} in many instances.",
        "One could possibly {do}, for it seems that {why}.",
    ),
    ("casual", "plain"): (
        "Just {do}, 'cause {why}.",
        "Go ahead and {do}; {why}.",
        "I would just {do}, you know, since {why}.",
        "You just {do}, okay, 'cause {why}.",
    ),
    ("casual", "firm"): (
        "You have got to {do}, 'cause {why}.",
        "Seriously, {do}, 'cause {why}.",
        "Do not even think about skipping this: {do}, 'cause {why}.",
        "Definitely {do}, okay? It is simple: {why}.",
    ),
    ("casual", "hedged"): (
        "Maybe just {do}, 'cause {why}, I guess.",
        "It is probably worth a shot to {do}, 'cause {why}, sort of.",
        "I would maybe {do}, since it kind of seems that {why}.",
        "You could try to {do}, 'cause I think {why}.",
    ),
}
WITHOUT_REASON: dict[tuple[Register, Stance], tuple[str, ...]] = {
    ("plain", "plain"): ("{Do}.", "It helps to {do}.", "A good move is to {do}."),
    ("plain", "firm"): (
        "You need to {do}.",
        "Make sure that you {do}.",
        "The key is to {do}.",
        "You should definitely {do}.",
    ),
    ("plain", "hedged"): (
        "You could {do}.",
        "It might help to {do}.",
        "Perhaps you could {do}.",
        "You may want to {do}.",
        "I think that it could help to {do}.",
    ),
    ("formal", "plain"): (
        "It is advisable to {do}.",
        "I recommend that you {do}.",
        "One sound approach is to {do}.",
    ),
    ("formal", "firm"): (
        "It is essential to {do}.",
        "You must {do}.",
        "It is imperative to {do}.",
        "It is vital to {do}.",
    ),
    ("formal", "hedged"): (
        "It may be advisable to {do}.",
        "It would perhaps be prudent to {do}.",
        "It might be appropriate to {do}.",
    ),
    ("casual", "plain"): ("Just {do}.", "Go ahead and {do}.", "You just {do}, okay.", "I would just {do}, you know."),
    ("casual", "firm"): (
        "You have got to {do}.",
        "Seriously, {do}.",
        "Definitely {do}, no excuses.",
        "You have really got to {do}, trust me.",
    ),
    ("casual", "hedged"): (
        "Maybe just {do}, I guess.",
        "It is probably worth a shot to {do}.",
        "I would maybe {do}.",
        "You could kind of just {do}.",
    ),
}
CONNECTORS: dict[Register, tuple[str, ...]] = {
    "casual": ("Oh, and ", "Plus, ", "Also, "),
    "plain": ("Then ", "Next, ", "Also, "),
    "formal": ("Furthermore, ", "In addition, ", "Moreover, "),
}
LIST_INTRODUCTIONS: dict[Register, tuple[str, ...]] = {
    "casual": ("Okay, here is the game plan:", "Here is the gist of it:", "So, this is what I would do:"),
    "plain": ("Here is a simple plan:", "These steps work well:", "This is what to do:"),
    "formal": (
        "I recommend the following approach:",
        "The following measures are advisable:",
        "The procedure consists of the following steps:",
    ),
}
EMPATHY = (
    "I understand how frustrating this can feel.",
    "It makes sense that you feel stuck.",
    "I am sorry that this has been so hard.",
    "It is completely normal to feel unsure here.",
    "You are not alone in finding this difficult.",
    "I can hear how much this matters to you.",
    "I know how discouraging a slow start can be.",
    "That sounds hard, and it is no wonder that you feel tired of it.",
    "Many people struggle with this, so please do not be hard on yourself.",
    "It is understandable to feel a little overwhelmed by all of this.",
    "I can imagine how much this has been weighing on you.",
)
REASSURANCE = (
    "Be gentle with yourself along the way.",
    "Please be patient with yourself.",
    "It is all right if it takes you a while.",
    "You are doing better than you feel right now.",
    "Be kind to yourself on the days when it does not work.",
    "Whatever happens, your feelings about this are valid.",
)
ENTHUSIASM = (
    "What a great question!",
    "I love that you are asking this!",
    "I am so glad that you asked!",
    "I am thrilled to help with this!",
    "How exciting that you are taking this on!",
    "I am really excited to help you with this!",
    "Oh, this is one of my favourite questions!",
)
CHEERS = (
    "You are going to do brilliantly!",
    "You will love how it turns out!",
    "The result is absolutely fantastic!",
    "It is amazing how quickly this pays off!",
    "Go for it, and enjoy every bit of it!",
    "It is such a wonderful feeling once it works!",
)
EXAMPLES: dict[Register, tuple[str, ...]] = {
    "casual": ("For example, {example}.", "Like, for instance, {example}.", "Say you want an example: {example}."),
    "plain": ("For example, {example}.", "For instance, {example}.", "As an example, {example}."),
    "formal": ("To illustrate, {example}.", "By way of example, {example}.", "For instance, {example}."),
}
FURTHER_EXAMPLES = ("Another example: {example}.", "A second example: {example}.")
STORIES = (
    "I still remember my own start: {story}.",
    "I once went through this myself: {story}.",
    "I once learnt this the hard way: {story}.",
    "A few years ago I was in the same spot: {story}.",
    "Let me tell you what happened to me: {story}.",
)
MORALS = (
    "That day taught me more than any book.",
    "I learnt a lot from it.",
    "I told the tale for years, and I never forgot it.",
    "I did it differently from then on.",
)
OPEN_QUESTIONS = (
    "What have you tried so far?",
    "Which part do you find hardest?",
    "What would a good result look like for you?",
    "How much time do you have for this?",
)
FIRM_CLOSINGS = ("That is all there is to it.", "Do this and it will work.", "Start with this today.")
HEDGED_CLOSINGS = (
    "Of course, it depends on your situation.",
    "It may work differently for you, though.",
    "I might be wrong about some of this.",
)
FORMAL_CLOSINGS = (
    "I trust that this will be of assistance.",
    "Please do not hesitate to request further information.",
    "I remain at your disposal for any further enquiries.",
)
CASUAL_CLOSINGS = (
    "Anyway, hope that is handy.",
    "Yeah, that is pretty much it.",
    "Okay, that is the stuff that counts.",
)
HUMOUR = (
    "If all else fails, blame the weather like the rest of us.",
    "No medals are awarded, but feel free to make your own.",
    "It beats wrestling a bear, and the paperwork is lighter.",
    "Cake is not strictly part of the plan, but nobody will check.",
    "The worst case is a funny tale for your next dinner party.",
    "Swearing under your breath is a recognised technique.",
)

_CONTRACTIONS = {
    "it is": "it's",
    "that is": "that's",
    "there is": "there's",
    "here is": "here's",
    "do not": "don't",
    "does not": "doesn't",
    "did not": "didn't",
    "is not": "isn't",
    "are not": "aren't",
    "cannot": "can't",
    "could not": "couldn't",
    "must not": "mustn't",
    "you are": "you're",
    "they are": "they're",
    "we are": "we're",
    "i am": "I'm",
    "i would": "I'd",
    "you will": "you'll",
    "it will": "it'll",
    "you have got": "you've got",
    "you have really got": "you've really got",
    "what is": "what's",
}
_CONTRACTIBLE = re.compile(
    r"\b(" + "|".join(sorted(_CONTRACTIONS, key=len, reverse=True)) + r")\b(?!\s*[.,;:!?]|\s+to\b|$)", re.IGNORECASE
)


def contracted(sentence: str) -> str:
    """``sentence`` with the contractions of spoken English; none at the end of a clause ("what time it is.")."""

    def shorter(match: re.Match[str]) -> str:
        short = _CONTRACTIONS[match[0].lower()]
        return short[0].upper() + short[1:] if match[0][0].isupper() else short

    return _CONTRACTIBLE.sub(shorter, sentence)


def capitalised(text: str) -> str:
    """``text`` with its first letter in upper case and the rest as it was."""
    return text[:1].upper() + text[1:]
