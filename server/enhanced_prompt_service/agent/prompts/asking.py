"""A question as the engine would ask it: whole sentences, and times as it reads them again.

Whatever is made here is a proposal: whoever uses it reads it back and compares (`reading.same`).
"""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import QuestionType
from enhanced_prompt_service.domain.times import RecurringMask

from ..grounded.clarify import plain_name
from ..grounded.intents import Aspect
from ..grounded.query import Query
from ..grounded.wording.asks import asked_where
from ..grounded.wording.times import DAY_NAMES, ask_window, say_minute
from .reading import Setting, same

ALL_TIME = "in all that was recorded"
_KEYS = {
    "camera_id": "camera",
    "site": "site",
    "zone": "zone",
    "event_type": "event type",
    "label": "label",
    "local_hour": "hour",
    "local_date": "day",
    "hour_of_day": "hour of the day",
    "weekday": "weekday",
}
_PLAIN = {"person": "people", "vehicle": "vehicles", "animal": "animals"}
_MOST_SITES = 3


def whole(query: Query, setting: Setting) -> str:
    """A complete question that means what a query does; "" where none was found that reads back.

    `setting` has no history: the question must stand alone.
    """
    where = asked_where(query) or everywhere(query)
    when = said_time(query)
    for head in _heads(query):
        for place in dict.fromkeys((where, asked_where(query), "")):
            text = " ".join(part for part in (head, place, when) if part) + "?"
            if same(setting.understood(text), query):
                return text
    return ""


def said_time(query: Query) -> str:
    """The windows of a query in words that mean the same; "" where it has none or too many."""
    zone = ZoneInfo(query.zone)
    if len(query.windows) > 1:
        return ""
    window = ask_window(query.windows[0], zone, query.now) if query.windows else ""
    if query.mask is None:
        return window
    if not window:
        return ""
    spelt = said_mask(query.mask)
    return f"{spelt} {window}" if spelt else ""


def said_mask(mask: RecurringMask) -> str:
    """A mask of one range; "" for another."""
    if len(mask.ranges) != 1:
        return ""
    (only,) = mask.ranges
    days = " and ".join(f"{DAY_NAMES[day - 1]}s" for day in sorted(mask.weekdays))
    hours = f"between {say_minute(only.start_minute)} and {say_minute(only.end_minute)}"
    return f"{hours} on {days}" if days else hours


def everywhere(query: Query) -> str:
    """ "at A and B": all sites, where they are few enough to be named."""
    if query.cameras or query.sites or query.zones or query.index is None:
        return ""
    sites = sorted(query.index.names.sites)
    if not 0 < len(sites) <= _MOST_SITES:
        return ""
    return f"at {listed_names([plain_name(query.index.site_name(one)) for one in sites])}"


def listed_names(names: list[str]) -> str:
    """ "A", "A and B", "A, B and C"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def events(query: Query) -> str:
    """The events of a query as a question names them, in lower case."""
    subject = query.subject.replace("“", "").replace("”", "")
    if subject in _PLAIN:
        return _PLAIN[subject]
    text = f"{query.text} " if query.text else ""
    return f"{text}{subject} events" if subject and subject != "matching" else f"{text}events"


def _heads(query: Query) -> Iterator[str]:
    what = events(query)
    key = _KEYS[query.group_by.value] if query.group_by is not None else ""
    match query.question_type:
        case QuestionType.RECAP | QuestionType.SEARCH | QuestionType.MOMENT:
            if what == "events":
                yield "What happened"
            yield f"Show {what}"
            yield f"What {what} were there"
        case QuestionType.COUNT:
            yield f"How many {what} were there"
        case QuestionType.EXISTENCE | QuestionType.RECURRING:
            yield f"Were there any {what}"
            yield f"Show {what}"
        case QuestionType.WHEN:
            edge = "first" if query.aspect is Aspect.FIRST else "last"
            yield f"When were the {edge} {what}"
        case QuestionType.RANK:
            side = {Aspect.LEAST: "fewest", Aspect.QUIET: "fewest"}.get(query.aspect, "most")
            if query.aspect is Aspect.QUIET:
                yield f"Which {key}s were quiet"
            yield f"Which {key} had the {side} {what}"
            yield f"Which {key} was {'busiest' if side == 'most' else 'quietest'}"
        case QuestionType.TREND:
            yield f"{what[0].upper()}{what[1:]} per {key}"
        case _:
            return
