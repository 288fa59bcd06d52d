"""The embedded engine: answers without a model, from the event store alone (design 4).

    question → understand → Query → retrieve → Findings → compose → Answer

`understand` and `compose` are pure; `retrieve` asks the store a few questions of one snapshot.
"""

from .engine import GroundedEngine, text_pieces
from .query import Findings, Query

__all__ = ["Findings", "GroundedEngine", "Query", "text_pieces"]
