"""Expert vocabulary: what tells a technical sentence from an everyday one."""

import re

from prefactor.datasets.stylebench.document import FUNCTION_WORDS, Sentence

_SUFFIX = re.compile(
    r"(?:[ts]ion|[ts]ions|ity|ities|isation|ization|ology|metric|meter|ance|ence|ency|ancy|ment|ments|ism|isms|osis"
    r"|ative|itive|ular|inal|onal|ical|etic|atic|ising|izing|ised|ised|ises|ified|ifies|ate|ates|gen|phic)$"
)
_QUANTITY = re.compile(
    r"\d+(?:[.,]\d+)?\s?(?:%|\u00b0\s?[cf]\b|percent\b|degrees?\b|(?:k|m|g|t)b\b|k?g\b|grams?\b|m[lm]\b|k?m\b|lux\b|bar\b"
    r"|hz\b|ms\b|kwh\b|watts?\b|micromet\w+|hours\b|participants\b|beats\b)"
)
_ABBREVIATION = re.compile(r"\b(?!OK\b|TV\b|UK\b|US\b|USA\b|EU\b)(?:[A-Z]{2,6}|p[HK])\b")
_EVERYDAY = """
ability absolutely accident accidentally accidents according achieve achieved action activities actually
addition additional adjust advance advantage advantages adventure advertised advice advisable afternoon
afternoons afterward afterwards airline airport airports alphabetical alternate answering anywhere apartment
apology apparently applications appreciate approach appropriate argument assistance attention audience
automatically available avoiding awareness backwards balance basement bathroom beautiful beautifully becoming
beforehand beginner beginners beginning behaviour believing benefits birthday biscuits breakfast brilliantly
bringing brought building business calendar calmly cancelled cancelling carefully carrying casserole celebrate
celebrity cement certain certainly challenge challenges challenging chance changing character checking chemicals
children chocolate choosing city classmate cleaning clearly climate climbing closeness clothing colleague
colleagues collecting collection comfortable comment comments committed communicate community companies company
comparing comparison complain completely concrete condition confession confidence confident confused confusing
connected consider considering consistent consistently consists constantly continue contrary conversation
countries create creative critical cupboard currently customers dance dangerous database date daughters debates
decade decades deciding decision decisions dedicated definitely delicious depending describe description
desperate details developing difference differences different differently difficult difficulty dinosaurs
direction disappear disappointed discouraging discover discovered discussing discussion discussions dishwasher
disposal distance districts document edinburgh education effective effectively efficient effort element
embarrassed emotional encourage encouraging engine enjoyable enjoying enquiries ensuring entrance envelopes
environment equipment especially essential essentially established estimate evening evenings eventually
everybody everything everywhere evidence exactly excellent excited exciting excuses exercise exercises exhausted
exhausting expecting expensive experience experiment explain explaining exploring expression extremely familiar
family fantastic fascinating fashionable favorite favourite feelings finally flatmate flavours focusing
following forgiveness forgotten fortunate forward freedom frequently friendly friends friendship friendships
frightened frightening frightens frustrated frustrating frustration furniture furthermore gardening gate
gathering generally generation generous girlfriend government gradually grandfather grandmother grandparents
grateful gravity greatest guidelines habits handling handwriting happened happening happier happily happiness
healthier helping hesitate highlands history holiday homework hopefully hospital household hungry husband
identify imagination imagine immediately imperative importance important importantly impossible imprecise
improve improvement improving increase incredible individual information ingredients instance instances
instantly instructions insurance intention interested interesting interests interrupt interview introduce
inverness invisible invitation invitations involved journey kilometres kitchen knowledge language languages late
laughing laughter lavatory learning leftovers lemonade lifestyle listeners listening literally location machine
machines magical maintain manageable managing marathon marvellous material materials meaningful measures medical
medicine meeting meetings mention mentioned message messages minutes mistakes moment moments moreover morning
motivated motivation motorbike mountain mountains movement musical nation national natural naturally necessary
neighbor neighborhood neighbour neighbours newspaper nothing noticeable noticing nuisance obstacles obviously
occasionally officially opening openness opportunity opposite option organised organized original otherwise
ourselves overnight overwhelmed overwhelming painting paperwork parents particular particularly passenger
passport patience patient pavement payment perfectly permission personal personality photograph photographs
physical picture planning plate playground pleasant pleasure police politeness political popular portion
position positive possibility possible possibly powerful practical practice practise practised practises
preference preferences prepared preparing presence present president pressure pretty previous priorities
priority private probably problem problems procedure professional progress project promised promises properly
protected protection providing prudent purchase quality quantity question questions rate reaching realise
realistic reality realize reasonable reasons recalling receiving recently recipes recognised recommend
recommendation recommendations recommended recruiters reflect refrigerator regarding regularly rehearsal
rehearsals relation relationship relatively relax relaxed reliable remaining remarkable remember remembered
remembering remembers reminder repeated repeating replacing respectful responsibility responsible restaurant
results rewarding safe sandwiches saturday schedule schedules science searched searching secondly section
sensible sentence sentences separate separately serious seriously setting settings several sharing shopping
shoulder shouting significant significantly silence similar simplest sincerely situation situations sleeping
slightly smallest solution solutions somebody something sometimes somewhere spaghetti specific specifically
spending spreadsheet standing starting state statement station stations stepping strangely strangers strategies
strategy strawberry strength strengthen strengths stressful stretched stretching stronger strongest structure
struggle struggles struggling student subscriptions successful successfully sudden suddenly suggestion
suggestions suitcase sunday supporting supportive supposed surface surprise surprised surprising sweetness
swimming teaching technique technology telephone television temperature tempting terrific thankful themselves
therefore thermometer thickness thinking thoroughly thoughtful thoughts thousands throughout throwing together
tolerance tomorrow tradition traditional training translate transport traveller travelling treating treatment
tremendous trouble trousers truthfully twenty-five typical typically ultimately underlined underneath understand
understandable understanding understands understood unexpected unfortunately unhappy uniform university unlikely
unusual upcoming updating usually vacation vacations valuable variety vegetable vegetables vegetarian version
violence visiting wandering watching wednesday weekends wellbeing whatever whenever wherever whichever willing
without wonderful wonderfully wondering worried worrying worthwhile wrestling writing yesterday yoghurt
yourselves
"""
EVERYDAY = frozenset(_EVERYDAY.split())  # long words that everyone uses
LONG = 9  # letters from which a word that is not an everyday one is taken for an expert's


def technical_terms(sentence: Sentence) -> list[str]:
    """Expert words and quantities of a sentence, in reading order."""
    words = [word for word in sentence.words if _is_expert(word)]
    return [*words, *_QUANTITY.findall(sentence.lowered), *_ABBREVIATION.findall(sentence.text)]


def _is_expert(word: str) -> bool:
    if word in FUNCTION_WORDS or word in EVERYDAY or len(word) < 7 or word[0].isdigit() or "'" in word:
        return False
    return len(word) >= LONG or _SUFFIX.search(word) is not None
