"""The tools as a model sees them: their names, what they are for, and their arguments.

Docstrings and descriptions are part of what a model is told; what is not in a schema is refused.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from enhanced_prompt_service.domain.answers import QuestionType
from enhanced_prompt_service.domain.events import GroupBy

from ..grounded import Asked, Aspect

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def asked(self) -> Asked:
        """What it asks the engine."""
        raise NotImplementedError


class _About(_Arguments):
    """What all tools about events can be narrowed by."""

    places: list[Name] = Field(
        default_factory=list[str],
        max_length=20,
        description="Names or ids of cameras, sites or zones, as people say them. Empty: all.",
    )
    kinds: list[Name] = Field(
        default_factory=list[str],
        max_length=20,
        description="What to look for: nouns such as 'people' or 'vehicles', or exact event types "
        "or labels that list_cameras names. Empty: everything.",
    )
    time: str = Field(
        "",
        max_length=200,
        description="When: the user's own words ('yesterday between 2 and 3 pm', 'last night', "
        "'the last 2 hours') or ISO 8601 local times 'start/end'. Empty: all that was recorded.",
    )
    text: str = Field(
        "", max_length=200, description="Words that an event's description must contain."
    )
    min_confidence: float | None = Field(
        None, ge=0, le=1, description="Leave out detections below this confidence."
    )

    def _asked(
        self,
        type: QuestionType,
        *,
        aspect: Aspect = Aspect.NONE,
        group_by: GroupBy | None = None,
        limit: int = 0,
    ) -> Asked:
        return Asked(
            type,
            tuple(self.places),
            tuple(self.kinds),
            self.time,
            self.text,
            self.min_confidence,
            aspect,
            group_by,
            limit,
        )


class EventOrder(StrEnum):
    """Which events are shown."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LONGEST = "longest"


class SearchEvents(_About):
    """Look up events: how many match in all, and some of them with time, camera, description and
    a number to cite them by. Also for what happened, whether something happened, and when."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="search_events")

    order: EventOrder = Field(EventOrder.NEWEST, description="Which ones to show.")
    limit: int = Field(10, ge=1, le=20, description="How many to show.")

    def asked(self) -> Asked:
        """What it asks the engine."""
        match self.order:
            case EventOrder.OLDEST:
                return self._asked(QuestionType.WHEN, aspect=Aspect.FIRST)
            case EventOrder.LONGEST:
                return self._asked(QuestionType.DWELL, aspect=Aspect.LONGEST)
            case _:
                kind = QuestionType.SEARCH if self.text else QuestionType.RECAP
                return self._asked(kind, limit=self.limit)


class CountKey(StrEnum):
    """What counts are grouped by."""

    CAMERA = "camera"
    SITE = "site"
    ZONE = "zone"
    EVENT_TYPE = "event_type"
    LABEL = "label"


class CountEvents(_About):
    """Count events exactly, over all that match; also by camera, site, zone, event type or label:
    which camera was busiest, which was quiet. To compare two times or places, call it for each."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="count_events")

    group_by: CountKey | None = Field(None, description="Count for each of these.")

    def asked(self) -> Asked:
        """What it asks the engine."""
        if self.group_by is None:
            return self._asked(QuestionType.COUNT)
        key = {
            CountKey.CAMERA: GroupBy.CAMERA,
            CountKey.SITE: GroupBy.SITE,
            CountKey.ZONE: GroupBy.ZONE,
            CountKey.EVENT_TYPE: GroupBy.EVENT_TYPE,
            CountKey.LABEL: GroupBy.LABEL,
        }[self.group_by]
        return self._asked(QuestionType.RANK, aspect=Aspect.MOST, group_by=key)


class Bucket(StrEnum):
    """The bars of a histogram."""

    HOUR = "hour"
    DAY = "day"
    HOUR_OF_DAY = "hour_of_day"
    WEEKDAY = "weekday"


class Histogram(_About):
    """Count events by time: each hour, each day, or by hour of the day or weekday over all days."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="histogram")

    bucket: Bucket = Field(Bucket.HOUR, description="The bars.")

    def asked(self) -> Asked:
        """What it asks the engine."""
        key = {
            Bucket.HOUR: GroupBy.LOCAL_HOUR,
            Bucket.DAY: GroupBy.LOCAL_DATE,
            Bucket.HOUR_OF_DAY: GroupBy.HOUR_OF_DAY,
            Bucket.WEEKDAY: GroupBy.WEEKDAY,
        }[self.bucket]
        return self._asked(QuestionType.TREND, group_by=key)


class ListCameras(_Arguments):
    """List the sites, cameras and zones with their names, which kinds of events each has seen, and
    whether it records now."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="list_cameras")

    places: list[Name] = Field(
        default_factory=list[str],
        max_length=20,
        description="Names or ids of sites or cameras. Empty: all.",
    )

    def asked(self) -> Asked:
        """What it asks the engine."""
        return Asked(QuestionType.HEALTH, tuple(self.places), aspect=Aspect.STATES)


class LeastSeverity(StrEnum):
    """How severe an insight is at least."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class GetInsights(_Arguments):
    """List insights: what the service noticed by itself as unusual or worth knowing, with what was
    observed and what would have been usual. For 'anything out of the ordinary?'."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="get_insights")

    places: list[Name] = Field(
        default_factory=list[str],
        max_length=20,
        description="Names or ids of sites or cameras. Empty: all.",
    )
    time: str = Field(
        "",
        max_length=200,
        description="When it happened, in the user's own words or ISO 8601 'start/end'. Empty: "
        "any time.",
    )
    least_severity: LeastSeverity = Field(
        LeastSeverity.LOW, description="Leave out what is less severe."
    )
    limit: int = Field(10, ge=1, le=20, description="How many to show, the newest first.")

    def asked(self) -> Asked:
        """What it asks the engine: places and times are read as for events."""
        return Asked(QuestionType.RECAP, tuple(self.places), time=self.time)


CAMERAS = "list_cameras"
INSIGHTS = "get_insights"
TOOLS: dict[str, type[_Arguments]] = {
    "search_events": SearchEvents,
    "count_events": CountEvents,
    "histogram": Histogram,
    CAMERAS: ListCameras,
    INSIGHTS: GetInsights,
}
"""Tools by name."""


def definitions(*, insights: bool) -> list[dict[str, object]]:
    """The tools as every LangChain chat model takes them: OpenAI's function form. Without
    `insights` the tool for them is left out."""
    return [
        _definition(name, schema) for name, schema in TOOLS.items() if insights or name != INSIGHTS
    ]


def _definition(name: str, schema: type[_Arguments]) -> dict[str, object]:
    parameters = schema.model_json_schema()
    parameters.pop("description", None)
    parameters.pop("title", None)
    description = " ".join((schema.__doc__ or "").split())
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }
