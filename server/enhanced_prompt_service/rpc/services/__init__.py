"""One thin servicer a service of the contract: convert, call the domain, convert back.

A servicer is a plain class whose coroutines are named like RPCs; `rpc.registry` finds them by the
descriptor. What it needs is given to its constructor as protocols of the domain.
"""

from .compat import CompatService
from .consent import ConsentService
from .events import EventService
from .history import HistoryService
from .insights import InsightService
from .metrics import MetricsService
from .prompt import PromptService
from .sites import SiteService
from .templates import TemplateService

__all__ = [
    "CompatService",
    "ConsentService",
    "EventService",
    "HistoryService",
    "InsightService",
    "MetricsService",
    "PromptService",
    "SiteService",
    "TemplateService",
]
