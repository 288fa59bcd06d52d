"""The embedded engine: answers without a model, from the event store alone (design 4).

    question → understand → Query → retrieve → Findings → compose → Answer

`understand` and `compose` are pure; `retrieve` asks the store a few questions of one snapshot.
"""

from .asked import Asked, query_from
from .clarify import Settled
from .engine import GroundedEngine, text_pieces
from .index import Index
from .intents import Aspect
from .query import Findings, Query

__all__ = [
    "Asked",
    "Aspect",
    "Findings",
    "GroundedEngine",
    "Index",
    "Query",
    "Settled",
    "query_from",
    "text_pieces",
]
