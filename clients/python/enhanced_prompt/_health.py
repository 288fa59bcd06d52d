"""grpc.health.v1's answer as an enum of our own: a plain install does not have its package."""

from __future__ import annotations

from enum import IntEnum


class HealthStatus(IntEnum):
    """Whether a service takes calls. The values are those of `grpc.health.v1`."""

    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3

    @classmethod
    def _missing_(cls, value: object) -> HealthStatus:
        return cls.UNKNOWN
