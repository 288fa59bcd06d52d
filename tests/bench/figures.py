"""What a benchmark reports: figures with their reference from the same run, and their table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. Values are medians over the runs; `low` and `high` are the extremes of ours.

    Attributes:
        name: What was measured, with its conditions.
        unit: Of ours and of the reference.
        better: Whether less or more is better.
        target: As the design has it, in words; "" where it names none.
        met: Whether the target was met; None without one.
        reference: What stands beside it, "" where there is nothing to compare with.
        note: What a reader has to know to read the row right.
    """

    name: str
    unit: str
    ours: float
    low: float
    high: float
    better: Literal["less", "more"] = "less"
    reference: str = ""
    reference_value: float | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours to the reference."""
        if not self.reference_value:
            return None
        return self.ours / self.reference_value

    def as_json(self) -> dict[str, object]:
        """For the results file."""
        return {**asdict(self), "ratio": self.ratio}


@dataclass(frozen=True, slots=True)
class Samples:
    """The same figure over several runs."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """What is reported."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The least."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The most."""
        return max(self.values)


def figure(
    name: str,
    unit: str,
    ours: Sequence[float],
    *,
    better: Literal["less", "more"] = "less",
    reference: str = "",
    reference_values: Sequence[float] = (),
    limit: float | None = None,
    of_reference: float | None = None,
    note: str = "",
) -> Figure:
    """A row from the runs' values.

    `limit` is the target for ours; `of_reference` one for its ratio to the reference. Both hold,
    in the direction that `better` says, for the target to be met.
    """
    samples = Samples(tuple(ours))
    beside = Samples(tuple(reference_values)).median if reference_values else None
    sign = "≤" if better == "less" else "≥"
    targets: list[str] = []
    met: list[bool] = []
    if limit is not None:
        targets.append(f"{sign} {number(limit)} {unit}")
        met.append(_reaches(samples.median, limit, better))
    if of_reference is not None:
        targets.append(f"{sign} {number(of_reference)} × {reference.split(':')[0]}")
        met.append(beside is not None and _reaches(samples.median, of_reference * beside, better))
    return Figure(
        name,
        unit,
        samples.median,
        samples.low,
        samples.high,
        better,
        reference,
        beside,
        " and ".join(targets),
        all(met) if met else None,
        note,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed, the nearest one that occurs."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def number(value: float) -> str:
    """Three significant digits, thousands separated: 19.5, 1,840, 0.32."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _reaches(value: float, target: float, better: str) -> bool:
    return value <= target if better == "less" else value >= target


HEADINGS = ("figure", "ours", "reference", "ratio", "target", "")


def cells(row: Figure) -> tuple[str, ...]:
    """A row of the table, as text."""
    spread = "" if row.low == row.high else f" ({number(row.low)}–{number(row.high)})"
    beside = "–"
    if row.reference_value is not None:
        beside = f"{row.reference} {number(row.reference_value)}"
    ratio = "–" if row.ratio is None else f"{row.ratio:.2f}"
    met = {True: "met", False: "missed", None: ""}[row.met]
    name = f"{row.name} — {row.note}" if row.note else row.name
    return (name, f"{number(row.ours)} {row.unit}{spread}", beside, ratio, row.target or "–", met)


def markdown(rows: Sequence[Figure]) -> str:
    """The table for docs."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "| " + " | ".join("---" for _ in HEADINGS) + " |"]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"
