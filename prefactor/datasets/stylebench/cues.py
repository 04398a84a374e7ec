"""What gives a style away: patterns over a lower-cased sentence, as phrases rather than single words where one can."""

import re
from functools import lru_cache


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(patterns) + r")(?!\w)")


@lru_cache(maxsize=64)
def vocabulary(pattern: re.Pattern[str]) -> frozenset[str]:
    """The words that a pattern is written with."""
    return frozenset(re.findall(r"[a-z]+", re.sub(r"\\[a-zA-Z]", " ", pattern.pattern)))


FORMAL = _any(
    r"furthermore",
    r"moreover",
    r"in addition",
    r"consequently",
    r"therefore",
    r"thus",
    r"hence",
    r"nevertheless",
    r"accordingly",
    r"(?:given|provided) that",
    r"with (?:regard|respect) to",
    r"regarding",
    r"in order to",
    r"it (?:is|would be|may be|might be|would perhaps be) (?:\w+ly )?(?:advisable|essential|imperative|necessary|vital"
    r"|recommended|appropriate|prudent|important|reasonable) (?:to|that)",
    r"i (?:would )?(?:recommend|advise|suggest) that",
    r"i recommend",
    r"one (?:should|must|may|could|might|can)",
    r"one sound approach",
    r"the following \w+",
    r"to illustrate",
    r"by way of example",
    r"i trust that",
    r"do not hesitate",
    r"at your disposal",
    r"of assistance",
    r"(?:further )?(?:enquiries|inquiries)",
    r"you must \w+",
    r"in many instances",
    r"the procedure",
    r"consists? of",
    r"ensure that",
    r"(?<!\w)as (?:it|this|the|they|we|you|there|one) (?:\w+ ){0,2}(?:is|are|has|have|appears?)",
)
CASUAL = _any(
    r"(?<=n)'t|'re|'ll|'d|'ve|'m|(?<=it|at|re|ho|he|et)'s|'cause",
    r"gonna|wanna|gotta|kinda|sorta|dunno",
    r"yeah|yep|nope|okay|ok|hey",
    r"you know(?=[,.!]|$)",
    r"i guess",
    r"(?:kind|sort) of",
    r"got to",
    r"go ahead",
    r"trust me",
    r"no excuses",
    r"pretty much",
    r"stuff|cool|awesome|super",
    r"anyway",
    r"worth a shot",
    r"game plan",
    r"the gist",
    r"seriously|honestly",
    r"like, for instance",
    r"just(?= \w+)",
    r"plus(?=,)",
)
EMPATHY = _any(
    r"i (?:can |do |completely |really |truly )*(?:understand|hear|imagine|know|see|appreciate) (?:how|that|why|what)"
    r"(?= .*\b(?:feel|felt|feeling|hard|tough|frustrat\w+|discourag\w+|matters?|difficult|weigh\w+|stress\w+|worr\w+"
    r"|upset\w*|tiring|painful|overwhelm\w+|scary)\b)",
    r"(?:that|this|it) (?:sounds|must be|must feel|can be|can feel|feels) (?:\w+ )?(?:hard|tough|frustrating|difficult"
    r"|stressful|exhausting|painful|overwhelming|upsetting|lonely|scary)",
    r"(?:i'm|i am) (?:so |very |truly |really )?sorry (?:that|to hear|you|about|for what)",
    r"(?:it's|it is|that's|that is) (?:completely |perfectly |totally |quite |entirely |only )?(?:normal|natural"
    r"|understandable|okay|all right|no wonder)(?= (?:to|that|if|for)\b)",
    r"(?:makes|make) (?:complete |perfect |total )?sense that you",
    r"you(?:'re| are) (?:not alone|doing better)",
    r"(?:be|go) (?:\w+ )?(?:gentle|kind|patient|easy) (?:with|to|on) yourself",
    r"hard on yourself",
    r"your (?:feelings|worries|concerns|frustration|fears|emotions) (?:\w+ ){0,3}(?:are|is|make|makes) ",
    r"take all the time",
    r"i(?:'m| am) here for you",
    r"my heart goes out",
)
ORDINALS = re.compile(
    r"^(?:first|firstly|first of all|second|secondly|third|thirdly|fourth|fifth|then|next|after that|finally|lastly"
    r"|to begin with|to start)\b(?=,| )(?!.*\b(?:second|third|fourth|next|finally|lastly|steps?)\b)"
)
HEDGE = _any(
    r"perhaps|maybe|possibly|probably|presumably|arguably|potentially",
    r"might|may(?! \d)",
    r"could",
    r"(?:it |this |that |which )?(?:seems?|appears?)(?: to| that|,)",
    r"i (?:think|guess|suppose|believe|suspect)",
    r"(?:sort|kind) of",
    r"(?:it |this |that )?(?:all )?depends (?:on|upon)",
    r"in (?:many|most|some) cases",
    r"more often than not",
    r"tends? to",
    r"i would (?:maybe|perhaps|probably)",
    r"not (?:entirely )?(?:sure|certain)",
    r"likely|generally",
)
FIRM = _any(
    r"definitely|certainly|absolutely|undoubtedly|clearly",
    r"without (?:a doubt|question|fail|exception)",
    r"you (?:must|need to|have to|have got to|should definitely)",
    r"(?:you've|you have) (?:really )?got to",
    r"make sure",
    r"be sure to",
    r"the key is",
    r"(?:it is|it's) (?:absolutely )?(?:essential|imperative|vital|crucial|necessary)",
    r"seriously",
    r"no excuses",
    r"don't even think",
    r"do not even think",
    r"that(?:'s| is) all (?:there|you)",
    r"(?:it|this) (?:will|'ll) work",
    r"it'll work",
    r"start (?:with this )?(?:today|now)",
    r"do this",
    r"trust me",
    r"never (?=\w+)",
    r"always (?=\w+)",
    r"period(?=\.)",
)
EXAMPLE = _any(
    r"for example",
    r"for instance",
    r"e\.g\.?",
    r"such as",
    r"to illustrate",
    r"as an (?:example|illustration)",
    r"by way of example",
    r"(?:another|a second|one|a good|a simple|an) example",
    r"to give (?:you )?an example",
    r"(?:imagine|suppose|picture|consider|say) (?:that|you|a|an|someone)",
    r"take the case of",
)
FIRST_PERSON = re.compile(r"\b(?:i|me|my|mine|we|us|our|myself)\b(?!')")
PAST = re.compile(
    r"\b(?!(?:need|feed|speed|indeed|exceed|proceed|succeed|embed|hundred|advanced|based|related|interested|used|tired"
    r"|supposed|recommended|required|excited|thrilled|pleased)\b)(?:\w{2,}ed|was|were|had|went|came|took|made|found|put"
    r"|felt|thought|told|said|began|spent|kept|gave|bought|lost|left|knew|got|learnt|taught|saw|did|ran|ate|threw|drew"
    r"|wore|sat|fell|hung|forgot|brought|stood|met|paid|built|grew|sang|chose|woke|became|drove|wrote|lay)\b"
)
WHEN = re.compile(
    r"\b(?:once|ago|when i|when we|last (?:year|week|month|summer|winter|night)|years?|months?|weeks?|one day|that day"
    r"|at first|until|finally|later|then|the next|first time|in the end|remember|never forgot|back when|afterwards)\b"
)
STORY_WORD = re.compile(
    r"\b(?:i|me|my|we|us|our|once|ago|when|last|years?|day|first|until|finally|later|then|remember|was|were|had|went"
    r"|came|took|felt|told|story|ones?)\b"
)
WH_WORD = re.compile(r"\b(?:what|how|why|who|when|where|which|whose|question|ask|you|do|does|is|are)\b")
DELIGHT = _any(
    r"(?:so |really |very |absolutely |truly )?(?:excited|thrilled|delighted|glad|happy) (?:that|to|about|for|you)",
    r"(?:what an?|such an?) (?:\w+ )?(?:great|wonderful|fantastic|amazing|exciting|brilliant|lovely|fun|terrific"
    r"|fascinating|excellent|awesome|superb|marvellous)",
    r"how (?:exciting|wonderful|lovely|fantastic|amazing|cool)",
    r"(?:is|are|be|it's|was|feels|looks|sounds) (?:\w+ )?(?:amazing|fantastic|wonderful|brilliant|incredible|awesome"
    r"|exciting|thrilling|superb|terrific)",
    r"(?:i|you|you'll|we|you will) (?:\w+ )?(?:love|adore)",
    r"(?:my|our) favou?rite",
    r"enjoy every",
    r"(?:do|going) (?:\w+ ){0,2}brilliantly",
    r"go for it",
    r"can't wait|cannot wait",
    r"one of my favou?rite",
)
