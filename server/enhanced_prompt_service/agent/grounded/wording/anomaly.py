"""What is out of the ordinary, as the insights say it."""

from __future__ import annotations

import re

from enhanced_prompt_service.domain.insights import Insight, InsightStatus

from .common import Said, say_recorded
from .text import Text, many, plural

MOST_LINES = 5

_NUMBER = re.compile(r"(?<![\w.,:])\d[\d,]*(?:\.\d+)?(?![\w:])")


def compose_anomaly(text: Text, said: Said) -> None:
    """The worst first, each in its own words."""
    insights = said.findings.insights
    count = len(insights)
    if not count:
        text.fact("insights", 0, "insights")
        text.add(f"Nothing out of the ordinary was noticed{said.where()}, {said.when()}")
        say_recorded(text, said)
        text.add(".")
        return
    text.number("insights", count, "insights", many(count))
    text.add(f" {plural(count, 'thing')}{' or more' if said.findings.more_insights else ''}")
    text.add(f" out of the ordinary{said.where()}, {said.when()}")
    say_recorded(text, said)
    text.add(", the worst first:" if count > 1 else ":")
    say_insights(text, said)


def say_insights(text: Text, said: Said) -> None:
    """A line for each insight, and how many are left out."""
    insights = said.findings.insights
    count = len(insights)
    for insight in insights[:MOST_LINES]:
        _line(text, said, insight)
    if count > MOST_LINES:
        text.add("\n… and ")
        text.number("insights_left_out", count - MOST_LINES, "insights", many(count - MOST_LINES))
        text.add(" more.")


def _line(text: Text, said: Said, insight: Insight) -> None:
    what = insight.content
    shown = {one.event_id for one in said.findings.evidence}
    noted = "" if insight.status is InsightStatus.OPEN else f" ({insight.status.value})"
    text.add("\n• ")
    line = f"{what.severity.word.capitalize()}{noted}: {what.title}. {what.message}"
    text.cited(line, [one for one in what.evidence if one.event_id in shown])
    for index, found in enumerate(_NUMBER.finditer(line), 1):
        number = found[0].rstrip(",")
        group = f"{insight.insight_id}:{index}"  # each number of an insight is a fact of its own
        text.fact("stated", float(number.replace(",", "")), "", group=group, text=number)
