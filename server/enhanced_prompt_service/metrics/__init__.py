"""Numbers for Prometheus: what is counted, and the endpoint that shows it.

Imported only where metrics are wanted.
"""

from .endpoint import Endpoint
from .recorder import Reading, Recorder

__all__ = ["Endpoint", "Reading", "Recorder"]
