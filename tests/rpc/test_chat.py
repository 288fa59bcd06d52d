"""Chat over TCP: many turns on one stream, and every way in which it goes on or ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from enhanced_prompt.v1 import chat_pb2 as pb
from enhanced_prompt.v1 import prompt_service_pb2, prompts_pb2, turns_pb2
from enhanced_prompt_service.domain.errors import Reason, Unavailable
from enhanced_prompt_service.rpc.chat import ChatOptions
from enhanced_prompt_service.turns import Turn

from . import kit
from .stack import Stack, running

Frame = pb.ChatRequest


class Held:
    """An agent's play: says the question, waits for its release, says the rest."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, turn: Turn) -> None:
        turn.writer.text(turn.request.query)
        if turn.request.query == "broken":
            raise Unavailable("the model is away", reason=Reason.MODEL_UNAVAILABLE)
        if not turn.request.query.startswith("held"):
            return
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        turn.writer.text(" done")


class Talk:
    """A chat of a test's client."""

    def __init__(self, stack: Stack) -> None:
        self.call: Any = stack.prompts.Chat()

    async def send(self, **frame: Any) -> None:
        await self.call.write(Frame(**frame))

    async def prompt(self, message_id: str, query: str, **more: Any) -> None:
        await self.send(prompt=pb.ChatPrompt(message_id=message_id, query=query, **more))

    async def setup(self, **fields: Any) -> pb.ChatReady:
        await self.send(setup=pb.ChatSetup(**fields))
        return (await self.next("ready")).ready

    async def next(self, kind: str = "") -> Any:
        """The next message, of the kind that is expected."""
        message = await self.call.read()
        assert message is not grpc.aio.EOF, "the chat ended"
        if kind:
            assert message.WhichOneof("frame") == kind, message
        return message

    async def turn_frame(self, payload: str) -> Any:
        found = (await self.next("turn")).turn
        assert found.WhichOneof("payload") == payload, found
        return found

    async def turn(self) -> list[Any]:
        """A turn's frames up to its closing one."""
        found = [(await self.next("turn")).turn]
        while found[-1].WhichOneof("payload") not in ("completed", "cancelled", "failed"):
            found.append((await self.next("turn")).turn)
        return found

    async def runs(self, message_id: str) -> str:
        """`accepted` of a prompt that runs; gives its turn."""
        found = (await self.next("accepted")).accepted
        assert (found.message_id, found.queue_position) == (message_id, 0)
        assert found.turn_id
        return found.turn_id

    async def rejection(self, message_id: str) -> str:
        """`rejected` of a frame; gives the reason."""
        found = (await self.next("rejected")).rejected
        assert found.message_id == message_id
        return reason_of(found.status)

    async def ended(self) -> tuple[grpc.StatusCode, str]:
        """Status and reason with which it ended, after its last message."""
        with suppress(grpc.aio.AioRpcError):  # raised where the status is not OK
            assert await self.call.read() is grpc.aio.EOF
        code = await self.call.code()
        details = dict(await self.call.trailing_metadata()).get("grpc-status-details-bin")
        return code, reason_of(Status.FromString(details)) if details else ""


def reason_of(status: Status) -> str:
    info = ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            return info.reason
    return ""


def text_of(frames: list[Any]) -> str:
    return "".join(one.text_delta.text for one in frames)


@asynccontextmanager
async def chatting(folder: Path, **options: Any) -> AsyncIterator[tuple[Stack, Held]]:
    async with running(folder, **options) as stack:
        held = Held()
        stack.agent.play = held
        yield stack, held
        held.release.set()


@pytest.fixture
async def stack_and_held(tmp_path: Path) -> AsyncIterator[tuple[Stack, Held]]:
    async with chatting(tmp_path) as found:
        yield found


@pytest.fixture
def stack(stack_and_held: tuple[Stack, Held]) -> Stack:
    return stack_and_held[0]


@pytest.fixture
def held(stack_and_held: tuple[Stack, Held]) -> Held:
    return stack_and_held[1]


# ---- opening ------------------------------------------------------------------------------------


async def test_ready_says_who_is_here_and_what_there_is(stack: Stack) -> None:
    talk = Talk(stack)
    ready = await talk.setup(conversation_id="c-1")
    assert ready.session_id
    assert ready.conversation_id == "c-1"
    assert not ready.authenticated
    assert (ready.identity.tenant, ready.identity.user_id) == ("default", "local")
    assert not ready.features.template_creation
    assert not ready.features.ai_optimization
    assert not ready.features.langchain_fallback
    assert list(ready.features.models) == ["grounded"]
    assert ready.running_turn_id == ""
    await talk.call.done_writing()
    assert await talk.ended() == (grpc.StatusCode.OK, "")


async def test_a_conversation_is_made_where_none_is_named(stack: Stack) -> None:
    first, second = Talk(stack), Talk(stack)
    one, two = await first.setup(), await second.setup()
    assert one.conversation_id
    assert one.conversation_id != two.conversation_id
    assert one.session_id != two.session_id


async def test_ready_names_the_turn_that_runs(stack: Stack, held: Held) -> None:
    first = Talk(stack)
    await first.setup(conversation_id="c")
    await first.prompt("m", "held")
    turn_id = await first.runs("m")
    assert (await Talk(stack).setup(conversation_id="c")).running_turn_id == turn_id


async def test_a_setup_may_bring_a_new_token_and_repeat_what_it_said(stack: Stack) -> None:
    talk = Talk(stack)
    first = await talk.setup(detail=turns_pb2.DETAIL_REASONING)
    again = await talk.setup(access_token="new")
    assert again == first
    assert first == await talk.setup(
        conversation_id=first.conversation_id, detail=turns_pb2.DETAIL_REASONING
    )


@pytest.mark.parametrize(
    "frame",
    [
        {"prompt": pb.ChatPrompt(message_id="m", query="q")},
        {"ping": pb.ChatPing()},
        {"cancel": pb.ChatCancel(all=True)},
        {},
    ],
)
async def test_whatever_comes_before_setup_breaks_the_chat(
    stack: Stack, frame: dict[str, Any]
) -> None:
    talk = Talk(stack)
    await talk.send(**frame)
    assert await talk.ended() == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "CHAT_PROTOCOL_BROKEN",
    )


@pytest.mark.parametrize("frame", [Frame(), Frame(setup=pb.ChatSetup(conversation_id="another"))])
async def test_a_frame_that_does_not_fit_breaks_the_chat_and_not_its_turn(
    stack: Stack, held: Held, frame: pb.ChatRequest
) -> None:
    talk = Talk(stack)
    await talk.setup(conversation_id="c")
    await talk.prompt("m", "held")
    turn_id = await talk.runs("m")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    await talk.call.write(frame)
    assert await talk.ended() == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "CHAT_PROTOCOL_BROKEN",
    )
    held.release.set()
    watch = stack.prompts.WatchTurn(prompt_service_pb2.WatchTurnRequest(turn_id=turn_id))
    assert text_of([one.turn async for one in watch]) == "held done"


async def test_bytes_that_are_no_message_end_the_chat(stack: Stack) -> None:
    path = "/enhanced_prompt.v1.PromptService/Chat"
    call: Any = stack.channel.stream_stream(path)()
    await call.write(b"\xff\xff")
    with pytest.raises(grpc.aio.AioRpcError):
        await call.read()
    assert await call.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_setup_that_breaks_a_limit_ends_the_chat(stack: Stack) -> None:
    talk = Talk(stack)
    await talk.send(setup=pb.ChatSetup(conversation_id="not allowed"))
    assert (await talk.ended())[0] == grpc.StatusCode.INVALID_ARGUMENT


# ---- turns --------------------------------------------------------------------------------------


async def test_a_prompt_is_a_turn_whose_request_id_is_the_message_id(stack: Stack) -> None:
    talk = Talk(stack)
    await talk.setup(conversation_id="c", time_zone="Europe/Berlin")
    await talk.prompt("m-1", "two cars")
    turn_id = await talk.runs("m-1")
    frames = await talk.turn()
    assert [one.sequence for one in frames] == [1, 2, 3]
    assert [one.previous_sequence for one in frames] == [0, 1, 2]
    assert {one.turn_id for one in frames} == {turn_id}
    assert frames[-1].completed.response.response == "two cars"
    assert frames[-1].completed.response.conversation_id == "c"
    (turn,) = stack.agent.turns
    assert turn.request.request_id == "m-1"
    assert turn.request.time_zone == "Europe/Berlin"


async def test_detail_chooses_what_is_shown(stack: Stack) -> None:
    async def think(turn: Turn) -> None:
        turn.writer.thinking("hm")
        turn.writer.text("x")

    stack.agent.play = think
    plain, full = Talk(stack), Talk(stack)
    await plain.setup()
    await full.setup(detail=turns_pb2.DETAIL_REASONING)
    shown: list[list[str]] = []
    for talk in (plain, full):
        await talk.prompt("m" + str(len(shown)), "q")
        await talk.runs("m" + str(len(shown)))
        shown.append([one.WhichOneof("payload") for one in await talk.turn()])
    assert shown[0] == ["started", "text_delta", "completed"]
    assert shown[1] == ["started", "thinking", "text_delta", "completed"]


async def test_a_message_that_was_answered_is_replayed_on_another_chat(stack: Stack) -> None:
    first, second = Talk(stack), Talk(stack)
    found: list[list[Any]] = []
    for talk in (first, second):
        await talk.setup(conversation_id="c")
        await talk.prompt("m", "cars")
        await talk.runs("m")
        found.append(await talk.turn())
    assert found[0] == found[1]
    assert len(stack.agent.turns) == 1


async def test_a_failed_turn_is_a_frame_and_the_chat_goes_on(stack: Stack) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.prompt("m-1", "broken")
    await talk.runs("m-1")
    failed = (await talk.turn())[-1].failed
    assert failed.retryable
    assert reason_of(failed.status) == "MODEL_UNAVAILABLE"
    await talk.prompt("m-2", "whole")
    await talk.runs("m-2")
    assert text_of(await talk.turn()) == "whole"


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        (pb.ChatPrompt(message_id="m", query=""), "REQUIRED_FIELD_MISSING"),
        (pb.ChatPrompt(message_id="m", query="x" * 8001), "LIMIT_EXCEEDED"),
        (pb.ChatPrompt(message_id="m", query="x", time_zone="Mars/Olympus"), "INVALID_FORMAT"),
    ],
)
async def test_a_prompt_that_breaks_a_limit_is_rejected_and_the_chat_goes_on(
    stack: Stack, prompt: pb.ChatPrompt, reason: str
) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.send(prompt=prompt)
    assert await talk.rejection("m") == reason
    await talk.prompt("m", "fine")
    await talk.runs("m")
    await talk.turn()


async def test_the_same_message_again_is_one_turn_and_another_under_its_id_is_rejected(
    stack: Stack, held: Held
) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.prompt("m", "held")
    turn_id = await talk.runs("m")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    await talk.prompt("m", "held")
    assert await talk.runs("m") == turn_id
    await talk.prompt("m", "other")
    assert await talk.rejection("m") == "REQUEST_ID_REUSED"
    held.release.set()
    await talk.turn()
    await talk.prompt("m", "other")  # now it is stored who the id belongs to
    assert await talk.rejection("m") == "REQUEST_ID_REUSED"
    assert len(stack.agent.turns) == 1


# ---- policies -----------------------------------------------------------------------------------


async def test_prompts_wait_in_line_and_are_answered_in_order(stack: Stack, held: Held) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.prompt("m-0", "held")
    await talk.runs("m-0")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    for number in (1, 2):
        await talk.prompt(f"m-{number}", f"next {number}")
        waits = (await talk.next("accepted")).accepted
        assert (waits.message_id, waits.turn_id, waits.queue_position) == (
            f"m-{number}",
            "",
            number,
        )
    held.release.set()
    assert text_of(await talk.turn()) == " done"
    for number in (1, 2):
        await talk.runs(f"m-{number}")
        assert text_of(await talk.turn()) == f"next {number}"


async def test_the_eleventh_waiting_prompt_is_refused(stack: Stack, held: Held) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.prompt("m-0", "held")
    await talk.runs("m-0")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    for number in range(1, 11):
        await talk.prompt(f"m-{number}", "q")
        assert (await talk.next("accepted")).accepted.queue_position == number
    await talk.prompt("m-11", "q")
    refused = (await talk.next("rejected")).rejected
    assert refused.message_id == "m-11"
    assert refused.status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert reason_of(refused.status) == "QUEUE_FULL"
    held.release.set()
    await talk.turn()
    for number in range(1, 11):
        await talk.runs(f"m-{number}")
        await talk.turn()


async def test_interrupting_cancels_the_running_turn_keeps_it_and_goes_on(
    stack: Stack, held: Held
) -> None:
    talk = Talk(stack)
    await talk.setup(multitask_policy=pb.MULTITASK_POLICY_INTERRUPT)
    await talk.prompt("m-1", "held")
    await talk.runs("m-1")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    await talk.prompt("m-2", "quick")
    frames: list[Any] = []
    while not any(one.turn.HasField("completed") for one in frames):
        frames.append(await talk.next())
    assert held.cancelled.is_set()
    assert (
        next(
            one.turn.cancelled.response.response for one in frames if one.turn.HasField("cancelled")
        )
        == "held"
    )
    assert [one.turn.text_delta.text for one in frames if one.turn.HasField("text_delta")] == [
        "quick"
    ]


async def test_rejecting_refuses_while_a_turn_runs(stack: Stack, held: Held) -> None:
    talk = Talk(stack)
    await talk.setup(multitask_policy=pb.MULTITASK_POLICY_REJECT)
    await talk.prompt("m-1", "held")
    await talk.runs("m-1")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    await talk.prompt("m-2", "q")
    assert await talk.rejection("m-2") == "TURN_IN_PROGRESS"
    held.release.set()
    await talk.turn()
    await talk.prompt("m-2", "q")
    await talk.runs("m-2")
    await talk.turn()


# ---- two chats on one conversation --------------------------------------------------------------


async def two_chats(stack: Stack, policy: Any) -> tuple[Talk, Talk, str]:
    """Two chats on one conversation; the first has a turn that is held."""
    first, second = Talk(stack), Talk(stack)
    await first.setup(conversation_id="c")
    await second.setup(conversation_id="c", multitask_policy=policy)
    await first.prompt("a", "held")
    turn_id = await first.runs("a")
    await first.turn_frame("started")
    await first.turn_frame("text_delta")
    return first, second, turn_id


async def test_a_second_chat_waits_for_the_turn_of_the_first(stack: Stack, held: Held) -> None:
    first, second, _ = await two_chats(stack, pb.MULTITASK_POLICY_ENQUEUE)
    await second.prompt("b", "mine")
    waits = (await second.next("accepted")).accepted
    assert (waits.message_id, waits.turn_id, waits.queue_position) == ("b", "", 1)
    held.release.set()
    await first.turn()
    await second.runs("b")
    frames = await second.turn()
    assert text_of(frames) == "mine"
    assert frames[-1].completed.response.conversation_turn == 2


async def test_a_second_chat_interrupts_the_first(stack: Stack, held: Held) -> None:
    first, second, _ = await two_chats(stack, pb.MULTITASK_POLICY_INTERRUPT)
    await second.prompt("b", "mine")
    await second.runs("b")
    assert text_of(await second.turn()) == "mine"
    assert (await first.turn_frame("cancelled")).cancelled.response.response == "held"


async def test_a_second_chat_is_refused_with_the_turn_that_runs(stack: Stack, held: Held) -> None:
    _, second, turn_id = await two_chats(stack, pb.MULTITASK_POLICY_REJECT)
    await second.prompt("b", "mine")
    refused = (await second.next("rejected")).rejected
    assert reason_of(refused.status) == "TURN_IN_PROGRESS"
    assert turn_id.encode() in refused.status.SerializeToString()


async def test_a_prompt_that_waits_for_another_chat_can_be_cancelled(
    stack: Stack, held: Held
) -> None:
    first, second, _ = await two_chats(stack, pb.MULTITASK_POLICY_ENQUEUE)
    await second.prompt("b", "mine")
    await second.next("accepted")
    await second.send(cancel=pb.ChatCancel(message_id="b"))
    assert await second.rejection("b") == "CANCELLED"
    held.release.set()
    assert (await first.turn())[-1].HasField("completed")
    assert len(stack.agent.turns) == 1


async def test_two_chats_see_one_turn_alike(stack: Stack, held: Held) -> None:
    first, second, turn_id = await two_chats(stack, pb.MULTITASK_POLICY_ENQUEUE)
    await second.prompt("a", "held")
    assert await second.runs("a") == turn_id
    held.release.set()
    assert text_of(await first.turn()) == " done"
    assert text_of(await second.turn()) == "held done"
    assert len(stack.agent.turns) == 1


# ---- cancelling ---------------------------------------------------------------------------------


async def test_cancelling_one_stops_it_and_the_next_one_runs(stack: Stack, held: Held) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.prompt("m-1", "held")
    await talk.runs("m-1")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    await talk.prompt("m-2", "dropped")
    await talk.prompt("m-3", "last")
    await talk.next("accepted")
    await talk.next("accepted")
    await talk.send(cancel=pb.ChatCancel(message_id="m-2"))
    assert await talk.rejection("m-2") == "CANCELLED"
    await talk.send(cancel=pb.ChatCancel(message_id="m-1"))
    assert (await talk.turn_frame("cancelled")).cancelled.response.response == "held"
    assert held.cancelled.is_set()
    await talk.runs("m-3")
    assert text_of(await talk.turn()) == "last"


async def test_cancelling_all_stops_the_turn_and_empties_the_line(stack: Stack, held: Held) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.prompt("m-1", "held")
    await talk.runs("m-1")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    await talk.prompt("m-2", "dropped")
    await talk.next("accepted")
    await talk.send(cancel=pb.ChatCancel(all=True))
    assert await talk.rejection("m-2") == "CANCELLED"
    await talk.turn_frame("cancelled")
    await talk.call.done_writing()
    assert await talk.ended() == (grpc.StatusCode.OK, "")
    assert len(stack.agent.turns) == 1


async def test_cancelling_what_is_not_there_or_has_ended_is_ignored(stack: Stack) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.prompt("m", "q")
    await talk.runs("m")
    await talk.turn()
    for frame in (pb.ChatCancel(message_id="m"), pb.ChatCancel(all=True)):
        await talk.send(cancel=frame)
    await talk.send(cancel=pb.ChatCancel())
    assert await talk.rejection("") == "INVALID_FORMAT"


# ---- beside the turns ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        {"classify": pb.ChatClassify(message_id="t", query="q")},
        {"optimize": pb.ChatOptimize(message_id="t", prompt="q")},
        {
            "generate": pb.ChatGenerate(
                message_id="t", source=prompts_pb2.GenerationSource(prompt="q")
            )
        },
        {"save_as_template": pb.ChatSaveAsTemplate(message_id="t")},
    ],
)
async def test_a_tool_that_is_not_built_is_a_frame_beside_the_running_turn(
    stack: Stack, held: Held, frame: dict[str, Any]
) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.prompt("m", "held")
    await talk.runs("m")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    await talk.send(**frame)
    assert await talk.rejection("t") == "NOT_IMPLEMENTED_YET"
    held.release.set()
    assert (await talk.turn())[-1].HasField("completed")


async def test_a_pong_gives_the_time_of_the_ping_back(stack: Stack) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.send(ping=pb.ChatPing(time=Timestamp(seconds=7, nanos=9)))
    pong = (await talk.next("pong")).pong
    assert (pong.ping_time.seconds, pong.ping_time.nanos) == (7, 9)
    assert pong.time.seconds > 0


async def test_an_idle_chat_has_heartbeats_with_the_last_sequence(tmp_path: Path) -> None:
    async with chatting(tmp_path, heartbeat_s=0.05) as (stack, _):
        talk = Talk(stack)
        assert (await talk.next("heartbeat")).heartbeat.last_sequence == 0
        await talk.send(setup=pb.ChatSetup())
        await talk.send(prompt=pb.ChatPrompt(message_id="m", query="q"))
        kinds: list[str] = []
        while "turn" not in kinds or kinds[-1] != "heartbeat":
            message = await talk.next()
            kinds.append(message.WhichOneof("frame"))
        assert message.heartbeat.last_sequence > 0


# ---- how it ends --------------------------------------------------------------------------------


async def test_half_close_lets_running_and_waiting_turns_end(stack: Stack, held: Held) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.prompt("m-1", "held")
    await talk.runs("m-1")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    await talk.prompt("m-2", "last")
    await talk.next("accepted")
    await talk.call.done_writing()
    held.release.set()
    assert text_of(await talk.turn()) == " done"
    await talk.runs("m-2")
    assert text_of(await talk.turn()) == "last"
    assert await talk.ended() == (grpc.StatusCode.OK, "")


async def test_a_lost_chat_loses_no_turn_and_begins_none(stack: Stack, held: Held) -> None:
    talk = Talk(stack)
    await talk.setup()
    await talk.prompt("m-1", "held")
    turn_id = await talk.runs("m-1")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    await talk.prompt("m-2", "never")
    await talk.next("accepted")
    talk.call.cancel()
    await kit.gone()
    held.release.set()
    watch = stack.prompts.WatchTurn(prompt_service_pb2.WatchTurnRequest(turn_id=turn_id))
    assert text_of([one.turn async for one in watch]) == "held done"
    assert await stack.turns.idle(10)
    assert len(stack.agent.turns) == 1


async def test_a_turn_ends_with_its_chat_where_the_client_said_so(stack: Stack, held: Held) -> None:
    talk = Talk(stack)
    await talk.setup(on_disconnect=turns_pb2.ON_DISCONNECT_CANCEL)
    await talk.prompt("m-1", "held")
    await talk.runs("m-1")
    await talk.turn_frame("started")
    talk.call.cancel()
    await held.cancelled.wait()


async def test_a_client_that_says_nothing_for_too_long_is_taken_for_gone(
    tmp_path: Path,
) -> None:
    async with chatting(tmp_path, chat=ChatOptions(ping_s=0.1)) as (stack, held):
        talk = Talk(stack)
        await talk.setup()
        await talk.prompt("m", "held")
        turn_id = await talk.runs("m")
        await talk.turn_frame("started")
        await talk.turn_frame("text_delta")
        assert await talk.ended() == (grpc.StatusCode.ABORTED, "CHAT_IDLE")
        held.release.set()
        watch = stack.prompts.WatchTurn(prompt_service_pb2.WatchTurnRequest(turn_id=turn_id))
        assert text_of([one.turn async for one in watch]) == "held done"


async def test_a_client_that_does_not_read_makes_nothing_pile_up(stack: Stack) -> None:
    async def flood(turn: Turn) -> None:
        for number in range(2_000):
            turn.writer.thinking(f"{number} " + "x" * 1000)
            if not number % 100:
                await asyncio.sleep(0)
        turn.writer.text("end")

    stack.agent.play = flood
    talk = Talk(stack)
    await talk.setup(detail=turns_pb2.DETAIL_REASONING)
    await talk.prompt("m", "q")
    await talk.runs("m")
    assert await stack.turns.idle(30)  # the turn did not wait for its reader
    frames = await talk.turn()
    assert [one.sequence for one in frames] == list(range(1, len(frames) + 1))
    assert frames[-1].completed.response.response == "end"
