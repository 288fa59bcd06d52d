"""What identity and limits cost, and what those who abuse the service cost the others.

Added cost is measured twice: around a handler that does nothing, in this process, and over the
network, where two servers that differ in nothing but these settings answer short bursts of
questions in turn. There the CPU time of the server's process counts, not the clock, and the median
of the differences of neighbouring bursts, so that what else the machine does falls out.

Abuse: callers of one user each ask twice a second over connections of their own; then one more
user sends 50 times what it may, another opens chats and reads nothing, a third sends messages of
4 MiB, a fourth resets streams.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import grpc.aio
import structlog

from enhanced_prompt.v1 import chat_pb2, prompt_service_pb2, turns_pb2
from enhanced_prompt_service.bus.budgets import MemoryBudgets
from enhanced_prompt_service.domain.limits import LimitRules, Share
from enhanced_prompt_service.rpc.audit import AuditInterceptor, AuditTrail
from enhanced_prompt_service.rpc.call import Call
from enhanced_prompt_service.rpc.identity import identities_of
from enhanced_prompt_service.rpc.interceptors import CallInterceptor, IdentityInterceptor
from enhanced_prompt_service.rpc.limits import LimitsInterceptor
from enhanced_prompt_service.storage import Database, open_stores
from tests.support.identity import AUDIENCE, ISSUER, jwks, signer
from tests.support.rapid_resets import Sent, rapid_resets

from ..figures import Figure, figure, percentile
from ..load import ASK, CHANNEL, Streamed, open_loop
from ..plan import Plan
from ..processes import Server, serving

CALLS = 8000
PAIRS = 150
BURST = 20  # Asks
CALLERS = 200
PER_S = 40.0  # of all the others together: far from what one core can do
SECONDS = 10
GREEDY_PER_S = 50  # of one question a second
RESETS = 10_000
MOST_MB = 200  # 50 unread answers of a chat, the streams of 10,000 resets, what SQLite keeps
CHAT = "/enhanced_prompt.v1.PromptService/Chat"
_NODE = ["-m", "tests.bench.servers.ours", "node"]


class _User:
    """Asks as one user, over a connection of its own."""

    def __init__(self, server: Server, name: str) -> None:
        self.channel = grpc.aio.insecure_channel(server.address, options=CHANNEL)
        self.metadata = (("authorization", f"Bearer {signer('ES256').token(sub=name)}"),)
        self.name = name

    async def __call__(self, number: int, question: bytes = b"") -> Streamed:
        streamed = Streamed(time.perf_counter())
        asked = question or _question()
        async for frame in self.channel.unary_stream(ASK)(asked, metadata=self.metadata):
            streamed.frames.append(frame)
        streamed.ended = time.perf_counter()
        return streamed


def _question() -> bytes:
    return prompt_service_pb2.AskRequest(query="what happened?").SerializeToString()


# The rings are the same whatever is read, and 100 tokens would only add their own noise.
_CLOSING_ONLY = prompt_service_pb2.AskRequest(
    query="what happened?", frame_kinds=[turns_pb2.FRAME_KIND_COMPLETED]
).SerializeToString()


async def measure(plan: Plan) -> list[Figure]:
    """Added cost, then abuse."""
    (plan.work / "keys.json").write_bytes(jwks(signer("ES256")))
    return [await _added(plan), await _added_over_tcp(plan), *await _abuse(plan)]


def _guarded(plan: Plan, **limits: int) -> dict[str, str]:
    return {
        "EPS_JWT_JWKS": str(plan.work / "keys.json"),
        "EPS_JWT_AUDIENCE": AUDIENCE,
        "EPS_JWT_ISSUER": ISSUER,
        **{f"EPS_{name.upper()}": str(value) for name, value in limits.items()},
    }


@asynccontextmanager
async def _server(plan: Plan, name: str, env: Mapping[str, str]) -> AsyncGenerator[Server]:
    home = plan.work / f"security-{name}"
    async with serving(_NODE, {"EPS_HOME": str(home), **env}) as server:
        yield server


async def _added(plan: Plan) -> Figure:
    """The rings around a handler that does nothing, with those parts and without them, in this
    process; audit entries are written to SQLite as ever."""
    calls = plan.scaled(CALLS, 1000)
    metadata = (("authorization", f"Bearer {signer('ES256').token(sub='mia')}"),)
    added: list[float] = []
    database = await Database.open(f"sqlite:///{plan.work / 'security.db'}")
    try:
        await database.migrate()
        trail = AuditTrail((await open_stores(database)).audit, structlog.get_logger())
        chain = _chain(plan, trail)
        await _run(chain, metadata, 1000)  # warm: the token is verified
        for _ in range(plan.runs):
            without = await _run([], metadata, calls)
            began = time.process_time()
            await _run(chain, metadata, calls)
            await trail.flush()
            added.append((time.process_time() - began - without) / calls * 1e6)
    finally:
        await database.close()
    return figure(
        "identity, roles, limits and audit, added to an Ask",
        "µs",
        added,
        limit=150,
        note="CPU, in process; a verified token is remembered",
    )


async def _added_over_tcp(plan: Plan) -> Figure:
    """A whole Ask with all of it, less the same Ask without."""
    free = {f"limit_{one}": 10**9 for one in ("questions", "calls", "tenant_questions")}
    pairs = plan.scaled(PAIRS, 10)
    added: list[float] = []
    whole: list[float] = []
    async with (
        _server(plan, "plain", {}) as plain,
        _server(plan, "guarded", _guarded(plan, **free)) as guarded,
    ):
        bursts = {server.port: _User(server, "mia") for server in (plain, guarded)}
        for server in (plain, guarded):
            for _ in range(4):  # warm: plans are compiled, the token is verified
                await _burst(server, bursts[server.port])
        for _ in range(plan.runs):
            found: list[tuple[float, float]] = []
            for number in range(pairs):
                order = (plain, guarded) if number % 2 else (guarded, plain)  # neither always first
                spent = {one.port: await _burst(one, bursts[one.port]) for one in order}
                found.append((spent[plain.port], spent[guarded.port]))
            added.append(statistics.median(more - less for less, more in found) * 1e6)
            whole.append(statistics.median(less for less, _ in found) * 1e6)
        for user in bursts.values():
            await user.channel.close()
    return figure(
        "identity, roles, limits and audit, added to an Ask over TCP",
        "µs",
        added,
        limit=150,
        reference="the whole Ask without them",
        reference_values=whole,
        note=f"server's CPU time; median of {pairs} pairs of bursts of {BURST} Asks in turn, of "
        "which the closing frame is read",
    )


async def _burst(server: Server, user: _User) -> float:
    """CPU seconds of the server an Ask."""
    before = server.exact_cpu_s()
    for _ in range(BURST):
        await user(0, _CLOSING_ONLY)
    return (server.exact_cpu_s() - before) / BURST


def _chain(plan: Plan, trail: AuditTrail) -> list[CallInterceptor]:
    """Inside out."""
    identities = identities_of(
        jwks=str(plan.work / "keys.json"),
        audience=AUDIENCE,
        issuer=ISSUER,
        now=_now,
        monotonic=time.monotonic,
        new_id=lambda: "id",
        log=structlog.get_logger(),
    )
    free = Share(10**9, 10**9, 10**9)
    limits = LimitsInterceptor(
        LimitRules(free, free, free),
        MemoryBudgets(),
        running=lambda: 0,
        running_of=lambda _: 0,
    )
    return [limits, IdentityInterceptor(identities.resolve), AuditInterceptor(trail, _now)]


def _now() -> datetime:
    return datetime.now(UTC)


class _Context:
    """As much of grpc's context as the interceptors look at."""

    def __init__(self, metadata: Sequence[tuple[str, str]]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> Sequence[tuple[str, str]]:
        return self._metadata

    def code(self) -> None:
        return None

    async def write(self, message: bytes) -> None:
        """Nobody is there."""

    async def read(self) -> None:
        """Nothing comes."""


async def _run(
    chain: Sequence[CallInterceptor], metadata: Sequence[tuple[str, str]], calls: int
) -> float:
    """CPU seconds."""

    async def handler(request: bytes, call: Call) -> None:
        """Nothing."""

    def around(one: CallInterceptor, inner: Any) -> Any:
        return lambda request, call: one.intercept(inner, request, call, "")

    behaviour: Any = handler
    for one in chain:
        behaviour = around(one, behaviour)
    began = time.process_time()
    for _ in range(calls):
        call = Call(_Context(metadata), ASK, monotonic=time.monotonic, response_streaming=True)
        await behaviour(b"", call)
    return time.process_time() - began


async def _abuse(plan: Plan) -> list[Figure]:
    count = plan.scaled(CALLERS, 20)
    seconds = plan.scaled(SECONDS, 2)
    calm: list[float] = []
    abused: list[float] = []
    grown: list[float] = []
    async with _server(plan, "abuse", _guarded(plan, limit_tenant_questions=10**9)) as server:
        started = server.process.create_time()
        users = [_User(server, f"user {number}") for number in range(count)]

        async def others() -> float:
            async def ask(number: int) -> Streamed:
                return await users[number % count](number)

            asked = await open_loop(ask, count=int(PER_S * seconds), per_s=PER_S, offset=0)
            return percentile([(one.ended - one.asked) * 1e3 for one in asked], 0.99)

        await others()  # warm
        for _ in range(plan.runs):
            calm.append(await others())
            before = server.anonymous()
            refusals = Counter[str]()
            abusing = asyncio.create_task(_all_abuse(server, plan, refusals))
            await asyncio.sleep(0.5)
            abused.append(await others())
            grown.append((server.anonymous() - before) / 1e6)
            if abusing.done():
                abusing.result()
                raise RuntimeError("the abuse ended early")
            abusing.cancel()
            await asyncio.wait({abusing})
            _limit_held(refusals)
            _is_the_same(server, started)
        for user in users:
            await user.channel.close()
    name = f"{count} callers"
    return [
        figure(
            f"Ask of {name} while others abuse the service, p99",
            "ms",
            abused,
            reference="calm",
            reference_values=calm,
            note="one sends 50 × its limit and is refused, 50 chats read nothing, 4 MiB messages, "
            f"{plan.scaled(RESETS, 500):,} resets",
        ),
        figure(
            "memory that the abuse takes",
            "MB",
            grown,
            limit=MOST_MB,
            note="in the same process: it was not started again",
        ),
    ]


def _limit_held(ended: Counter[str]) -> None:
    """Raises RuntimeError where more than a minute's questions were answered, or something else
    became of the others than a refusal."""
    if ended["OK"] > 60 or set(ended) - {"OK", "RESOURCE_EXHAUSTED"}:
        raise RuntimeError(f"50 × the limit ended so: {dict(ended)}")


def _is_the_same(server: Server, started: float) -> None:
    """Raises RuntimeError where the process is another one, or none."""
    process = server.process
    if not process.is_running() or process.create_time() != started:
        raise RuntimeError("the server did not survive")


async def _all_abuse(server: Server, plan: Plan, refusals: Counter[str]) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_greedy(server, refusals))
        tasks.create_task(_silent(server))
        tasks.create_task(_huge(server))
        tasks.create_task(_resets(server, plan.scaled(RESETS, 500)))


async def _greedy(server: Server, refusals: Counter[str]) -> None:
    """50 × its limit: 60 a minute are one a second. Its questions do not wait for each other."""
    user = _User(server, "greedy")

    async def ask() -> None:
        try:
            await user(0)
        except grpc.aio.AioRpcError as error:
            refusals[error.code().name] += 1
        else:
            refusals["OK"] += 1

    async with user.channel, asyncio.TaskGroup() as tasks:
        while True:
            tasks.create_task(ask())
            await asyncio.sleep(1 / GREEDY_PER_S)


async def _silent(server: Server) -> None:
    """Chats that ask and never read."""
    user = _User(server, "silent")
    async with user.channel:
        chats = [user.channel.stream_stream(CHAT)(metadata=user.metadata) for _ in range(50)]
        with contextlib.suppress(grpc.aio.AioRpcError):
            for number, chat in enumerate(chats):
                prompt = chat_pb2.ChatPrompt(message_id=f"m{number}", query="what happened?")
                for frame in (
                    chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()),
                    chat_pb2.ChatRequest(prompt=prompt),
                ):
                    await chat.write(frame.SerializeToString())
        await asyncio.Event().wait()


async def _huge(server: Server) -> None:
    """Messages of almost 4 MiB."""
    user = _User(server, "huge")
    message = prompt_service_pb2.AskRequest(query="x" * (4 * 1024 * 1024 - 64)).SerializeToString()
    async with user.channel:
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for _ in user.channel.unary_stream(ASK)(message, metadata=user.metadata):
                    pass
            await asyncio.sleep(0.1)


async def _resets(server: Server, count: int) -> None:
    """Streams that are begun and reset."""
    token = (("authorization", f"Bearer {signer('ES256').token(sub='resetting')}"),)
    await rapid_resets(server.port, ASK, _question(), token, count, Sent())
    await asyncio.Event().wait()
