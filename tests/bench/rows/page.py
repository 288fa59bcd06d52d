"""The web app in a real browser: what comes before its first page, and 10,000 tokens into it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from gateway.__main__ import endpoint
from gateway.launch import Gateway, loopback
from gateway.options import GatewayOptions, Pages
from scripts import web
from tests.support.binaries import find
from tests.support.browser import ARGUMENTS
from tests.support.postgres import free_port

from ..figures import Figure, figure
from ..plan import Plan
from ..processes import serving

TOKENS = 10_000
PAUSES_S = {"as fast as they are made": 0.0, "one each millisecond": 0.001}
LONG_MS = 50
_PATIENCE_MS = 240_000
_TRACED = ["toplevel", "disabled-by-default-devtools.timeline"]
_SIZES = """() => ["navigation", "resource"]
  .flatMap((kind) => performance.getEntriesByType(kind))
  .filter(({ name }) => !/enhanced_prompt|grpc/.test(name))
  .reduce((sum, one) => sum + one.encodedBodySize, 0)"""


async def measure(plan: Plan) -> list[Figure]:
    """Long tasks are those of the page's main thread from the question to the end of its answer, by
    their CPU time in the browser's own trace: what somebody else's process took from them is not
    theirs. Whether scripts or layout, all of it is counted as ours."""
    if lack := web.missing():
        raise RuntimeError(lack)
    chromium = find("chromium")
    if chromium is None:
        raise RuntimeError("there is no Chromium here")
    if web.build():
        raise RuntimeError("the web app does not build")
    tokens = plan.scaled(TOKENS, 1000)
    rows: list[Figure] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
        for pace, pause_s in PAUSES_S.items():
            command = ["-m", "tests.bench.servers.ours", "long", "--pause", str(pause_s)]
            async with serving(command, {"EPS_LOG_LEVEL": "warning"}) as server:
                folder = plan.work / f"page-{pause_s}"
                gateway = _gateway(server.address)
                folder.mkdir()
                with (folder / "log").open("wb") as log:
                    running = Gateway(gateway, folder, log)
                    await asyncio.to_thread(running.start)
                    try:
                        if not rows:
                            rows.append(await _first_load(browser, running.address, plan))
                        rows += await _streamed(browser, running.address, plan, tokens, pace)
                    finally:
                        await asyncio.to_thread(running.stop)
        await browser.close()
    return rows


def _gateway(upstream: str) -> GatewayOptions:
    return GatewayOptions(
        listen=loopback(free_port()),
        upstreams=(endpoint(upstream),),
        admin=loopback(free_port()),
        pages=Pages(Path(web.DIST)),
    )


async def _first_load(browser: Browser, address: str, plan: Plan) -> Figure:
    sizes: list[float] = []
    for _ in range(min(plan.runs, 2)):  # it is the same each time
        page = await _open(browser, address)
        await page.evaluate("document.fonts.ready")
        sizes.append(await page.evaluate(_SIZES) / 1000)
        await page.context.close()
    return figure(
        "web app, first load, compressed",
        "kB",
        sizes,
        limit=250,
        note="page, scripts, styles, face",
    )


async def _streamed(
    browser: Browser, address: str, plan: Plan, tokens: int, pace: str
) -> list[Figure]:
    counts: list[float] = []
    longest: list[float] = []
    for _ in range(plan.runs):
        page = await _open(browser, address)
        await browser.start_tracing(page=page, categories=_TRACED)
        await _ask(page, tokens)
        tasks = _tasks_ms(json.loads(await browser.stop_tracing()))
        counts.append(sum(one > LONG_MS for one in tasks))
        longest.append(max(tasks))
        await page.context.close()
    name = f"web app, {tokens:,} tokens into a page, {pace}"
    return [
        figure(f"{name}: long tasks (> {LONG_MS} ms of CPU)", "tasks", counts, limit=0),
        figure(f"{name}: its longest task", "ms", longest, limit=LONG_MS, note="CPU time"),
    ]


def _tasks_ms(trace: dict[str, Any]) -> list[float]:
    """CPU time of each task of a page's main thread, in milliseconds."""
    events = trace["traceEvents"]
    main = {
        (one["pid"], one["tid"])
        for one in events
        if one.get("name") == "thread_name" and one["args"]["name"] == "CrRendererMain"
    }
    return [
        one["tdur"] / 1000
        for one in events
        if one.get("name") == "RunTask" and (one["pid"], one["tid"]) in main and "tdur" in one
    ]


async def _open(browser: Browser, address: str) -> Page:
    page = await (await browser.new_context(viewport={"width": 1280, "height": 800})).new_page()
    page.set_default_timeout(_PATIENCE_MS)
    await page.goto(f"http://{address}/")
    await page.get_by_text("Live", exact=True).wait_for()
    return page


async def _ask(page: Page, tokens: int) -> None:
    await page.get_by_label("Question", exact=True).fill(f"say {tokens}")
    await page.keyboard.press("Enter")
    await page.locator(".turn[data-status=completed]").wait_for()
    text: Any = await page.get_by_test_id("answer").text_content()
    if f"w{tokens - 1:05d}" not in text or text.count("w00042") != 1:
        raise RuntimeError("the answer is not the whole one, once")
