"""The words of time. Data only; generic English."""

from __future__ import annotations

from typing import Final


def words(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


def numbered(text: str, first: int) -> dict[str, int]:
    """Words of a text to their numbers, counted from `first`."""
    return {word: number for number, word in enumerate(text.split(), first)}


UNITS: Final[dict[str, str]] = {
    word: unit
    for unit, forms in {
        "second": "second seconds sec secs",
        "minute": "minute minutes min mins",
        "hour": "hour hours hr hrs",
        "day": "day days",
        "week": "week weeks wk wks",
        "fortnight": "fortnight fortnights",
        "month": "month months",
        "quarter": "quarter quarters",
        "year": "year years yr yrs",
    }.items()
    for word in forms.split()
}
GLUED_UNITS: Final[dict[str, str]] = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
"""Only directly behind a number: "24h", "90m"."""

WEEKDAYS: Final[dict[str, int]] = {
    word: number
    for number, forms in enumerate(
        (
            "monday mon",
            "tuesday tue tues",
            "wednesday wed weds",
            "thursday thu thur thurs",
            "friday fri",
            "saturday sat",
            "sunday sun",
        ),
        1,
    )
    for word in forms.split()
}
AMBIGUOUS_WEEKDAYS: Final = frozenset({"sat", "sun", "mon", "wed"})
PLURAL_WEEKDAYS: Final[dict[str, int]] = {
    name + "s": number for name, number in WEEKDAYS.items() if len(name) > 5
}

MONTHS: Final[dict[str, int]] = {
    word: number
    for number, forms in enumerate(
        (
            "january jan",
            "february feb febr",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for word in forms.split()
}
MONTH_NAMES: Final = tuple(
    name.capitalize() for name in MONTHS if len(name) > 4 or name in ("may", "june", "july")
)
AMBIGUOUS_MONTHS: Final = frozenset({"may", "march", "mar", "jan", "sep", "dec", "jun", "apr"})

PARTS: Final[dict[str, str]] = {
    "morning": "morning",
    "mornings": "morning",
    "forenoon": "morning",
    "afternoon": "afternoon",
    "afternoons": "afternoon",
    "evening": "evening",
    "evenings": "evening",
    "night": "night",
    "nights": "night",
    "nighttime": "night",
    "daytime": "daytime",
    "lunchtime": "lunchtime",
}
PLURAL_PARTS: Final = frozenset({"mornings", "afternoons", "evenings", "nights"})

NUMBERS: Final[dict[str, int]] = numbered(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty""",
    0,
) | {
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "hundred": 100,
    "dozen": 12,
}
ORDINALS: Final[dict[str, int]] = numbered(
    """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
    fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth""",
    1,
) | {"thirtieth": 30}

ORDINAL_ENDINGS: Final = frozenset({"st", "nd", "rd", "th"})
MERIDIEM: Final[dict[str, int]] = {"am": 0, "pm": 12}

LEAD: Final = words(
    "on at in during over for within of the through throughout by across from all whole entire"
)
TO: Final = frozenset({"to", "until", "till", "til", "through", "thru", "-", "–", "—", "−", "/"})
AROUND: Final = frozenset({"around", "about", "near", "approximately", "roughly", "circa", "~"})
FUTURE: Final = frozenset(
    {"will", "shall", "gonna", "expected", "forecast", "predict", "expect", "expecting"}
)

HOLIDAYS: Final[dict[tuple[str, ...], tuple[int, int]]] = {
    ("christmas", "eve"): (12, 24),
    ("christmas", "day"): (12, 25),
    ("christmas",): (12, 25),
    ("boxing", "day"): (12, 26),
    ("new", "year", "eve"): (12, 31),
    ("new", "years", "eve"): (12, 31),
    ("new", "year", "day"): (1, 1),
    ("new", "years", "day"): (1, 1),
    ("halloween",): (10, 31),
}

# Words that a phrase may be followed by when a bare number would otherwise be a count of things.
FOLLOWERS: Final = words(
    """on in at of yesterday today tomorrow this last every each and or how what who which when
    where did was were is are has have had do does any anyone the a for from by with there
    that show list tell count see happened did than compared versus vs during over since until
    between per within near across inside outside around through only just please combined"""
)
FUZZY: Final = tuple(
    sorted(
        {word for word in (*WEEKDAYS, *MONTHS) if len(word) >= 6}
        | {"yesterday", "tomorrow", "morning", "afternoon", "evening", "midnight", "weekend"}
        | {"weekday", "weekdays", "minutes", "overnight", "tonight"}
    )
)

TIME_WORDS: Final = frozenset(
    {*UNITS, *WEEKDAYS, *PLURAL_WEEKDAYS, *MONTHS, *PARTS, *NUMBERS, *ORDINALS, *LEAD, *TO, *AROUND}
    | {*FUTURE, *FUZZY, *MERIDIEM, "noon", "midday", "midnight", "today", "weekends", "workday"}
    | {"overnight", "tonight", "o'clock", "until", "till", "since", "ago", "fortnight", "lunch"}
    | {"business", "office", "working", "hours", "previous", "following", "coming", "current"}
    | {"currently", "recently", "lately", "beginning", "earlier", "later", "before", "after"}
)
