"""What understanding costs: `python -m tests.agent.grounded.costs`.

Prints medians and the 99th percentile of a time phrase (target 0.2 ms) and of understanding a
question with 1,000 cameras in the catalogue (target 2 ms), and the time to build that index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from enhanced_prompt_service.agent.grounded.index import Index
from enhanced_prompt_service.agent.grounded.timegrammar import parse
from enhanced_prompt_service.agent.grounded.understand import understand
from enhanced_prompt_service.domain.catalogue import Camera, Catalogue, Site, Zone
from enhanced_prompt_service.domain.events import SeenKind

from .mill import KINDS, NOW, VIENNA
from .test_answers import QUESTIONS
from .test_timegrammar import PHRASES

PLACES = ("Loading Bay", "Gate", "Lobby", "Garage", "Stairwell", "Yard", "Corridor", "Roof",
          "Canteen", "Warehouse")  # fmt: skip
ROUNDS = 7


def large_index(sites: int = 20, cameras: int = 50) -> Index:
    """An index over a thousand cameras with names, aliases and zones."""
    made: list[Site] = []
    for number in range(sites):
        letter = chr(65 + number)
        made.append(
            Site(
                f"site-{number}",
                "Europe/Vienna",
                f"Plant {letter}",
                cameras=tuple(
                    Camera(
                        f"cam-{number * cameras + one:04d}",
                        f"{PLACES[one % len(PLACES)]} {letter}{one}",
                        (f"camera {number * cameras + one}",),
                        (f"z-{number}-{one % 5}",),
                    )
                    for one in range(cameras)
                ),
                zones=tuple(Zone(f"z-{number}-{one}", f"Zone {letter} {one}") for one in range(5)),
            )
        )
    seen = [
        SeenKind(site.site_id, camera.camera_id, kind, label, sub, camera.zones, 1, NOW, NOW)
        for site in made
        for camera in site.cameras
        for kind, label, sub in KINDS
    ]
    return Index(Catalogue(tuple(made), "1"), seen, "UTC")


def measure(work: Callable[[str], object], texts: Sequence[str]) -> tuple[float, float]:
    """Median and 99th percentile in microseconds, each text at its best of some rounds."""
    best: list[float] = []
    for text in texts:
        times: list[float] = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            work(text)
            times.append(time.perf_counter() - begun)
        best.append(min(times))
    best.sort()
    return best[len(best) // 2] * 1e6, best[int(len(best) * 0.99)] * 1e6


def main() -> None:
    """Print the figures."""
    begun = time.perf_counter()
    index = large_index()
    built = time.perf_counter() - begun
    questions = [
        *QUESTIONS,
        "How many people came through Loading Bay C10 between 2 and 3 pm yesterday?",
        "Compare Gate B1 and Lobby D2 last week",
        "What happened at camera 777 today?",
        "vehicles at Plant C yesterday evening",
    ]
    phrase = measure(lambda text: parse(text, now=NOW, zone=VIENNA), list(PHRASES))
    question = measure(lambda text: understand(text, history=(), now=NOW, index=index), questions)
    print(f"a time phrase          p50 {phrase[0]:7.0f} µs   p99 {phrase[1]:7.0f} µs")
    print(f"understand a question  p50 {question[0]:7.0f} µs   p99 {question[1]:7.0f} µs")
    print(f"build the index        {built * 1e3:11.0f} ms")


if __name__ == "__main__":
    main()
