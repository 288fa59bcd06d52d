"""The service as a process of its own, as it is: `python -m tests.clients_other.plain`."""

from __future__ import annotations

from enhanced_prompt_service.app import run
from enhanced_prompt_service.config import Settings

if __name__ == "__main__":
    run(Settings())
