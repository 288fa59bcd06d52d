"""Reference R2: the seeds' design as they describe it.

FastAPI, one compiled LangGraph graph kept for the life of the process, `astream_events(version=
"v2")` over it, each chat model chunk sent as a Server-Sent Event. Conversation memory is a
dictionary here (the seeds keep it in Redis), which spares it a round trip.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Annotated, TypedDict

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from pydantic import BaseModel

from tests.bench.models import InstantModel


class Question(BaseModel):
    """The seeds' request body."""

    question: str
    conversation_id: str | None = None


class State(TypedDict):
    """The graph's state."""

    messages: Annotated[list[AnyMessage], add_messages]


def build(pause_s: float) -> FastAPI:
    """The application around one graph: a single node that calls the model."""
    model = InstantModel(pause_s=pause_s)

    async def answer(state: State) -> State:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(State)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    builder.add_edge("answer", END)
    graph = builder.compile()
    memory: dict[str, list[AnyMessage]] = {}
    app = FastAPI()

    async def events(request: Question) -> AsyncIterator[str]:
        key = request.conversation_id or ""
        messages = [*memory.get(key, ()), HumanMessage(request.question)]
        said: list[str] = []
        async for event in graph.astream_events({"messages": messages}, version="v2"):
            if event["event"] != "on_chat_model_stream":
                continue
            text = event["data"]["chunk"].content
            if text:
                said.append(text)
                yield _sse({"type": "token", "content": text})
        memory[key] = [*messages, AIMessage("".join(said))]
        yield _sse({"type": "complete"})

    @app.post("/api/v1/chatbot/ask_stream")
    async def ask(request: Question) -> StreamingResponse:
        return StreamingResponse(events(request), media_type="text/event-stream")

    return app


def _sse(data: dict[str, str]) -> str:
    return f"data: {json.dumps(data)}\n\n"


async def main() -> None:
    """Serve on a free port."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--pause", type=float, default=0.0)
    pause_s = arguments.parse_args().pause
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        build(pause_s), log_level="error", access_log=False, timeout_keep_alive=600
    )
    server = uvicorn.Server(config)
    print("LISTENING", listener.getsockname()[1], flush=True)
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
