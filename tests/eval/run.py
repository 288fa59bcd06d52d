"""`python -m tests.eval.run [SET …]`: asks the sets and prints how the engine did.

Sets: a (recorded site), b (held out), c (time phrases), strange, simulated, smoke (the marked
part of simulated), detectors (insights on counted sites, see detectors.py). Exits with 1 when a
set misses its bar; b has none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from . import engine
from .detectors import report as report_detectors
from .detectors import score_seeds
from .gold import HERE, Item, Site, has_recorded_site, load_recorded_site, read_items
from .harness import Ask, Score, score_items
from .phrases import read_phrases, score_phrases
from .strange import read_strange, score_strange

SETS = ("a", "b", "c", "strange", "simulated", "smoke", "detectors")
FILES = {
    "a": "recorded.toml",
    "b": "heldout.toml",
    "simulated": "simulated.toml",
    "smoke": "simulated.toml",
}
MISSES_A_TYPE = 1
SHARE = 0.97
SHARE_PHRASES = 0.98


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sets; 0 when all bars are met."""
    parser = argparse.ArgumentParser(prog="python -m tests.eval.run", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--type", action="append", help="only questions of this type")
    parser.add_argument("--id", action="append", help="only items whose id begins so")
    parser.add_argument("--answers", action="store_true", help="print every answer")
    parser.add_argument("--json", type=Path, help="write what was asked and answered to this file")
    given = parser.parse_args(arguments)
    if unknown := set(given.sets) - set(SETS):
        parser.error(f"no such set: {', '.join(sorted(unknown))}")
    sets = given.sets or [one for one in SETS if one != "smoke" and _file(one).exists()]
    good, record = True, dict[str, Any]()
    for name in sets:
        try:
            good &= asyncio.run(_run(name, given, record))
        except NotImplementedError as error:
            print(f"set {name}: not run. {error}")
            good &= name == "b"
    if given.json:
        given.json.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0 if good else 1


def _file(name: str) -> Path:
    return HERE / {**FILES, "c": "time_phrases.toml", "strange": "strange.toml"}.get(
        name, "counted.py"
    )


async def _run(name: str, given: argparse.Namespace, record: dict[str, Any]) -> bool:
    if name == "c":
        return _run_phrases(given, record)
    if name == "detectors":
        return _run_detectors(record)
    if name in ("a", "b", "strange") and not has_recorded_site():
        print(f"set {name}: not run. The recorded site's data is not here: set EPS_DATA")
        return name == "b"
    opened: AbstractAsyncContextManager[Ask]
    if name in ("simulated", "smoke"):
        from .simulated import load_simulated_site

        site, opened = load_simulated_site(), engine.simulated_site()
    else:
        site, opened = load_recorded_site(), engine.recorded_site()
    async with opened as ask:
        if name == "strange":
            return await _run_strange(ask, site, given, record)
        items = read_items(_file(name))
        items = [one for one in items if _wanted(one, given) and (name != "smoke" or one.smoke)]
        scores = await score_items(ask, site, items)
    record[name] = [
        {
            "id": one.item.id,
            "type": one.item.type,
            "ask": one.item.ask,
            "right": one.right,
            "problems": one.problems,
            "response": one.response,
            "rendered": one.rendered,
            "ms": round(one.seconds * 1000, 2),
        }
        for one in scores
    ]
    return report(name, scores, answers=given.answers) or name == "b"


def _wanted(item: Item, given: argparse.Namespace) -> bool:
    return (not given.type or item.type in given.type) and (
        not given.id or item.id.startswith(tuple(given.id))
    )


def report(name: str, scores: Sequence[Score], *, answers: bool = False) -> bool:
    """Prints misses and the table; whether the bars are met."""
    by_type: defaultdict[str, list[Score]] = defaultdict(list)
    for one in scores:
        by_type[one.item.type].append(one)
        if answers or not one.right:
            _print_answer(one)
    print(f"\nset {name}\n{'type':<16}{'asked':>6}{'right':>6}  misses")
    for kind, group in by_type.items():
        missed = [one.item.id for one in group if not one.right]
        print(f"{kind:<16}{len(group):>6}{len(group) - len(missed):>6}  {', '.join(missed)}")
    right = sum(one.right for one in scores)
    share = right / len(scores) if scores else 1.0
    times = sorted(one.seconds for one in scores) or [0.0]
    p50, p99 = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    print(
        f"{'all':<16}{len(scores):>6}{right:>6}  {share:.1%}"
        f"   (p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms)\n"
    )
    worst = max((sum(not one.right for one in group) for group in by_type.values()), default=0)
    return worst <= MISSES_A_TYPE and share >= SHARE


def _print_answer(score: Score) -> None:
    item = score.item
    mark = "right" if score.right else "MISS "
    now = item.as_of.astimezone(item.zone_info)
    print(f"\n{mark} {item.id} [{item.type}] {' → '.join(item.ask)}  (as of {now:%a %F %R})")
    for problem in score.problems:
        print(f"      {problem}")
    print(f"      understood: {score.rendered}\n      answered:   {score.response}")


async def _run_strange(
    ask: Ask, site: Site, given: argparse.Namespace, record: dict[str, Any]
) -> bool:
    scores = await score_strange(ask, site, read_strange(_file("strange")), given.id)
    for one in scores:
        if one.problems or given.answers:
            shown = one.text if len(one.text) < 200 else one.text[:200] + f"… ({len(one.text)})"
            print(f"\n{'MISS ' if one.problems else 'right'} {one.id} {shown!r}")
            for problem in one.problems:
                print(f"      {problem}")
            print(f"      {one.outcome}: {one.response}")
    bad = sum(bool(one.problems) for one in scores)
    slowest = max((one.seconds for one in scores), default=0.0)
    print(f"\nset strange: {len(scores)} asked, {bad} wrong, slowest {slowest * 1000:.1f} ms\n")
    record["strange"] = [
        {"id": one.id, "outcome": one.outcome, "problems": one.problems, "response": one.response}
        for one in scores
    ]
    return bad == 0


def _run_detectors(record: dict[str, Any]) -> bool:
    scores = score_seeds()
    record["detectors"] = {
        "recall": {" ".join(one): scores.found[one] / n for one, n in scores.there.items()},
        "false": {name: n / scores.camera_months for name, n in scores.false.items()},
    }
    return report_detectors(scores)


def _run_phrases(given: argparse.Namespace, record: dict[str, Any]) -> bool:
    phrases = [
        one
        for one in read_phrases(_file("c"))
        if not given.id or one.id.startswith(tuple(given.id))
    ]
    scores = score_phrases(engine.parse_time, phrases)
    for one in scores:
        if one.problem:
            asked = one.phrase
            local = asked.now.astimezone(asked.zone)
            print(
                f"MISS  {asked.id} {asked.text!r} at {local:%a %F %R} {asked.zone}: {one.problem}"
            )
    by_zone: defaultdict[str, list[bool]] = defaultdict(list)
    for one in scores:
        by_zone[str(one.phrase.zone)].append(not one.problem)
    print(f"\nset c\n{'zone':<32}{'asked':>6}{'right':>6}")
    for zone, results in by_zone.items():
        print(f"{zone:<32}{len(results):>6}{sum(results):>6}")
    right = sum(not one.problem for one in scores)
    share = right / len(scores) if scores else 1.0
    times = sorted(one.seconds for one in scores) or [0.0]
    print(
        f"{'all':<32}{len(scores):>6}{right:>6}  {share:.1%}"
        f"   (median {times[len(times) // 2] * 1e6:.0f} µs a phrase)\n"
    )
    record["c"] = [{"id": one.phrase.id, "problem": one.problem} for one in scores]
    return share >= SHARE_PHRASES


if __name__ == "__main__":
    sys.exit(main())
