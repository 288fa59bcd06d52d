"""What a model may look up: the engine's own retrieval, behind typed tools.

Read-only, with the caller's own rights and the question's own filter: a call that an injection
provokes reveals nothing that the caller could not ask.
"""

from .running import Looked, Toolbox, ToolOutcome
from .schemas import TOOLS

__all__ = ["TOOLS", "Looked", "ToolOutcome", "Toolbox"]
