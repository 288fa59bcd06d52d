"""The service as a process of its own, with the tests' agent: `python -m tests.support.serving`.

Everything else comes from EPS_* variables, as for `eps serve`.
"""

from __future__ import annotations

from enhanced_prompt_service.app import run
from enhanced_prompt_service.config import Settings
from tests.support.agents import TalkativeAgent

if __name__ == "__main__":
    run(Settings(), make_agent=TalkativeAgent())
