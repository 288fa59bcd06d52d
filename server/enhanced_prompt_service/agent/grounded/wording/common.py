"""What most answers say alike: how many of what, where, when, in how much footage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import CoverageReport, Evidence
from enhanced_prompt_service.domain.events import GroupBy, GroupRow
from enhanced_prompt_service.domain.times import Interval

from ..clarify import plain_name
from ..kinds import spoken
from ..query import Findings, Query
from .interpretation import places_of
from .text import Text, many
from .times import say_hours, say_instant, say_length, say_mask, say_window

FULL = 0.995  # a share from which on a window counts as recorded as a whole
MOST_FACTS = 200  # groups that stand beside a text
FACT_OF = {
    GroupBy.CAMERA: "events_by_camera",
    GroupBy.SITE: "events_by_site",
    GroupBy.ZONE: "events_by_zone",
    GroupBy.EVENT_TYPE: "events_by_type",
    GroupBy.LABEL: "events_by_label",
    GroupBy.LOCAL_HOUR: "events_by_hour",
    GroupBy.LOCAL_DATE: "events_by_date",
    GroupBy.HOUR_OF_DAY: "events_by_hour_of_day",
    GroupBy.WEEKDAY: "events_by_weekday",
}


@dataclass(frozen=True, slots=True)
class Said:
    """A query and its findings with the zone that the answer speaks in."""

    query: Query
    findings: Findings
    zone: ZoneInfo

    @property
    def window(self) -> Interval | None:
        """The window as a whole."""
        return self.query.time_range

    def noun(self, count: int) -> str:
        """ "person events", "events with “red”"."""
        word = "event" if count == 1 else "events"
        noun = f"{self.query.subject} {word}" if self.query.subject else word
        if self.query.text:
            noun += f" with “{self.query.text}”"
        threshold = self.query.threshold
        if threshold is not None:
            noun += f" lasting {threshold.kind} {say_length(threshold.seconds)}"
        return noun

    def where(self) -> str:
        """ " at School", or nothing."""
        places = places_of(self.query)
        return f" {places}" if places else ""

    def when(self) -> str:
        """The window and mask in local time."""
        windows = self.query.windows
        if not windows:
            text = "in all that was recorded"
        elif len(windows) > 3:
            text = f"{len_words(windows)} within {say_window(self.window or windows[0], self.zone)}"
        else:
            text = " and ".join(say_window(one, self.zone) for one in windows)
        if windows and self._elsewhere():
            text += f" ({self.query.zone})"
        if self.query.mask is not None:
            text += f", {say_mask(self.query.mask)}"
        return text

    def _elsewhere(self) -> bool:
        """Whether the times are not those of the clocks on the wall there."""
        index, query = self.query.known_index, self.query
        return {str(one) for one in index.site_zones(query.cameras, query.sites).values()} != {
            query.zone
        }

    def camera(self, camera_id: str, site: str = "") -> str:
        """A camera's name."""
        return plain_name(self.query.known_index.camera_name(camera_id, site))

    def group_name(self, by: GroupBy, key: str) -> str:
        """What a group of a count is called."""
        index = self.query.known_index
        match by:
            case GroupBy.CAMERA:
                return self.camera(key)
            case GroupBy.SITE:
                return plain_name(index.site_name(key))
            case GroupBy.ZONE:
                return index.zone_name(key)
            case GroupBy.EVENT_TYPE:
                return spoken(key)
            case _:
                return key

    def at(self, event: Evidence) -> str:
        """When an event began: with its date where the window holds several days."""
        return say_instant(event.timestamp, self.zone, near=self.window)


def len_words(windows: Sequence[Interval]) -> str:
    """A word for many windows: their number is no fact."""
    return "parts" if len(windows) > 1 else "part"


def say_total(text: Text, said: Said, *, lead: str = "") -> None:
    """ "1,843 person events (2,310 participants) at School, Thu 15 March 2018, in the …"."""
    totals = said.findings.totals
    text.add(lead)
    text.number("events", totals.matches, "events", many(totals.matches))
    text.add(f" {said.noun(totals.matches)}")
    if totals.participants != totals.matches:
        text.add(" (")
        text.number("participants", totals.participants, "participants", many(totals.participants))
        text.add(" participants)")
    else:
        text.fact("participants", totals.participants, "participants")
    text.add(f"{said.where()}, {said.when()}")
    say_recorded(text, said)
    text.add(".")


def say_recorded(text: Text, said: Said) -> None:
    """How much of the window was recorded, where that was not all of it."""
    report = said.findings.coverage
    coverage_facts(text, report)
    if report is None:
        return
    if report.share is None:
        text.add("; when these cameras recorded is not known")
        return
    if report.share >= FULL:
        return
    if report.recorded_seconds <= 0:
        text.add("; by the cameras' reports none of that time was recorded")
        return
    text.add(", in the ")
    text.number(
        "recorded", report.recorded_seconds, "seconds", _hours(report, report.recorded_seconds)
    )
    text.add(" recorded")


def coverage_facts(text: Text, report: CoverageReport | None) -> None:
    """Recorded and asked time, and their share, beside the text."""
    if report is None or report.share is None:
        return
    text.fact("recorded", report.recorded_seconds, "seconds")
    text.fact("window", report.window_seconds, "seconds")
    text.fact("coverage", report.share, "share")


def _hours(report: CoverageReport, seconds: float) -> str:
    """ "1.2 h", or "37.5 camera-hours" for several cameras."""
    if report.cameras_known == 1:
        return say_hours(seconds)
    if seconds < 7200:
        return f"{round(seconds / 60)} camera-minutes"
    return f"{seconds / 3600:,.1f} camera-hours"


def edge_facts(text: Text, said: Said) -> None:
    """Start of the first and of the last event, beside the text."""
    for name, event in (
        ("first_start", said.findings.first),
        ("last_start", said.findings.last),
    ):
        if event is not None:
            text.fact(name, event.timestamp.timestamp(), "unix_seconds", group=event.event_id)


def say_edge(text: Text, said: Said, name: str, event: Evidence) -> None:
    """The time of a first or last event, with its fact."""
    text.number(
        name,
        event.timestamp.timestamp(),
        "unix_seconds",
        said.at(event),
        group=event.event_id,
    )


def what_event(said: Said, event: Evidence) -> str:
    """ "person opens facility door at School camera G330": an event without its time."""
    own = spoken(event.event_type) or "event"
    camera = said.camera(event.camera_id, event.site)
    text = event.description
    if text.lower().startswith(own) and f" at {camera}" in text:
        label = f" ({event.label})" if f"({event.label})" in text else ""
        return f"{own}{label} at {camera}"
    if camera.lower() in text.lower():
        return f"{text[0].lower()}{text[1:]}"
    return f"{text[0].lower()}{text[1:]} ({camera})"


def rolled(rows: Sequence[GroupRow], key: int = 0) -> dict[str, int]:
    """Matches by one key of rows grouped by several, most first, then by key."""
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.keys[key]] = sums.get(row.keys[key], 0) + row.matches
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def group_facts(
    text: Text, by: GroupBy, counts: dict[str, int], said_texts: dict[str, str] | None = None
) -> None:
    """Facts of a grouped count, in the counts' order."""
    said_texts = said_texts or {}
    for key, count in list(counts.items())[:MOST_FACTS]:
        text.fact(FACT_OF[by], count, "events", group=key, text=said_texts.get(key, ""))


def add_list(text: Text, parts: Sequence[tuple[str, ...]], last: str = "and") -> None:
    """Parts set apart by commas; each is (words before, number text, words behind)."""
    for number, part in enumerate(parts):
        if number:
            text.add(f" {last} " if number == len(parts) - 1 else ", ")
        text.add(*part)
