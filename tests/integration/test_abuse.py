"""Those who abuse the service cost the others nothing but time: a process of its own, over TCP.

One user sends 50 times what it may, another opens chats and reads none of them, a third sends
messages of 4 MiB, a fourth begins streams and resets them. Everybody else's answers are whole, the
process is the one that was started, and its memory stays below what is stated here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import psutil
from google.rpc.error_details_pb2 import QuotaFailure, RetryInfo

from enhanced_prompt.v1 import chat_pb2 as ch
from enhanced_prompt.v1 import prompt_service_pb2 as pr
from enhanced_prompt.v1 import prompt_service_pb2_grpc
from tests.integration.test_identity import mia
from tests.rpc.kit import details, reason, status
from tests.support.agents import said
from tests.support.identity import AUDIENCE, ISSUER, jwks, signer
from tests.support.rapid_resets import Sent, rapid_resets
from tests.support.require import scaled
from tests.support.workers import Worker

ALLOWED = 6
"""Questions of one user a minute."""
OTHERS = scaled(200, least=20)
CHATS = 20
"""Of one user at the same time; one more is refused."""
MOST_BYTES = 150 * 1024 * 1024
"""What all of it may take: chats that nobody reads, 4 MiB a message, what resets leave behind."""
RESETS = scaled(10_000, least=1000)
ASK = "/enhanced_prompt.v1.PromptService/Ask"
MIB = 1024 * 1024


@asynccontextmanager
async def guarded(folder: Path) -> AsyncIterator[Worker]:
    """The service in a process of its own, which knows its callers and counts what they take."""
    (folder / "keys.json").write_bytes(jwks(signer("ES256")))
    worker = Worker(
        folder / "home",
        {
            "EPS_JWT_JWKS": str(folder / "keys.json"),
            "EPS_JWT_AUDIENCE": AUDIENCE,
            "EPS_JWT_ISSUER": ISSUER,
            "EPS_LIMIT_QUESTIONS": str(ALLOWED),
            "EPS_LIMIT_STREAMS": str(CHATS),
            "EPS_LIMIT_TENANT_QUESTIONS": "1000000",
            "EPS_INSIGHTS": "false",
            "EPS_METRICS_PORT": "off",
        },
    )
    await worker.start()
    try:
        yield worker
    finally:
        await worker.close()


@asynccontextmanager
async def connected(worker: Worker) -> AsyncIterator[Any]:
    """A connection of one's own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(worker.address, options) as channel:
        yield prompt_service_pb2_grpc.PromptServiceStub(channel)


async def answer(stub: Any, user: str) -> None:
    """A question of a user, and its answer, which is whole and theirs."""
    query = f"instant 1 {user}"
    told = await stub.Answer(pr.AnswerRequest(query=query), metadata=mia(sub=user))
    assert told.turn.completed.response.response == said(query)
    assert told.turn.completed.response.user_id == user


def says_when_to_come_again(error: grpc.aio.AioRpcError) -> None:
    """A limit was reached: which one, and for how long."""
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason(error) == "RATE_LIMITED"
    (retry,) = details(status(error), RetryInfo)
    assert retry.retry_delay.ToTimedelta().total_seconds() > 0
    (quota,) = details(status(error), QuotaFailure)
    assert quota.violations[0].subject == "user"
    assert int(dict(error.trailing_metadata() or ())["retry-after"]) >= 1


async def greedy(worker: Worker) -> Counter[str]:
    """50 times what is allowed, as fast as it goes; what became of each."""
    ended = Counter[str]()
    async with connected(worker) as stub:

        async def one() -> None:
            try:
                await answer(stub, "greedy")
            except grpc.aio.AioRpcError as error:
                says_when_to_come_again(error)
                ended["refused"] += 1
            else:
                ended["answered"] += 1

        for _ in range(50):
            await asyncio.gather(*(one() for _ in range(ALLOWED)))
    return ended


@asynccontextmanager
async def silent(worker: Worker) -> AsyncIterator[None]:
    """Chats that ask and never read, for as long as the block lasts."""
    async with connected(worker) as stub:
        chats = [stub.Chat(metadata=mia(sub="silent")) for _ in range(CHATS)]
        for number, chat in enumerate(chats):
            await chat.write(ch.ChatRequest(setup=ch.ChatSetup()))
            prompt = ch.ChatPrompt(message_id=f"m{number}", query="instant 20 silent")
            await chat.write(ch.ChatRequest(prompt=prompt))
        yield
        for chat in chats:
            chat.cancel()


async def huge(worker: Worker, count: int) -> Counter[str]:
    """Messages of almost 4 MiB, and of more."""
    ended = Counter[str]()
    async with connected(worker) as stub:
        for size in (4 * MIB - 64, 4 * MIB + 64) * (count // 2):
            try:
                await stub.Answer(pr.AnswerRequest(query="x" * size), metadata=mia(sub="huge"))
            except grpc.aio.AioRpcError as error:
                ended[error.code().name] += 1
    return ended


async def resets(worker: Worker, count: int) -> Sent:
    """Streams that are begun and reset at once."""
    request = pr.AskRequest(query="instant 1 resetting").SerializeToString()
    sent = Sent()
    await rapid_resets(worker.port, ASK, request, mia(sub="resetting"), count, sent)
    return sent


async def test_who_abuses_the_service_is_refused_and_nobody_else(tmp_path: Path) -> None:
    async with guarded(tmp_path) as worker:
        pid, process = worker.pid, psutil.Process(worker.pid)
        async with connected(worker) as stub:
            await answer(stub, "first")  # warm: what is loaded once is no abuse
        before, most = _own_bytes(process), 0
        abused = asyncio.Event()

        async def others() -> int:
            """Everybody else, over and over within their limits, until the abuse is over."""
            nonlocal most
            number = 0
            async with connected(worker) as stub:
                while not abused.is_set() or number < OTHERS:
                    # A new user each time: each has all of its limit.
                    await answer(stub, f"user {number}")
                    number += 1
                    most = max(most, _own_bytes(process))
            return number

        async def abuse() -> tuple[Counter[str], Counter[str]]:
            try:
                async with silent(worker), asyncio.TaskGroup() as tasks:
                    first = tasks.create_task(greedy(worker))
                    second = tasks.create_task(huge(worker, scaled(100, least=10)))
                    third = tasks.create_task(resets(worker, RESETS))
                assert third.result().resets == RESETS
                return first.result(), second.result()
            finally:
                abused.set()

        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(others())
            abusing = tasks.create_task(abuse())
        asked, sent = abusing.result()
        assert asked["answered"] <= ALLOWED
        assert asked["refused"] >= 49 * ALLOWED
        assert set(sent) <= {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
        assert answering.result() >= OTHERS
        assert most - before < MOST_BYTES
        arrived = (worker.home / "log").read_text().count(f'"method": "{ASK}"')
        assert arrived >= RESETS // 4  # those that were reset once they were begun
        assert process.is_running()
        assert worker.pid == pid
        async with connected(worker) as stub:
            await answer(stub, "last")


def _own_bytes(process: psutil.Process) -> int:
    """Resident bytes without pages of files: SQLite maps its database."""
    memory = process.memory_info()
    return memory.rss - memory.shared
