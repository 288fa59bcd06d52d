"""Numbers about the service itself.

counts     what is noted when something ends: a few additions, no lock
window     the last 60 seconds of it
sketch     percentiles
rows       the newest requests and errors, tenant by tenant
notes      what a replica says of itself to the others, and all of them put together
live       the numbers of the whole service, once or as they change
tallies    counters and histograms for Prometheus
recorder   the numbers of this process for Prometheus
endpoint   where Prometheus reads them

The last three are imported where somebody asks for them: the others need nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .endpoint import Endpoint
    from .recorder import Reading, Recorder

__all__ = ["Endpoint", "Reading", "Recorder"]


def __getattr__(name: str) -> Any:
    if name == "Endpoint":
        from .endpoint import Endpoint

        return Endpoint
    if name in ("Reading", "Recorder"):
        from . import recorder

        return getattr(recorder, name)
    raise AttributeError(name)
