"""Numbers of deliveries for Prometheus, read when somebody asks, in another thread."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from .sending import Verdict
from .service import Delivery

_LABEL = ("destination",)


class DeliveryMeasures(Collector):
    """A collector for a registry. What is owed is of all replicas, as `look` last saw it; the rest
    is of this process."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def describe(self) -> list[Metric]:
        """Nothing is read before somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        outcomes = CounterMetricFamily(
            "eps_delivery_outcomes",
            "Attempts, by what became of them.",
            labels=(*_LABEL, "verdict"),
        )
        seconds = SummaryMetricFamily(
            "eps_delivery_request_seconds", "What sending took, by request.", labels=_LABEL
        )
        counters = {
            "eps_delivery_payload_bytes": ("Bytes of payloads that were sent.", "bytes"),
            "eps_delivery_large": ("Messages larger than warn_bytes.", "large"),
            "eps_delivery_failures": ("Failures of the receiver.", "failures"),
            "eps_delivery_acknowledged": ("Acknowledgements that came.", "acknowledged"),
            "eps_delivery_asked_again": ("Acknowledgements asked for again.", "asked_again"),
        }
        gauges = {
            "eps_delivery_leads": ("Whether this replica sends: 1 or 0.", "leads"),
            "eps_delivery_held": ("Messages in memory.", "held"),
        }
        families: list[tuple[CounterMetricFamily | GaugeMetricFamily, str]] = [
            *((CounterMetricFamily(n, h, labels=_LABEL), a) for n, (h, a) in counters.items()),
            *((GaugeMetricFamily(n, h, labels=_LABEL), a) for n, (h, a) in gauges.items()),
        ]
        for name, tally in self._delivery.tallies.items():
            for verdict in Verdict:
                outcomes.add_metric((name, verdict.value), tally.outcomes[verdict.value])
            seconds.add_metric((name,), tally.requests, tally.seconds)
            for family, attribute in families:
                family.add_metric((name,), float(getattr(tally, attribute)))
        yield outcomes
        yield seconds
        yield from (family for family, _ in families)
        yield from self._backlog()

    def _backlog(self) -> Iterator[Metric]:
        seen = self._delivery.seen
        entries = GaugeMetricFamily(
            "eps_delivery_entries",
            "Entries of the outbox, by state; counted up to 10,000.",
            labels=(*_LABEL, "state"),
        )
        alarm = GaugeMetricFamily(
            "eps_delivery_alarm", "Whether a destination was given up on for now.", labels=_LABEL
        )
        alarmed = {one.name for one in seen.states if one.alarm_at is not None}
        for name in self._delivery.tallies:
            of = seen.backlog.get(name)
            for state in ("pending", "sent", "parked"):
                count = 0 if of is None else getattr(of, state)
                entries.add_metric((name, state), float(count))
            alarm.add_metric((name,), float(name in alarmed))
        yield entries
        yield alarm
