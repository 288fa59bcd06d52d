"""What a question is after: its type, and which side of that type.

Rules over the words of a question, tried in the order in which they are specific. They look only
at words of plain English, never at names; what the question is about comes in as flags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from enhanced_prompt_service.domain.answers import QuestionType
from enhanced_prompt_service.domain.events import GroupBy

from .timegrammar.lexicon import numbered
from .words import word_set

INTENT_WORDS = word_set(
    """rarest slowest calmest emptiest newest oldest fastest busier quieter calmer emptier scarcest
    commonest breakdown average busiest quietest compare versus longest shortest offline online
    recording cameras camera happened summarise summarize summary overview recap hourly daily
    number detect earliest latest events activity yesterday between"""
)


class Aspect(StrEnum):
    """Which side of its question type is asked for."""

    NONE = ""
    FIRST = "first"
    LAST = "last"
    MOST = "most"
    LEAST = "least"
    QUIET = "quiet"
    LONGEST = "longest"
    MEAN = "mean"
    THRESHOLD = "threshold"
    CAMERAS = "cameras"
    STATES = "states"
    DETECTS = "detects"
    SITES = "sites"
    ZONES = "zones"
    RECORDED = "recorded"
    ONE_EVENT = "one event"
    CLIPS = "clips"


@dataclass(frozen=True, slots=True)
class Intent:
    """`explicit` says that words of the question named it; otherwise it is a default."""

    type: QuestionType
    aspect: Aspect = Aspect.NONE
    group_by: GroupBy | None = None
    limit: int = 0
    explicit: bool = True


@dataclass(frozen=True, slots=True)
class About:
    """What else the question holds."""

    nouns: bool = False  # nouns or verbs of kinds
    places: bool = False  # names of the catalogue
    unknown: bool = False
    threshold: bool = False
    windows: bool = False  # a time phrase


_STATUS = (
    r"offline|online|working|running|recording|recordings?|live|alive|broken|dead|connected|disconnected|"
    r"functioning|operational|status|health|healthy|faulty|failing|unavailable|available"
)
_CAMERAS = r"(?:cameras?|cams?|cctv|devices?)"
_SMALL_NUMBERS = numbered("one two three four five six seven eight nine ten", 1)
_COUNTED = r"(\d{1,3}|" + "|".join(word for word in _SMALL_NUMBERS if word != "one") + r")"

_REGEX = {
    name: re.compile(pattern)
    for name, pattern in {
        "anomaly": r"\b(?:unusual|anomal\w+|out of the ordinary|suspicious|abnormal|weird|strange|"
        r"odd|irregular|than usual|than normal|unexpected)\b",
        "prediction": r"\b(?:forecast\w*|predict\w*|expect(?:ed|ing|s)?|anticipated?|"
        r"how busy will|will (?:it|there) be)\b",
        "least": r"\b(?:least|fewest|quietest|lowest|slowest|calmest|rarest)\b",
        "most": r"\b(?:busiest|highest|top|rank|ranking|ranked)\b|"
        r"(?<!\bat )\bmost\b(?! recent| of the (?:time|day)\b)",
        "quiet": r"\b(?:quiet|inactive|silent|no activity|nothing|no events|no one|nobody|empty)\b",
        "when": r"\b(?:when|what time|which time|last time|first time|most recent|latest|how long "
        r"ago|how long since|how recently|earliest)\b",
        "first": r"\b(?:first|earliest)\b",
        "last": r"\b(?:last|latest|most recent|how long ago|how long since|how recently)\b",
        "count": r"\b(?:how many|number of|count|counts|how often|total|totals|how much (?:traffic|"
        r"activity)|tally)\b",
        "dwell": r"\b(?:how long|longest|shortest|duration|durations|dwell|long did|length of|"
        r"(?:average|mean|median) (?:length|time|duration))\b",
        "mean": r"\b(?:average|mean|on average|typically|median)\b|\bhow long do(?:es)?\b",
        "compare": r"\b(?:compare|compared|compares|comparing|comparison|versus|vs|difference|"
        r"differ|differs|against)\b",
        "than": r"\b(?:more|less|fewer|\w+er)\b.*\bthan\b"
        r"(?! \d| an? (?:minute|hour|second)| (?:one|two|three|four|five|six|seven|eight|nine|ten|"
        r"half|fifteen|twenty|thirty) )",
        "or": r"\bmore\b.*\bor\b|\b(?:busier|quieter)\b.*\bor\b",
        "trend": r"\b(?:per|by|each|every|a) (hour|day|date|weekday|week)\b|"
        r"\b(hourly|daily|trend|trends|timeline|histogram|chart|graph|plot|curve)\b|"
        r"\b(hour by hour|day by day|over time|over the day|over the week|time of day)\b|"
        r"\b(?:per|by) (day of the week|hour of the day|hour of day)\b",
        "split": r"\b(?:per|by|each|for each) (camera|site|location|type|kind|zone|area|label|"
        r"building|event type)s?\b|\b(breakdown|break down|broken down)\b",
        "search": r"\b(?:find|search|look for|looking for|locate|searching|who)\b",
        "recap": r"\b(?:what happened|what's happened|what has happened|what went on|going on|"
        r"what was on|happening|summar\w+|recap|overview|catch me up|fill me in|what did i miss|"
        r"report|rundown|roundup|highlights|digest|briefing|debrief|what's up|what's new|"
        r"what is new|situation|show|list|tell me|give me|play|pull up|what did|what do|"
        r"what was|what were|bring up|update me|brief me)\b",
        "existence": r"^(?:(?:please|can|could|would|you|check|tell|me|see|know|do|hi|hey|hello|"
        r"and|so|ok|okay|whether|if|also|but|i|want|to) )*(?:did|was|were|has|have|had|is|are|does|"
        r"any|anyone|anybody|anything|someone|somebody|are there|is there|do we|do any)\b|"
        r"\b(?:whether|did any\w*|was there|were there|has any\w*|have any\w*|is there|are there|"
        r"any sign|if any\w*|was any\w*|were any\w*)\b",
        "limit": rf"\b(?:top|first|last|latest|most recent|newest|next) {_COUNTED}\b|\b{_COUNTED} "
        r"(?:busiest|quietest|most|least|latest|newest|highest|lowest|longest)\b",
    }.items()
}


def classify(text: str, about: About) -> Intent:
    """The type of a question. `text` is its words and numbers, lower case, single spaces, without
    those that a time phrase took."""
    for rule in (_anomaly, _ranked, _health, _compared, _dwelt, _trended, _split, _timed):
        found = rule(text, about)
        if found is not None:
            return found
    if _has("count", text):
        return Intent(QuestionType.COUNT)
    if re.search(r"\b(?:find|search|look for|looking for|locate|searching)\b", text):
        return Intent(QuestionType.SEARCH, limit=_limit(text))
    if _has("existence", text) and not re.search(r"^(?:what|which|who|show)\b", text):
        return Intent(QuestionType.EXISTENCE)
    if _has("search", text) and (about.nouns or about.unknown):
        return Intent(QuestionType.SEARCH, limit=_limit(text))
    if _has("recap", text):
        shown = re.search(r"\b(?:show|list|give me|play|pull up|bring up)\b", text)
        if shown and (about.nouns or about.unknown):
            return Intent(QuestionType.SEARCH, limit=_limit(text))
        return Intent(QuestionType.RECAP, limit=_limit(text))
    if about.nouns or about.unknown:
        return Intent(QuestionType.SEARCH, limit=_limit(text), explicit=False)
    return Intent(QuestionType.RECAP, limit=_limit(text), explicit=False)


def _has(name: str, text: str) -> bool:
    return _REGEX[name].search(text) is not None


def _limit(text: str) -> int:
    found = _REGEX["limit"].search(text)
    if found is None:
        return 0
    said = next(group for group in found.groups() if group)
    return min(_SMALL_NUMBERS.get(said) or int(said), 50)


def _anomaly(text: str, about: About) -> Intent | None:
    del about
    if _has("anomaly", text):
        return Intent(QuestionType.ANOMALY)
    return Intent(QuestionType.PREDICTION) if _has("prediction", text) else None


def _ranked(text: str, about: About) -> Intent | None:
    """Superlatives over groups, and "which cameras were quiet"."""
    del about
    least, most = _has("least", text), _has("most", text)
    if re.search(r"\b(?:longest|shortest)\b", text) or re.search(r"\bat (?:most|least)\b", text):
        return None
    which = re.search(r"\b(?:which|what) (\w+ )*?(cameras?|sites?|zones?|places?|areas?)\b", text)
    none = re.search(r"\b(?:saw|had|have|with|see|recorded|showed|got) no \w+", text)
    if which and none and not (least or most):
        return Intent(QuestionType.RANK, Aspect.QUIET, _key(which.group(2)) or GroupBy.CAMERA)
    if which and _has("quiet", text) and not (least or most):
        key = _key(which.group(2)) or GroupBy.CAMERA
        return Intent(QuestionType.RANK, Aspect.QUIET, key)
    if which and re.search(r"\b(?:was|were|are|is) (?:the )?busy\b", text):
        return Intent(QuestionType.RANK, Aspect.MOST, _key(which.group(2)), _limit(text))
    if not (least or most):
        return None
    if re.search(r"\btop\b", text) and not re.search(r"\btop \w+", text) and not least:
        return None
    if _has("than", text) or re.search(r"\bmost recent\b", text):
        return None
    aspect = Aspect.LEAST if least else Aspect.MOST
    return Intent(QuestionType.RANK, aspect, _rank_key(text), _limit(text))


def _rank_key(text: str) -> GroupBy:
    if re.search(r"\b(?:hour of (?:the )?day|time of (?:the )?day)\b", text):
        return GroupBy.HOUR_OF_DAY
    if re.search(r"\b(?:weekdays?|day of (?:the )?week)\b", text):
        return GroupBy.WEEKDAY
    asked = re.search(
        r"\b(?:which|what|busiest|quietest|top \w+|rank(?: the)?|most \w+|least \w+|fewest|"
        r"\w+ least \w+|\w+ most \w+|active|common|frequent) (?:\w+ ){0,4}?"
        r"(cameras?|cams?|hours?|days?|dates?|sites?|locations?|buildings?|places?|zones?|areas?|types?|kinds?|labels?|sorts?|time)\b",
        text,
    )
    if asked:
        found = _key(asked.group(1))
        if found is not None:
            return found
    if re.search(r"\b(?:when|what time|busiest time)\b", text):
        return GroupBy.LOCAL_HOUR
    for word in text.split():
        found = _key(word)
        if found is not None:
            return found
    if re.search(r"\bwhere\b", text):
        return GroupBy.CAMERA
    if re.search(r"\b(?:common\w*|often|frequent\w*|happen\w*|events?)\b", text):
        return GroupBy.EVENT_TYPE
    return GroupBy.CAMERA


def _key(word: str) -> GroupBy | None:
    keys = {
        "camera": GroupBy.CAMERA,
        "cam": GroupBy.CAMERA,
        "site": GroupBy.SITE,
        "location": GroupBy.SITE,
        "building": GroupBy.SITE,
        "place": GroupBy.CAMERA,
        "zone": GroupBy.ZONE,
        "area": GroupBy.ZONE,
        "hour": GroupBy.LOCAL_HOUR,
        "time": GroupBy.LOCAL_HOUR,
        "day": GroupBy.LOCAL_DATE,
        "date": GroupBy.LOCAL_DATE,
        "weekday": GroupBy.WEEKDAY,
        "type": GroupBy.EVENT_TYPE,
        "kind": GroupBy.EVENT_TYPE,
        "sort": GroupBy.EVENT_TYPE,
        "event type": GroupBy.EVENT_TYPE,
        "label": GroupBy.LABEL,
        "object": GroupBy.LABEL,
    }
    return keys.get(word) or keys.get(word.removesuffix("s"))


def _health(text: str, about: About) -> Intent | None:
    """The cameras themselves, what can be seen, and when footage exists."""
    health = QuestionType.HEALTH
    if about.nouns and not re.search(rf"\b{_CAMERAS}\b.*\b(?:offline|online)\b", text):
        return None
    detects = (
        r"\bwhat (?:all )?(?:can|do|could) (?:you|the cameras|the system|it|we|i) (?:\w+ )?"
        r"(?:detect|see|tell|answer|recogni[sz]e|track|identify|ask|know about)\b|"
        r"\b(?:what|which|list|show)\b.*\b(?:event types?|types? of events?|kinds? of events?|"
        r"event kinds?|labels|types of (?:activity|activities|objects))\b|"
        r"\b(?:what|which) (?:kinds?|sorts?|types?) of things\b|\bwhat (?:things )?can (?:you|i)\b"
    )
    if re.search(detects, text) and not about.threshold:
        return Intent(health, Aspect.DETECTS)
    camera = re.search(rf"\b{_CAMERAS}\b", text) is not None
    everything = re.search(r"\b(?:everything|all|anything|any|it|system)\b", text) is not None
    about_cameras = camera or about.places or everything
    status = re.search(rf"\b(?:{_STATUS})\b", text)
    ends = re.search(r"\b(?:is|are|was|were|which)\b.*\b(?:up|down|off)$", text)
    footage = re.search(
        r"\b(?:how much (?:footage|video|was recorded|is recorded|recording)|"
        r"(?:is|are|was|were) there (?:any )?(?:footage|video|recordings?|coverage)|"
        r"when (?:is|was|were|did|do|are|have) .*(?:recorded|recording|record|footage)|"
        r"(?:hours|times) (?:were|was) recorded|coverage|what (?:was|is|has been) recorded|"
        r"gaps? in|which (?:hours|days|times) .*record\w*|have footage|any footage$|any video$)\b",
        text,
    )
    if footage and not about.unknown:
        return Intent(health, Aspect.RECORDED)
    if about_cameras and (status or ends) and not about.unknown:
        word = status.group(0) if status else ""
        listing = word.startswith("recordings") or (word == "recording" and "show" in text)
        if not listing:
            past = about.windows and re.search(r"\b(?:was|were|did|went|had|been)\b", text)
            return Intent(health, Aspect.RECORDED if past else Aspect.STATES)
    lists = re.search(
        rf"\b(?:what|which|list|show|how many|have|is there|are there|name|where is|all|do we|do i|"
        rf"got|own|called|named|number of)\b.*\b{_CAMERAS}\b|\b{_CAMERAS}\b.*\b(?:list|have|called|"
        r"named|exist|are there|do i)\b",
        text,
    )
    events = re.search(
        r"\b(?:see|saw|seen|show me what|happened|events?|activity|busy|quiet|footage|clips?|most|"
        r"recorded|compare|happening|going on|summary|recap|report)\b",
        text,
    )
    alone = len(text.split()) <= 5 and not about.unknown and not _has("trend", text)
    lists = lists or (alone and not re.search(r"\b(?:compare|versus|vs|and|than)\b", text))
    if camera and lists and not events and not about.unknown and not about.windows:
        return Intent(health, Aspect.CAMERAS)
    named = re.search(
        r"\b(?:which|what|list|show|how many|name|number of|all)\b.*?\b(sites?|locations?|"
        r"buildings?|zones?|areas?|places?)\b",
        text,
    )
    if named and not events and not about.windows and not about.unknown:
        zones = named.group(1).startswith(("zone", "area"))
        return Intent(health, Aspect.ZONES if zones else Aspect.SITES)
    return None


def _compared(text: str, about: About) -> Intent | None:
    del about
    alone = re.search(r"\b(?:busier|quieter|calmer)\b", text)
    if not (alone or _has("compare", text) or _has("than", text) or _has("or", text)):
        return None
    less = re.search(r"\b(?:less|fewer|quieter|lower|calmer|emptier|slower)\b", text)
    more = re.search(r"\b(?:more|busier|higher|greater|louder)\b", text)
    asked = re.search(r"^(?:\w+ ){0,3}?(?:did|was|were|is|are|do|does|has|have)\b", text)
    aspect = Aspect.NONE
    if asked and (less or more) and not _has("or", text):
        aspect = Aspect.LEAST if less else Aspect.MOST
    return Intent(QuestionType.COMPARE, aspect)


def _dwelt(text: str, about: About) -> Intent | None:
    if re.search(r"\bhow long (?:ago|since)\b", text):
        return None
    if about.threshold:
        return Intent(QuestionType.DWELL, Aspect.THRESHOLD)
    if _has("dwell", text) or re.search(r"\blong\b.*\b(?:take|last)\b", text):
        if re.search(r"\blongest\b", text):
            return Intent(QuestionType.DWELL, Aspect.LONGEST)
        if _has("mean", text):
            return Intent(QuestionType.DWELL, Aspect.MEAN)
        return Intent(QuestionType.DWELL, Aspect.LONGEST)
    return None


def _trended(text: str, about: About) -> Intent | None:
    del about
    found = _REGEX["trend"].search(text)
    if found is None:
        if not re.search(r"\b(?:develop|change over|vary|evolve|hours? of)\b", text):
            return None
        if not re.search(r"\beach hour\b|\bdevelop|\bchange over|\bvary|\bevolve", text):
            return None
    said = next((group for group in found.groups() if group), "") if found else ""
    if re.search(r"\b(?:hour of (?:the )?day|time of (?:the )?day)\b", text):
        key: GroupBy | None = GroupBy.HOUR_OF_DAY
    elif re.search(r"\b(?:weekdays?|day of (?:the )?week)\b", text):
        key = GroupBy.WEEKDAY
    elif re.search(r"\b(?:hour|hourly|hours)\b", text):
        key = GroupBy.LOCAL_HOUR
    elif re.search(r"\b(?:day|daily|date|days|week)\b", text) and said != "over the day":
        key = GroupBy.LOCAL_DATE
    else:
        key = None  # by the length of the window
    return Intent(QuestionType.TREND, group_by=key)


def _split(text: str, about: About) -> Intent | None:
    """Counts by place or kind: "per camera", "where", "how many cameras saw"."""
    counted = re.search(r"\b(?:how many|which|what|list) (cameras|sites|zones)\b", text)
    where = re.search(r"\bwhere\b", text)
    if about.nouns and (counted or where) and not re.search(r"\b(?:when|first|last)\b", text):
        key = _key(counted.group(1)) if counted else GroupBy.CAMERA
        return Intent(QuestionType.RANK, Aspect.MOST, key or GroupBy.CAMERA, limit=0)
    found = _REGEX["split"].search(text)
    if found is None:
        return None
    key = _key(found.group(1)) if found.group(1) else GroupBy.EVENT_TYPE
    return Intent(QuestionType.RANK, Aspect.MOST, key, limit=50)


def _timed(text: str, about: About) -> Intent | None:
    """When, and "the last vehicle"."""
    limit = _limit(text)
    if _has("when", text) and not limit:
        if _has("first", text) and _has("last", text):
            return Intent(QuestionType.WHEN)
        if _has("first", text):
            return Intent(QuestionType.WHEN, Aspect.FIRST)
        if _has("last", text):
            return Intent(QuestionType.WHEN, Aspect.LAST)
        return Intent(QuestionType.WHEN)
    both = re.search(r"\bfirst and (?:the )?last\b|\blast and (?:the )?first\b", text)
    if both and about.nouns:
        return Intent(QuestionType.WHEN)
    if not limit and not re.search(r"\b(?:how many|count|did)\b", text):
        edge = re.search(r"\b(first|last) (?!one\b|half\b)(?:\w+)", text)
        if edge and (about.nouns or re.search(r"\b(?:event|activity|thing)\b", text)):
            return Intent(
                QuestionType.WHEN, Aspect.FIRST if edge.group(1) == "first" else Aspect.LAST
            )
    return None
