"""A worker whose agent says 100 tokens: `python -m tests.workers.paced PAUSE_S PLACE`."""

from __future__ import annotations

import sys
from typing import Any

from enhanced_prompt_service.workers.worker import work
from tests.bench.agents import ModelAgent


def agent(*_: Any) -> ModelAgent:
    return ModelAgent(pause_s=float(sys.argv[1]))


if __name__ == "__main__":
    work(sys.argv[2], agent)
