"""Language models behind one door: the chain that tries them in order, and what they cost.

    links = parse_links("deepseek:deepseek-chat, openai:gpt-4o-mini, grounded")
    chain = ModelChain(links)
    chain.links, chain.has_model, chain.states()

    await structured(chain, messages, Schema)   a typed value
    stream(chain, messages)                     text as events
    chain.begin(model, calls=…).respond(…)      one reply of a turn, with tools

Only this room knows providers, and it imports none of them before a model is asked.
"""

from .call import CallLimits
from .chain import ChainOptions, ChainRun, ModelChain
from .circuit import CircuitOptions, CircuitState, LinkState
from .failures import FailureKind, LinkFailure, NoModelLeft, Passed
from .links import GROUNDED, Link, parse_links
from .once import (
    ChainEvent,
    Finished,
    Structured,
    TextPiece,
    ThinkingPiece,
    Withdrawn,
    stream,
    structured,
)
from .prices import ModelPrice, Prices
from .providers import BuiltModel, NotBuilt, missing_package
from .replies import Reply, Sink, ToolCall
from .trial import Trial, try_link
from .usage import estimated_tokens

__all__ = [
    "GROUNDED",
    "BuiltModel",
    "CallLimits",
    "ChainEvent",
    "ChainOptions",
    "ChainRun",
    "CircuitOptions",
    "CircuitState",
    "FailureKind",
    "Finished",
    "Link",
    "LinkFailure",
    "LinkState",
    "ModelChain",
    "ModelPrice",
    "NoModelLeft",
    "NotBuilt",
    "Passed",
    "Prices",
    "Reply",
    "Sink",
    "Structured",
    "TextPiece",
    "ThinkingPiece",
    "ToolCall",
    "Trial",
    "Withdrawn",
    "estimated_tokens",
    "missing_package",
    "parse_links",
    "stream",
    "structured",
    "try_link",
]
