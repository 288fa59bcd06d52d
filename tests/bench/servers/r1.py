"""Reference R1: the ceiling of the transport.

A bare grpc.aio server with no agent, no log and no storage: one frame a token, made and serialised
one by one, written as fast as the stream takes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc.aio
import uvloop

from enhanced_prompt.v1 import prompt_service_pb2, turns_pb2
from tests.bench.load import ASK
from tests.bench.models import TOKENS


async def ask(
    request: prompt_service_pb2.AskRequest, context: object
) -> AsyncIterator[prompt_service_pb2.AskResponse]:
    """Stream the tokens."""
    for sequence, token in enumerate(TOKENS, 1):
        frame = turns_pb2.TurnFrame(
            turn_id="turn-of-the-reference",
            attempt=1,
            sequence=sequence,
            previous_sequence=sequence - 1,
            text_delta=turns_pb2.TextDelta(text=token),
        )
        yield prompt_service_pb2.AskResponse(turn=frame)


async def main() -> None:
    """Serve on a free port."""
    service, method = ASK.strip("/").split("/")
    handler = grpc.unary_stream_rpc_method_handler(
        ask,
        request_deserializer=prompt_service_pb2.AskRequest.FromString,
        response_serializer=prompt_service_pb2.AskResponse.SerializeToString,
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print("LISTENING", port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
