"""Chats, with both clients: prompts are asked once, turns come whole, whatever streams do."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest

from enhanced_prompt import Client, ClientOptions, Retry, errors
from enhanced_prompt.v1 import chat_pb2 as pb
from enhanced_prompt.v1.common_pb2 import GO_AWAY_REASON_DRAINING, GoAway
from enhanced_prompt.v1.prompt_service_pb2 import (
    AnswerResponse,
    WatchTurnRequest,
    WatchTurnResponse,
)
from enhanced_prompt.v1.turns_pb2 import (
    Detail,
    OnDisconnect,
    TurnCancelled,
    TurnCompleted,
    TurnFailed,
    TurnFrame,
    TurnReset,
    TurnStarted,
)

from .conftest import QUICK
from .drivers import DRIVERS, Driver
from .scripted import Script, abort, answer, completed, delta, frame, started, status

KINDS = ["started", "text_delta", "completed"]


class Stream:
    """One stream of a chat, as the scripted service sees it."""

    def __init__(self, context: Any, heard: list[pb.ChatRequest]) -> None:
        self._context = context
        self._heard = heard

    async def hear(self, kind: str) -> Any:
        """The client's next frame but pings, which is of this kind."""
        while True:
            said = await self._context.read()
            assert said is not grpc.aio.EOF
            self._heard.append(said)
            if said.WhichOneof("frame") != "ping" or kind == "ping":
                assert said.WhichOneof("frame") == kind, said
                return getattr(said, kind)

    async def set_up(self) -> pb.ChatSetup:
        setup = await self.hear("setup")
        await self.say(ready=pb.ChatReady(conversation_id=setup.conversation_id))
        return setup

    async def say(self, **fields: Any) -> None:
        await self._context.write(pb.ChatResponse(**fields))

    async def accept(self, message_id: str, turn_id: str = "") -> None:
        await self.say(accepted=pb.ChatAccepted(message_id=message_id, turn_id=turn_id))

    async def frames(self, message_id: str, *, first: int = 1, last: int = 3, **more: Any) -> None:
        """Frames of the turn `t-<message_id>`: started, one delta, completed."""
        await self.accept(message_id, f"t-{message_id}")
        for number in range(first, last + 1):
            await self.frame(message_id, number, **more)

    async def frame(self, message_id: str, sequence: int, *, attempt: int = 1) -> None:
        payloads: list[dict[str, Any]] = [
            {"started": TurnStarted(conversation_id="c", message_id=message_id)},
            {"text_delta": {"text": f"said {message_id}"}},
            {"completed": TurnCompleted(response=answer(f"said {message_id}"))},
        ]
        if attempt > 1:
            payloads.insert(0, {"reset": TurnReset(attempt=attempt)})
        await self.say(
            turn=TurnFrame(
                turn_id=f"t-{message_id}",
                attempt=attempt,
                sequence=sequence,
                previous_sequence=sequence - 1,
                **payloads[sequence - 1],
            )
        )

    async def fail(self, message_id: str, reason: str, sequence: int = 0) -> None:
        failed = TurnFailed(
            status=status(grpc.StatusCode.UNAVAILABLE, reason), retryable=True, partial_kept=True
        )
        await self.say(
            turn=TurnFrame(
                turn_id=f"t-{message_id}",
                attempt=1,
                sequence=sequence,
                previous_sequence=max(sequence - 1, 0),
                failed=failed,
            )
        )

    async def reject(self, message_id: str, code: grpc.StatusCode, reason: str) -> None:
        await self.say(rejected=pb.ChatRejected(message_id=message_id, status=status(code, reason)))

    async def go_away(self) -> None:
        await self.say(go_away=GoAway(reason=GO_AWAY_REASON_DRAINING))

    async def gone(self) -> None:
        """Until the client has left."""
        while await self._context.read() is not grpc.aio.EOF:
            pass

    async def abort(self, code: grpc.StatusCode, reason: str) -> None:
        await abort(self._context, status(code, reason))


class Streams:
    """What the service does on each stream of a chat, in their order."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.heard: list[list[pb.ChatRequest]] = []
        self._plays: list[Any] = []
        script.on("Chat")(self._run)

    def then(self, play: Any) -> Any:
        self._plays.append(play)
        return play

    async def _run(self, _: Any, context: Any) -> None:
        self.heard.append([])
        play = self._plays[min(len(self.heard), len(self._plays)) - 1]
        await play(Stream(context, self.heard[-1]))


@pytest.fixture
def streams(script: Script) -> Streams:
    return Streams(script)


async def test_prompts_are_turns_in_their_order_on_one_stream(
    driver: Driver, streams: Streams
) -> None:
    @streams.then
    async def first(stream: Stream) -> None:
        setup = await stream.set_up()
        assert setup == pb.ChatSetup(
            conversation_id="c",
            detail=Detail.DETAIL_REASONING,
            multitask_policy=pb.MULTITASK_POLICY_ENQUEUE,
            on_disconnect=OnDisconnect.ON_DISCONNECT_CANCEL,
            time_zone="Europe/Berlin",
        )
        for number in (1, 2):
            prompt = await stream.hear("prompt")
            assert (prompt.message_id, prompt.query) == (f"m-{number}", f"question {number}")
            assert list(prompt.filter.cameras) == ["1"]
        for number in (1, 2):
            await stream.frames(f"m-{number}")
        await stream.gone()

    options = {"detail": "reasoning", "policy": "enqueue", "on_disconnect": "cancel"}
    async with driver.chat(conversation_id="c", time_zone="Europe/Berlin", **options) as talk:
        turns = [
            await talk.send(f"question {n}", message_id=f"m-{n}", cameras=["1"]) for n in (1, 2)
        ]
        readings = [await talk.read(turn) for turn in reversed(turns)]  # in any order
        assert talk.chat.conversation_id == "c"
        assert talk.chat.ready.conversation_id == "c"
    assert [one.kinds for one in readings] == [KINDS, KINDS]
    assert [one.stream.response.response for one in readings] == ["said m-2", "said m-1"]
    assert len(streams.heard) == 1


@pytest.mark.parametrize("ending", ["ok", "DRAINING", "CHAT_IDLE", "broken"])
@pytest.mark.parametrize("seen", [1, 2])
async def test_a_stream_that_ends_goes_on_with_the_same_messages_and_doubles_nothing(
    driver: Driver, streams: Streams, seen: int, ending: str
) -> None:
    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.hear("prompt")
        await stream.frames("m-1", last=seen)
        match ending:
            case "DRAINING":
                await stream.abort(grpc.StatusCode.UNAVAILABLE, "DRAINING")
            case "CHAT_IDLE":
                await stream.abort(grpc.StatusCode.ABORTED, "CHAT_IDLE")
            case "broken":
                await stream._context.abort(grpc.StatusCode.UNAVAILABLE, "connection reset")
            case _:
                pass

    @streams.then
    async def second(stream: Stream) -> None:
        await stream.set_up()
        for number in (1, 2):  # those that had not ended, in their order
            assert (await stream.hear("prompt")).message_id == f"m-{number}"
            await stream.frames(f"m-{number}")
        await stream.gone()

    async with driver.chat() as talk:
        turns = [await talk.send("who?", message_id=f"m-{n}") for n in (1, 2)]
        readings = [await talk.read(turn) for turn in turns]
        assert [one.kinds for one in readings] == [KINDS, KINDS]
        assert [[f.sequence for f in one.frames] for one in readings] == [[1, 2, 3]] * 2
    setups = [heard[0].setup.conversation_id for heard in streams.heard]
    assert setups[0]
    assert setups == [talk.chat.conversation_id] * 2
    addresses = streams.script.peers
    assert (addresses[0] != addresses[1]) == (ending == "DRAINING")


async def test_go_away_lets_the_turn_end_and_the_next_ones_go_over_a_new_connection(
    driver: Driver, streams: Streams
) -> None:
    held = asyncio.Event()

    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.hear("prompt")
        await stream.frames("m-1", last=1)
        await stream.go_away()
        await stream.reject("m-2", grpc.StatusCode.UNAVAILABLE, "DRAINING")
        await held.wait()
        await stream.frame("m-1", 2)
        await stream.frame("m-1", 3)  # and the stream ends well

    @streams.then
    async def second(stream: Stream) -> None:
        await stream.set_up()
        for number in (2, 3):
            assert (await stream.hear("prompt")).message_id == f"m-{number}"
            await stream.frames(f"m-{number}")
        await stream.gone()

    @streams.script.on("Answer")
    async def answered(_: Any, __: Any) -> AnswerResponse:
        return AnswerResponse(turn=completed(1, "quick").turn)

    async with driver.chat() as talk:
        turns = [await talk.send("who?", message_id=f"m-{n}") for n in (1, 2)]
        assert (await talk.next(turns[0])).kind == "started"
        while len(set(streams.script.peers)) < 2:  # other calls leave the old connection at once
            await driver.call("answer", "who?")
        turns.append(await talk.send("who?", message_id="m-3"))
        held.set()
        first_rest = await talk.read(turns[0])
        readings = [await talk.read(turn) for turn in turns[1:]]
    assert first_rest.kinds == KINDS[1:]
    assert [one.kinds for one in readings] == [KINDS, KINDS]
    assert len(streams.heard) == 2
    assert len(set(streams.script.peers)) == 2


@pytest.mark.parametrize("reason", ["RUNNER_LOST", "DRAINING"])
async def test_a_turn_whose_process_went_away_runs_again_unseen_but_for_its_reset(
    driver: Driver, streams: Streams, reason: str
) -> None:
    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.frames("m-1", last=2)
        await stream.fail("m-1", reason)
        await stream.gone()

    @streams.then
    async def second(stream: Stream) -> None:
        await stream.set_up()
        assert (await stream.hear("prompt")).message_id == "m-1"
        await stream.frames("m-1", last=4, attempt=2)
        await stream.gone()

    async with driver.chat() as talk:
        reading = await talk.read(await talk.send("who?", message_id="m-1"))
    assert reading.error is None
    assert reading.kinds == ["started", "text_delta", "reset", *KINDS]
    assert reading.stream.text_so_far == "said m-1"


async def test_a_refusal_that_may_pass_is_tried_again_and_another_is_the_turns_error(
    driver: Driver, streams: Streams
) -> None:
    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.reject("m-1", grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")
        await stream.gone()

    @streams.then
    async def second(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.frames("m-1")
        await stream.hear("prompt")
        await stream.reject("m-2", grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
        await stream.hear("prompt")
        await stream.frames("m-3")
        await stream.gone()

    async with driver.chat() as talk:
        assert (await talk.read(await talk.send("a", message_id="m-1"))).kinds == KINDS
        refused = await talk.read(await talk.send("b", message_id="m-2"))
        assert isinstance(refused.error, errors.QueueFull)
        assert refused.frames == []
        assert (await talk.read(await talk.send("c", message_id="m-3"))).kinds == KINDS


async def test_a_turn_that_failed_for_its_own_reasons_is_its_error_and_the_chat_goes_on(
    driver: Driver, streams: Streams
) -> None:
    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.frames("m-1", last=1)
        await stream.fail("m-1", "MODEL_UNAVAILABLE", sequence=2)
        await stream.hear("prompt")
        await stream.frames("m-2")
        await stream.gone()

    async with driver.chat() as talk:
        failed = await talk.read(await talk.send("a", message_id="m-1"))
        assert failed.kinds == ["started", "failed"]
        assert isinstance(failed.error, errors.ModelUnavailable)
        assert (await talk.read(await talk.send("b", message_id="m-2"))).kinds == KINDS


async def test_cancelling_reaches_the_service_and_again_on_the_next_stream(
    driver: Driver, streams: Streams
) -> None:
    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.frames("m-1", last=2)
        assert (await stream.hear("cancel")).message_id == "m-1"
        await stream._context.abort(grpc.StatusCode.UNAVAILABLE, "connection reset")

    @streams.then
    async def second(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        assert (await stream.hear("cancel")).message_id == "m-1"
        await stream.frames("m-1", last=2)
        await stream.say(
            turn=TurnFrame(
                turn_id="t-m-1",
                attempt=1,
                sequence=3,
                previous_sequence=2,
                cancelled=TurnCancelled(response=answer("said m-1")),
            )
        )
        await stream.gone()

    async with driver.chat() as talk:
        turn = await talk.send("who?", message_id="m-1")
        await talk.next(turn)
        turn.cancel()
        reading = await talk.read(turn)
    assert reading.error is None
    assert reading.kinds[-1] == "cancelled"
    assert reading.stream.cancelled
    assert reading.stream.response.response == "said m-1"


async def test_pings_come_by_themselves_also_while_frames_come(
    streams: Streams, script: Script
) -> None:
    pinged_thrice = asyncio.Event()

    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.frames("m-1", last=1)
        pinged = asyncio.ensure_future(stream.hear("ping"))
        sequence = 1
        while not pinged.done():
            sequence += 1
            await stream.say(
                turn=TurnFrame(
                    turn_id="t-m-1",
                    attempt=1,
                    sequence=sequence,
                    previous_sequence=sequence - 1,
                    text_delta={"text": "x"},
                )
            )
            await asyncio.sleep(0.005)
        assert (await pinged).time.seconds > 0
        await stream.say(
            turn=TurnFrame(
                turn_id="t-m-1",
                attempt=1,
                sequence=sequence + 1,
                previous_sequence=sequence,
                completed=TurnCompleted(response=answer("x")),
            )
        )
        for _ in range(2):  # and while nothing happens at all
            await stream.hear("ping")
        pinged_thrice.set()
        await stream.hear("prompt")
        await stream.frames("m-2")
        await stream.gone()

    pinging = ClientOptions(chat_ping=0.05)
    for make in DRIVERS.values():
        streams.heard.clear()
        pinged_thrice.clear()
        driver = make(script.target, pinging)
        async with driver.chat() as talk:
            assert (await talk.read(await talk.send("a", message_id="m-1"))).error is None
            await pinged_thrice.wait()
            assert (await talk.read(await talk.send("b", message_id="m-2"))).kinds == KINDS
        await driver.close()


async def test_a_turn_that_nobody_reads_is_read_later_from_where_its_reader_stood(
    driver: Driver, streams: Streams
) -> None:
    many = 1000

    def text(sequence: int) -> Any:
        if sequence == many:
            return completed(many, "x" * (many - 2))
        return started() if sequence == 1 else delta(sequence, "x")

    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.accept("m-1", "turn-1")
        for sequence in range(1, many + 1):
            await stream.say(turn=text(sequence).turn)
        await stream.hear("prompt")
        await stream.frames("m-2")
        await stream.gone()

    @streams.script.on("WatchTurn")
    async def watch(request: WatchTurnRequest, context: Any) -> None:
        for sequence in range(request.after_sequence + 1, many + 1):
            await context.write(WatchTurnResponse(turn=text(sequence).turn))

    async with driver.chat() as talk:
        slow = await talk.send("a", message_id="m-1")
        quick = await talk.send("b", message_id="m-2")
        assert (await talk.read(quick)).kinds == KINDS
        reading = await talk.read(slow)
    assert [one.sequence for one in reading.frames] == list(range(1, many + 1))
    (watched,) = streams.script.requests
    assert watched.turn_id == "turn-1"
    assert 0 < watched.after_sequence < many


async def test_a_missing_frame_is_fetched(driver: Driver, streams: Streams) -> None:
    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.accept("m-1", "turn-1")
        await stream.say(turn=started().turn)
        await stream.say(turn=completed(3, "x").turn)
        await stream.gone()

    @streams.script.on("WatchTurn")
    async def watch(request: WatchTurnRequest, context: Any) -> None:
        assert request.after_sequence == 1
        for one in (delta(2, "x"), completed(3, "x")):
            await context.write(WatchTurnResponse(turn=one.turn))

    async with driver.chat() as talk:
        reading = await talk.read(await talk.send("who?", message_id="m-1"))
    assert [one.sequence for one in reading.frames] == [1, 2, 3]


async def test_giving_up_is_one_error_that_says_where_each_reader_stood(
    driver: Driver, streams: Streams
) -> None:
    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.hear("prompt")
        await stream.frames("m-1", last=2)

    @streams.then
    async def never(stream: Stream) -> None:
        await stream._context.abort(grpc.StatusCode.UNAVAILABLE, "nobody here")

    async with driver.chat() as talk:
        turns = [await talk.send("who?", message_id=f"m-{n}") for n in (1, 2)]
        readings = [await talk.read(turn) for turn in turns]
        for number, reading in enumerate(readings, 1):
            assert isinstance(reading.error, errors.StreamCut)
            assert reading.error.turn_request_id == f"m-{number}"
        assert [one.error.last_sequence for one in readings] == [2, 0]  # type: ignore[union-attr]
        assert len(streams.heard) == 1 + QUICK.reattach.attempts


async def test_what_the_service_refuses_for_good_ends_the_turns_at_once(
    driver: Driver, streams: Streams
) -> None:
    @streams.then
    async def refused(stream: Stream) -> None:
        await stream.abort(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID")

    async with driver.chat() as talk:
        for _ in range(2):  # a later prompt tries anew
            reading = await talk.read(await talk.send("who?"))
            assert isinstance(reading.error, errors.CredentialsInvalid)
    # A status that a write of grpc.aio's has lost counts as a cut, and is fetched again.
    assert 2 <= len(streams.heard) <= 2 * QUICK.retry.attempts


async def test_an_idle_chat_is_opened_again_by_the_next_prompt_alone(
    driver: Driver, streams: Streams
) -> None:
    ended = asyncio.Event()

    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.frames("m-1")
        ended.set()

    @streams.then
    async def second(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.frames("m-2")
        await stream.gone()

    async with driver.chat() as talk:
        assert (await talk.read(await talk.send("a", message_id="m-1"))).kinds == KINDS
        await ended.wait()
        assert (await talk.read(await talk.send("b", message_id="m-2"))).kinds == KINDS
    assert len(streams.heard) == 2


async def test_closing_ends_what_has_not_ended_and_takes_no_more(
    driver: Driver, streams: Streams
) -> None:
    @streams.then
    async def first(stream: Stream) -> None:
        await stream.set_up()
        await stream.hear("prompt")
        await stream.frames("m-1", last=1)
        await stream.gone()

    async with driver.chat() as talk:
        turn = await talk.send("who?", message_id="m-1")
        await talk.next(turn)
    reading = await talk.read(turn)
    assert isinstance(reading.error, errors.CallCancelled)
    with pytest.raises(RuntimeError, match="closed"):
        await talk.send("more?")


async def test_a_service_that_is_not_there_is_said_after_a_few_tries() -> None:
    options = ClientOptions(retry=Retry(attempts=2, first=0.001), reattach=QUICK.reattach)
    with Client("127.0.0.1:1", options=options) as client, client.chat() as chat:
        turn = chat.send("who?")
        with pytest.raises(errors.ConnectionFailed):
            await asyncio.to_thread(turn.result)


async def test_a_refusal_while_draining_goes_over_a_new_connection_and_closes_the_old_one(
    driver: Driver, script: Script
) -> None:
    @script.on("Answer")
    async def answered(_: Any, context: Any) -> Any:
        if len(script.requests) < 5:  # more often than other calls are tried again
            if context.peer() in script.peers[:-1]:
                raise AssertionError("a connection of a process that stops was used again")
            await abort(context, status(grpc.StatusCode.UNAVAILABLE, "DRAINING"))
        return AnswerResponse(turn=frame(1, completed=TurnCompleted(response=answer("x"))).turn)

    patient = ClientOptions(reattach=Retry(attempts=10, first=0.001, longest=0.01))
    other = DRIVERS["asyncio" if "Async" in type(driver).__name__ else "blocking"](
        script.target, patient
    )
    assert (await other.call("answer", "who?")).response == "x"
    assert len(set(script.peers)) == 5
    transport = other.client._transport
    assert not transport._left
    await other.close()
