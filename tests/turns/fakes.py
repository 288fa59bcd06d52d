"""In-memory doubles for the turns' own tests; the real stores have a contract suite."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from enhanced_prompt_service.domain.answers import (
    Answer,
    Interpretation,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.clock import FixedClock
from enhanced_prompt_service.domain.errors import Conflict, NotFound, Reason
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import Frame, TurnRow, TurnState
from enhanced_prompt_service.turns import RunnerParts, Turn, Turns, TurnsConfig

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CALLER = Caller()


def encode(frame: Frame) -> bytes:
    """Readable bytes: sequence, kind and payload."""
    payload = json.dumps(asdict(frame.payload), default=str)
    return f"{frame.attempt}/{frame.sequence} {frame.kind.value} {payload}".encode()


class MemoryTurnStore:
    """`TurnStore` in a dict, with the rules that the runner relies on."""

    def __init__(self) -> None:
        self.rows: dict[str, TurnRow] = {}
        self.finishing = asyncio.Event()
        self.hold_finish: asyncio.Event | None = None
        self.fail_finish: Exception | None = None

    async def begin(self, caller: Caller, **fields: Any) -> TurnRow:
        await asyncio.sleep(0)
        for row in self.rows.values():
            same = (row.tenant, row.user, row.request_id) == (
                caller.tenant,
                caller.user,
                fields["request_id"],
            )
            if same and row.request_id:
                if row.request_hash != fields["request_hash"]:
                    raise Conflict("reused", reason=Reason.REQUEST_ID_REUSED)
                if row.state is TurnState.FAILED and row.error and row.error.retryable:
                    row = replace(
                        row,
                        state=TurnState.RUNNING,
                        attempt=row.attempt + 1,
                        runner=fields["runner"],
                        error=None,
                    )
                    self.rows[row.turn_id] = row
                return row
        of_conversation = [
            row for row in self.rows.values() if row.conversation_id == fields["conversation_id"]
        ]
        for row in of_conversation:
            if row.state is TurnState.RUNNING:
                raise Conflict("busy", metadata={"turn_id": row.turn_id})
        row = TurnRow(
            turn_id=fields["turn_id"],
            tenant=caller.tenant,
            user=caller.user,
            conversation_id=fields["conversation_id"],
            conversation_turn=len(of_conversation) + 1,
            message_id=fields["message_id"],
            request_id=fields["request_id"],
            request_hash=fields["request_hash"],
            attempt=1,
            runner=fields["runner"],
            state=TurnState.RUNNING,
            query=fields["query"],
            created_at=fields["now"],
        )
        self.rows[row.turn_id] = row
        return row

    async def finish(
        self, caller: Caller, *, turn_id: str, attempt: int, state: TurnState, **fields: Any
    ) -> bool:
        self.finishing.set()
        if self.hold_finish is not None:
            await self.hold_finish.wait()
        if self.fail_finish is not None:
            raise self.fail_finish
        row = self.rows[turn_id]
        if row.attempt != attempt or row.state is not TurnState.RUNNING:
            return False
        self.rows[turn_id] = replace(
            row,
            state=state,
            response=fields["response"],
            error=fields["error"],
            usage=fields["usage"],
            ended_at=fields["now"],
        )
        return True

    async def get_turn(self, caller: Caller, turn_id: str) -> TurnRow:
        if turn_id not in self.rows:
            raise NotFound("turn", turn_id, reason=Reason.TURN_NOT_FOUND)
        return self.rows[turn_id]

    async def find_request(
        self, caller: Caller, request_id: str, since: datetime
    ) -> TurnRow | None:
        return next((row for row in self.rows.values() if row.request_id == request_id), None)

    async def fail_lost(self, after_s: float, now: datetime) -> int:
        raise NotImplementedError

    async def fail_orphans(self, runner_prefix: str, error: Any, now: datetime) -> int:
        return 0


class MemoryConversations:
    """`ConversationStore` as far as a runner needs it."""

    def __init__(self, turns: MemoryTurnStore) -> None:
        self._turns = turns

    async def recent_turns(self, caller: Caller, conversation_id: str, limit: int) -> list[Any]:
        return [
            row.response
            for row in self._turns.rows.values()
            if row.conversation_id == conversation_id and row.state is TurnState.COMPLETED
        ][-limit:]

    async def get_conversation(self, caller: Caller, conversation_id: str) -> Any:
        raise NotImplementedError

    async def list_conversations(self, caller: Caller, **page: Any) -> Any:
        raise NotImplementedError


def an_answer(text: str) -> Answer:
    return Answer(text, ResponseType.ANSWER, 1.0, Interpretation(QuestionType.COUNT))


class ScriptedAgent:
    """Says its words, with a step between them that the test decides."""

    model = "scripted"

    def __init__(self, *words: str) -> None:
        self.words = words or ("hello ", "world")
        self.turns: list[Turn] = []
        self.step: Callable[[int], Any] | None = None

    async def answer(self, turn: Turn) -> Answer:
        self.turns.append(turn)
        for number, word in enumerate(self.words):
            if self.step is not None:
                await self.step(number)
            turn.writer.text(word)
        return an_answer("".join(self.words))


class ManualMonotonic:
    """Seconds that a test moves by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def make_turns(
    agent: Any, store: MemoryTurnStore | None = None, **config: Any
) -> tuple[Turns, MemoryTurnStore, ManualMonotonic]:
    store = store or MemoryTurnStore()
    monotonic = ManualMonotonic()
    timeout_s = config.pop("timeout_s", 120.0)
    replicas = config.pop("replicas", None)
    parts = RunnerParts(
        agent=agent,
        turns=store,
        conversations=MemoryConversations(store),
        real_clock=FixedClock(NOW),
        site_clock=FixedClock(NOW),
        monotonic=monotonic,
        timeout_s=timeout_s,
        history_turns=20,
    )
    numbers = iter(range(1, 1_000_000))
    turns = Turns(
        parts,
        TurnsConfig(runner="test", **config),
        encode,
        lambda kind: f"{kind}_{next(numbers)}",
        replicas,
    )
    return turns, store, monotonic
