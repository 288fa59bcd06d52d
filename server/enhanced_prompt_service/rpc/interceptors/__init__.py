"""What happens once a call: request id, log lines, identity. What happens once a frame is not here
but in the guard and the stream writer (docs/decisions says why, with figures)."""

from ._base import CallInterceptor
from .draining import DrainingInterceptor
from .identity import IdentityInterceptor, Resolve, default_caller
from .logging import LoggingInterceptor
from .metering import CountsCalls, MeteringInterceptor
from .request_id import RequestIdInterceptor
from .tracing import TracingInterceptor

__all__ = [
    "CallInterceptor",
    "CountsCalls",
    "DrainingInterceptor",
    "IdentityInterceptor",
    "LoggingInterceptor",
    "MeteringInterceptor",
    "RequestIdInterceptor",
    "Resolve",
    "TracingInterceptor",
    "default_caller",
]
