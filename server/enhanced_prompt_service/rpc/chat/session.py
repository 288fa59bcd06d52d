"""One chat, from its setup to its end.

    listener    reads the client's frames, one at a time, and carries them out or says why not
    answerer    begins the current prompt's turn and hands on its frames, by cursor
    tools       run beside the turns, a few at a time
    writer      the call's own task: sends what all have to say, one message at a time

A turn belongs to `turns`, not to the chat: losing the chat loses a reader. Half-close ends the
listener alone; since a client's cancel first looks the same, nothing is begun or stored for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from enhanced_prompt.v1 import chat_pb2 as pb
from enhanced_prompt.v1 import turns_pb2
from enhanced_prompt.v1.common_pb2 import TurnCursor

from ...domain.errors import (
    Conflict,
    Exhausted,
    InvalidArgument,
    NotFound,
    Reason,
    ServiceError,
    Unavailable,
)
from ...domain.identity import Caller
from ...domain.turns import FrameKind, TurnRequest, TurnRow
from ...turns import Attached, TakenFrame
from ..call import Call
from ..convert import chat as convert
from ..convert.turns import kinds_wanted
from ..leaving import Leaving, LeavingOptions, gone_away
from ..pace import Pace
from ..stream import place_of
from ..toolbox import Toolbox
from ..validate import Validator
from .beside import Beside
from .outbox import Outbox
from .prompts import Prompt, Prompts
from .tools import ChatTools

_CLOSING_ONLY: frozenset[FrameKind] = frozenset()
_check: Any = Validator().check_for(pb.ChatRequest)


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """Limits of a chat.

    Attributes:
        ping_s: A client that sent nothing for so long is taken for gone.
        waiting: How many prompts may wait behind the one that is being answered.
        beside: How many tools may run beside the turns.
        models: What can be chosen, for `ready`.
        look_s: How soon a prompt that waits for a turn of another replica tries again where that
            turn's end can't be seen.
        frames_s: How many frames of a client are read a second, on average.
        burst: How many may come at once.
    """

    ping_s: float = 60.0
    waiting: int = 10
    beside: int = 4
    models: tuple[str, ...] = ("grounded",)
    look_s: float = 0.5
    frames_s: float = 50.0
    burst: int = 200


class ChatTurns(Protocol):
    """What a chat needs of `turns.Turns`."""

    async def start(self, caller: Caller, request: TurnRequest) -> Attached:
        """Begin a turn, or join the one that has this request_id."""
        ...

    async def attach(
        self, caller: Caller, turn_id: str, *, attempt: int = 0, after_sequence: int = 0
    ) -> Attached:
        """Read a turn from after a sequence on."""
        ...

    async def cancel(self, caller: Caller, turn_id: str) -> TurnRow:
        """Stop a turn; what was said so far is kept."""
        ...

    async def running_in(self, caller: Caller, conversation_id: str) -> str:
        """The conversation's running turn, on whichever replica; "" where none does."""
        ...


class Chat:
    """The chat of one call."""

    def __init__(
        self,
        call: Call,
        turns: ChatTurns,
        options: ChatOptions,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[str], str],
        heartbeat_s: float,
        leaving: LeavingOptions,
        toolbox: Toolbox | None = None,
    ) -> None:
        self._call = call
        self._turns = turns
        self._options = options
        self._now = now
        self._new_id = new_id
        self._session_id = new_id("chat")
        self._pace = Pace(options.frames_s, options.burst, monotonic=call.monotonic)
        self._outbox = Outbox(call, heartbeat_s=heartbeat_s, now=now)
        self._prompts = Prompts()
        self._toolbox = toolbox or Toolbox()
        self._tools = ChatTools(call, self._outbox, self._toolbox)
        self._beside = Beside(options.beside, self._reject)
        self._tasks: asyncio.TaskGroup | None = None
        self._offered: set[str] = set()
        self._leave_now = asyncio.Event()
        self._leaving = Leaving(call, leaving, self._leave_now.set)
        self._leaves = False
        self._place: Callable[[], TurnCursor] | None = None
        self._setup: pb.ChatSetup | None = None
        self._was_ready = False
        self._conversation_id = ""
        self._failure: Exception | None = None

    @property
    def waiting(self) -> int:
        """How many of its prompts wait for their turn."""
        return self._prompts.waiting

    async def run(self, requests: AsyncIterator[pb.ChatRequest]) -> None:
        """Chat until the client is done. Raises what ends the call with another status than OK."""
        self._call.noted["session_id"] = self._session_id
        work = asyncio.create_task(self._work(requests), name=self._session_id)
        try:
            await self._outbox.write()
        finally:
            work.cancel()
            await asyncio.wait([work])
        if self._failure is not None:
            raise self._failure

    async def _work(self, requests: AsyncIterator[pb.ChatRequest]) -> None:
        try:
            with self._leaving:
                async with asyncio.TaskGroup() as tasks:
                    self._tasks = tasks
                    listening = tasks.create_task(self._listen(requests))
                    leaving = tasks.create_task(self._leave())
                    await self._answer()
                    await self._beside.idle()
                    listening.cancel()  # nothing is left to be asked, or the chat goes away
                    leaving.cancel()
        except ExceptionGroup as group:
            self._failure = group.exceptions[0]
        await self._outbox.end()

    async def _leave(self) -> None:
        """Announce the end; what runs may finish, what waits goes on elsewhere."""
        await self._leave_now.wait()
        self._leave_now.clear()
        self._leaves = True
        place = self._place() if self._place is not None else None
        await self._outbox.put(self._leaving.announce(place))
        for prompt in self._prompts.drop_all():
            await self._reject(prompt.message_id, gone_away())
        current = self._prompts.current
        if current is not None and current.scope is not None:  # it waits for somebody else's turn
            current.dropped = True
            current.scope.reschedule(asyncio.get_running_loop().time())
        self._prompts.close()
        while not self._leaving.over:
            await self._leave_now.wait()
            self._leave_now.clear()
        raise gone_away()

    # ---- the client's frames ----------------------------------------------------------------

    async def _listen(self, requests: AsyncIterator[pb.ChatRequest]) -> None:
        while True:
            try:
                async with asyncio.timeout(self._options.ping_s):
                    message = await anext(requests, None)
            except TimeoutError:
                raise Conflict(
                    f"no frame came from the client for {self._options.ping_s:g} s: "
                    "open a new chat with the same conversation_id",
                    reason=Reason.CHAT_IDLE,
                ) from None
            if message is None:
                break
            await self._pace.wait()
            await self._carry_out(message)
        self._prompts.close()

    async def _carry_out(self, message: pb.ChatRequest) -> None:
        kind = message.WhichOneof("frame")
        if kind is None:
            raise _broken("a frame without content, or of a kind that this server does not know")
        if kind == "setup":
            await self._set_up(message.setup)
            return
        setup = self._setup
        if setup is None:
            raise _broken(f"a chat begins with setup, not with {kind}")
        try:
            _check(message)
            match kind:
                case "prompt":
                    await self._take(message.prompt, setup)
                case "cancel":
                    await self._cancel(message.cancel)
                case "ping":
                    await self._outbox.put(convert.pong(message.ping.time, self._now()))
                case _:
                    await self._admit()
                    self._run_beside(message, kind, setup)
        except ServiceError as error:
            message_id: str = getattr(getattr(message, kind), "message_id", "")
            await self._reject(message_id, error)

    async def _admit(self) -> None:
        """Count one more question of this caller, and ask for consent: each prompt and each tool
        keeps something. Raises Exhausted, Conflict (CONSENT_REQUIRED)."""
        if self._call.charge is not None:
            await self._call.charge()
        await self._consented()

    async def _consented(self) -> None:
        if self._call.consented is not None:
            await self._call.consented()

    def _run_beside(self, message: pb.ChatRequest, kind: str, setup: pb.ChatSetup) -> None:
        if self._leaves:
            raise gone_away()
        assert self._tasks is not None
        message_id, work = self._tools.work(message, kind, setup, self._conversation_id)
        self._beside.start(self._tasks, message_id, work)

    async def _set_up(self, setup: pb.ChatSetup) -> None:
        if self._setup is None:
            self._setup = setup
            self._conversation_id = setup.conversation_id or self._new_id("conv")
            self._call.noted["conversation_id"] = self._conversation_id
        elif not convert.repeats(setup, self._setup, self._conversation_id):
            raise _broken("a later setup may bring a new token, and must else repeat the first")
        if setup.access_token and self._call.renew is not None:
            await self._call.renew(setup.access_token)
        caller = self._call.caller
        # A conversation that was made just now has no turn: no query for it.
        fresh = not self._setup.conversation_id and not self._was_ready
        running = "" if fresh else await self._turns.running_in(caller, self._conversation_id)
        self._was_ready = True
        await self._outbox.put(
            convert.ready(
                self._session_id,
                self._conversation_id,
                caller,
                identity=self._call.identity,
                models=self._options.models,
                templates=self._toolbox.has_templates,
                tools=self._toolbox.has_tools,
                running_turn_id=running,
            )
        )

    async def _take(self, frame: pb.ChatPrompt, setup: pb.ChatSetup) -> None:
        """Take a prompt, as the policy says. Raises where it is not taken."""
        if self._leaves:
            raise gone_away()
        prompts = self._prompts
        request = convert.prompt_request(frame, setup, self._conversation_id)
        same = prompts.find(frame.message_id)
        if same is not None:
            if same.request != request:
                raise Conflict(
                    "this message_id belongs to another prompt", reason=Reason.REQUEST_ID_REUSED
                )
            await self._accept(same)
            return
        await self._admit()
        current = prompts.current
        if current is not None:
            match setup.multitask_policy:
                case pb.MULTITASK_POLICY_REJECT:
                    raise Conflict(
                        "a turn of this chat is running",
                        reason=Reason.TURN_IN_PROGRESS,
                        metadata={"turn_id": current.turn_id},
                    )
                case pb.MULTITASK_POLICY_INTERRUPT:
                    await self._cancel_all()
                case _ if prompts.waiting >= self._options.waiting:
                    raise Exhausted(
                        f"{self._options.waiting} prompts wait already", reason=Reason.QUEUE_FULL
                    )
                case _:
                    pass
        prompt = Prompt(frame.message_id, request)
        prompts.add(prompt)
        if prompts.current is not prompt:
            await self._accept(prompt)

    async def _cancel(self, frame: pb.ChatCancel) -> None:
        match frame.WhichOneof("target"):
            case "message_id":
                self._beside.stop(frame.message_id)
                prompt = self._prompts.find(frame.message_id)
                if prompt is None:
                    return
                if prompt is self._prompts.current:
                    await self._stop(prompt)
                else:
                    self._prompts.drop(prompt)
                    await self._reject(prompt.message_id, _cancelled())
            case "all" if frame.all:
                self._beside.stop_all()
                await self._cancel_all()
            case _:
                raise InvalidArgument.of("cancel", "names a message_id, or all as true")

    async def _cancel_all(self) -> None:
        for prompt in self._prompts.drop_all():
            await self._reject(prompt.message_id, _cancelled())
        if self._prompts.current is not None:
            await self._stop(self._prompts.current)

    async def _stop(self, prompt: Prompt) -> None:
        """Stop the current prompt, wherever it is on its way."""
        prompt.dropped = True
        if prompt.turn_id:
            await self._stop_turn(prompt.turn_id)
        elif prompt.scope is not None:
            prompt.scope.reschedule(asyncio.get_running_loop().time())

    async def _stop_turn(self, turn_id: str) -> None:
        with suppress(NotFound):
            await self._turns.cancel(self._call.caller, turn_id)

    # ---- turns --------------------------------------------------------------------------------

    async def _answer(self) -> None:
        while (prompt := await self._prompts.next()) is not None:
            await self._answer_one(prompt)
            self._prompts.done()

    async def _answer_one(self, prompt: Prompt) -> None:
        setup = self._setup
        assert setup is not None
        try:
            attached = await self._begin(prompt, setup)
        except ServiceError as error:
            await self._reject(prompt.message_id, error)
            return
        first = True
        while True:
            cut: Unavailable | None = None
            with attached:
                if first:
                    first = False
                    prompt.turn_id, prompt.behind = attached.turn_id, False
                    if self._call.asked is not None:
                        self._call.asked(True)
                    if self._call.record is not None:
                        await self._call.record("PromptService.Chat/prompt", attached.turn_id)
                    await self._accept(prompt)
                    if prompt.dropped:
                        await self._stop_turn(prompt.turn_id)
                cursor = attached.cursor(kinds_wanted(setup.detail, setup.frame_kinds))
                self._place = partial(place_of, attached, cursor)
                try:
                    while (taken := await cursor.take()) is not None:
                        await self._outbox.put_frame(taken)
                        if taken.kind is FrameKind.COMPLETED:
                            await self._offer(taken)
                        if taken.closing:
                            return
                except Unavailable as error:  # it runs elsewhere, and the way to it is lost
                    cut = error
                finally:
                    self._place = None
            if cut is None:
                return
            found = await self._attach_again(attached, cursor.last_sequence, cut)
            if found is None:
                await self._reject(prompt.message_id, cut)
                return
            attached = found

    async def _attach_again(
        self, lost: Attached, after: int, error: Unavailable
    ) -> Attached | None:
        """Go on with a turn whose log is out of reach, as soon as it is in reach again, or has
        ended; None where it is not there any more."""
        while True:
            await asyncio.sleep(error.retry_after_s or self._options.look_s)
            try:
                return await self._turns.attach(
                    self._call.caller, lost.turn_id, attempt=lost.attempt, after_sequence=after
                )
            except Unavailable as again:
                error = again
            except ServiceError:
                return None

    async def _offer(self, taken: TakenFrame) -> None:
        """Offer the templates that an answer suggests, each once a chat."""
        # From its bytes: another replica may have made it.
        frame = turns_pb2.TurnFrame.FromString(taken.encoded)
        for one in frame.completed.response.template_suggestions:
            if one.body not in self._offered:
                self._offered.add(one.body)
                await self._outbox.put(convert.opportunity(one, frame.turn_id))

    async def _begin(self, prompt: Prompt, setup: pb.ChatSetup) -> Attached:
        """Begin a prompt's turn, where another reader's turn runs as the policy says.

        Raises what keeps it from beginning.
        """
        while True:
            if prompt.dropped:
                raise _cancelled()
            await self._consented()  # it may have been withdrawn while the prompt waited
            try:
                return await self._turns.start(self._call.caller, prompt.request)
            except Conflict as error:
                running = error.metadata.get("turn_id", "")
                if error.reason is not Reason.TURN_IN_PROGRESS or not running:
                    raise
                if setup.multitask_policy == pb.MULTITASK_POLICY_REJECT:
                    raise
            if not prompt.behind:
                prompt.behind = True
                if setup.multitask_policy != pb.MULTITASK_POLICY_INTERRUPT:
                    await self._accept(prompt)
            if setup.multitask_policy == pb.MULTITASK_POLICY_INTERRUPT:
                await self._stop_turn(running)
            await self._ended(running, prompt)

    async def _ended(self, turn_id: str, prompt: Prompt) -> None:
        """Wait for a turn that somebody else asked, or until the prompt is cancelled.

        The turn may run on another replica. One whose runner is lost ends here as well, and its
        row is then no obstacle any more. Where its end can't be seen, because the bus is away,
        this waits a while: whoever called tries to begin again, and that asks SQL.
        """
        try:
            async with asyncio.timeout(None) as prompt.scope:
                if not await self._seen_ending(turn_id):
                    await asyncio.sleep(self._options.look_s)
        except (TimeoutError, NotFound):
            pass
        finally:
            prompt.scope = None

    async def _seen_ending(self, turn_id: str) -> bool:
        """Wait for a turn's closing frame; False where something else ended the waiting."""
        try:
            with await self._turns.attach(self._call.caller, turn_id) as other:
                taken = await other.cursor(_CLOSING_ONLY).take()
        except Unavailable as error:
            if error.reason is not Reason.BUS_UNAVAILABLE:
                raise
            return False
        # Without a sequence and not from storage: the log was given up, and its turn may run on.
        return taken is not None and (bool(taken.sequence) or taken.replayed)

    # ---- replies ------------------------------------------------------------------------------

    async def _accept(self, prompt: Prompt) -> None:
        position = self._prompts.position(prompt)
        await self._outbox.put(convert.accepted(prompt.message_id, prompt.turn_id, position))

    async def _reject(self, message_id: str, error: ServiceError) -> None:
        await self._outbox.put(convert.rejected(message_id, error))


def _broken(why: str) -> Conflict:
    return Conflict(why, reason=Reason.CHAT_PROTOCOL_BROKEN)


def _cancelled() -> Conflict:
    return Conflict("cancelled before it ran; it may be sent again", reason=Reason.CANCELLED)
