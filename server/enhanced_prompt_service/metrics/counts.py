"""What is noted when a call, a turn or a model's call ends: a few additions, and no lock, for all
of it happens on the event loop.

Nothing here looks at anything: sums over windows are kept up by `Window`, everything else is added
up when somebody asks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime

from ..domain.answers import ModelUsage
from ..domain.errors import Reason
from ..domain.insights import Severity
from ..domain.metrics import (
    GROUNDED,
    SCOPE,
    Delivered,
    EndedCall,
    EndedModelCall,
    EndedTurn,
    ErrorRow,
    RequestRow,
    is_fault,
    severity_of,
)
from ..domain.turns import TurnState
from .rows import Rows
from .window import Spread, Sum, Window

MODELS = 64
"""Names of models that are told apart: those of the configuration are fewer."""
_TURNS = 512
"""Turns whose usage is kept until the call that asked for them has ended."""

_UNTIMED = frozenset(
    f"/enhanced_prompt.v1.{name}"
    for name in (
        "InsightService/SubscribeInsights",
        "MetricsService/SubscribeMetrics",
        "CompatService/StreamMetrics",
        "PromptService/Chat",
    )
)
"""What lasts as long as its reader stays: its duration says nothing of the service."""
_UNCOUNTED = ("/grpc.health.v1.", "/grpc.reflection.")


class ModelCount:
    """What one model did since this process began."""

    __slots__ = ("calls", "cost", "errors", "seconds", "tokens", "window")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.calls = 0
        self.seconds = 0.0
        self.tokens = 0
        self.cost = 0.0
        self.errors = 0
        self.window = Window(monotonic)


class _Used:
    __slots__ = ("cost", "model", "tokens")

    def __init__(self, model: str, usage: Sequence[ModelUsage]) -> None:
        self.model = model
        self.tokens = tokens_of(usage)
        self.cost = cost_of(usage)


class Counts:
    """All that this process counts. `now` is real time.

    `on_row` hears of each new row, for whoever watches; None while nobody does.
    """

    def __init__(self, monotonic: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._monotonic = monotonic
        self._now = now
        self.began = now()
        self.window = Window(monotonic)
        self.rows = Rows()
        self.requests = 0
        self.tokens = 0
        self.cost = 0.0
        self.models: dict[str, ModelCount] = {}
        self.delivered = Delivered()
        self.on_row: Callable[[RequestRow | None, ErrorRow | None], None] | None = None
        self._pieces_before = 0
        self._turns: OrderedDict[str, _Used] = OrderedDict()

    # ---- noting -----------------------------------------------------------------------------

    def call_ended(self, call: EndedCall) -> None:
        """A call has ended. Probes and reflection are nobody's requests."""
        if call.method.startswith(_UNCOUNTED):
            return
        window = self.window
        window.turn()
        self.requests += 1
        window.add(Sum.CALLS)
        if call.method not in _UNTIMED:
            window.add(Sum.TIMED)
            window.add(Sum.SECONDS, call.seconds)
            window.note(Spread.LATENCY, call.seconds)
        if call.reason and is_fault(call.reason):
            window.add(Sum.FAULTS)
        used = self._turns.get(call.turn_id) if call.began else None
        at, method = self._now(), short(call.method)
        model = "" if used is None else used.model
        request = RequestRow(
            time=at,
            request_id=call.request_id,
            method=method,
            model=model,
            seconds=call.seconds,
            code=call.code,
            streamed=call.streamed,
            tenant=call.tenant,
            user=call.user,
            tokens=None if used is None else used.tokens,
            cost=None if used is None else used.cost,
            first_token_s=call.first_token_s,
            turn_id=call.turn_id,
        )
        error = None
        if call.reason:
            error = ErrorRow(
                time=at,
                reason=call.reason,
                message=call.message,
                severity=severity_of(call.reason),
                code=call.code,
                method=method,
                model=model,
                request_id=call.request_id,
                incident_id=call.incident_id,
                tenant=call.tenant,
                user=call.user,
            )
        self._add(request, error)

    def turn_asked(self, *, streamed: bool) -> None:
        """Somebody asked for a turn, as a stream or to get its answer whole."""
        self.window.turn()
        self.window.add(Sum.TURNS)
        if streamed:
            self.window.add(Sum.STREAMED)

    def turn_spoke(self, first_text_s: float) -> None:
        """A turn wrote its first text, so many seconds after its attempt began."""
        self.window.turn()
        self.window.note(Spread.FIRST_TOKEN, first_text_s, first_text_s)

    def turn_ended(self, turn: EndedTurn) -> None:
        """An attempt of a turn was closed."""
        self._turns[turn.turn_id] = _Used(turn.model, turn.usage)
        if len(self._turns) > _TURNS:
            self._turns.popitem(last=False)
        if turn.model == GROUNDED:
            model = self._model(GROUNDED)
            if model is not None:
                failed = turn.state is TurnState.FAILED
                _count(model, turn.seconds, turn.first_text_s, failed=failed)

    def model_ended(self, call: EndedModelCall, request_id: str = "") -> None:
        """A call of a language model has ended, for whatever it was made."""
        usage = () if call.usage is None else (call.usage,)
        tokens, cost = tokens_of(usage) or 0, cost_of(usage) or 0.0
        self.tokens += tokens
        self.cost += cost
        model = self._model(call.model)
        if model is not None:
            model.tokens += tokens
            model.cost += cost
            _count(model, call.seconds, call.first_token_s, failed=bool(call.failure))
        if call.failure:
            scope = SCOPE.get()
            self._add(
                None,
                ErrorRow(
                    time=self._now(),
                    reason=Reason.MODEL_UNAVAILABLE,
                    message=f"{call.model}: {call.detail or call.failure}",
                    severity=Severity.MEDIUM,  # the next link answers
                    code="",
                    method="",
                    model=call.model,
                    request_id=request_id,
                    incident_id="",
                    tenant="" if scope is None else scope.tenant,
                    user="" if scope is None else scope.user,
                ),
            )

    def tick(self, memory_hits: int, memory_reads: int) -> None:
        """Once a second: bring counters that are kept elsewhere into the window. Both arguments
        are how many there were since the last time."""
        window = self.window
        window.turn()
        pieces = self.delivered.pieces
        window.add(Sum.PIECES, pieces - self._pieces_before)
        self._pieces_before = pieces
        window.add(Sum.MEMORY_HITS, memory_hits)
        window.add(Sum.MEMORY_READS, memory_reads)

    # ---- inside -----------------------------------------------------------------------------

    def _add(self, request: RequestRow | None, error: ErrorRow | None) -> None:
        self.rows.add(request, error)
        if self.on_row is not None:
            self.on_row(request, error)

    def _model(self, name: str) -> ModelCount | None:
        found = self.models.get(name)
        if found is None and len(self.models) < MODELS:
            found = self.models[name] = ModelCount(self._monotonic)
        return found


def short(method: str) -> str:
    """A path as the contract names it: "PromptService/Ask"."""
    return method.rpartition(".")[2] if "/" in method else method


def tokens_of(usage: Sequence[ModelUsage]) -> int | None:
    """Tokens in and out, as far as they are known; None where nothing is."""
    known = [
        count
        for one in usage
        for count in (one.input_tokens, one.output_tokens)
        if count is not None
    ]
    return sum(known) if known or not usage else None


def cost_of(usage: Sequence[ModelUsage]) -> float | None:
    """In US dollars, as far as it is known; None where nothing is."""
    known = [one.cost for one in usage if one.cost is not None and one.currency == "USD"]
    return sum(known) if known or not usage else None


def _count(model: ModelCount, seconds: float, first_s: float | None, *, failed: bool) -> None:
    model.calls += 1
    model.seconds += seconds
    if failed:
        model.errors += 1
    if first_s is not None:
        model.window.turn()
        model.window.note(Spread.FIRST_TOKEN, first_s, seconds)
