"""A bare grpc.aio server whose streams do nothing but wait: what an idle stream costs at least.

`/bench/Watch` says one byte and waits; `/bench/Tell` sends its request's bytes to all that wait.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any, cast

import grpc
import grpc.aio
import uvloop

_grpc: Any = cast(Any, grpc)


async def main() -> None:
    """Serve on a free port until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    waiting: set[asyncio.Future[bytes]] = set()

    async def watch(request: bytes, context: Any) -> None:
        await context.write(b"x")
        while True:
            told = asyncio.get_running_loop().create_future()
            waiting.add(told)
            try:
                await context.write(await told)
            finally:
                waiting.discard(told)

    async def tell(request: bytes, context: Any) -> bytes:
        for one in list(waiting):
            one.set_result(request)
        return b""

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handlers = {
        "Watch": _grpc.unary_stream_rpc_method_handler(watch),
        "Tell": _grpc.unary_unary_rpc_method_handler(tell),
    }
    server.add_generic_rpc_handlers((_grpc.method_handlers_generic_handler("bench", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print("LISTENING", port, flush=True)
    await stop.wait()
    await server.stop(0)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
