"""`eps models`: the language models that EPS_MODELS names."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from .session import SERVICE_ERROR, USAGE, need_server_parts
from .terminal import clean, fail, line, out

if TYPE_CHECKING:
    from ..agent.models import ModelChain, Trial

models = typer.Typer(
    name="models",
    help="The language models that EPS_MODELS names, from this machine and with its keys.",
    no_args_is_help=True,
)


@models.callback()
def _options() -> None:
    """The language models that EPS_MODELS names, from this machine and with its keys."""


@models.command()
def check(
    chain: Annotated[
        str | None,
        typer.Option("--models", help="A list as in EPS_MODELS. Default: EPS_MODELS."),
    ] = None,
) -> None:
    """Ask each link one small question and say which ones work. Costs a few tokens each."""
    try:
        from pydantic import ValidationError

        from ..app import model_chain
        from ..config import Settings
    except ImportError as error:
        need_server_parts(error)
        raise
    try:
        given: dict[str, Any] = {} if chain is None else {"models": chain}
        settings = Settings(**given)
    except ValidationError as error:
        fail("; ".join(f"EPS_{_field(one['loc'])}: {one['msg']}" for one in error.errors()), USAGE)
    trials = asyncio.run(_tried(model_chain(settings)))
    for one in trials:
        _say(one)
    if not all(one.works for one in trials):
        raise typer.Exit(SERVICE_ERROR)


def _field(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else ""


async def _tried(chain: ModelChain) -> list[Trial]:
    from ..agent.models import try_link

    try:
        return [await try_link(chain, one) for one in chain.links]
    finally:
        await chain.close()


def _say(trial: Trial) -> None:
    if trial.works and trial.usage is None:
        line(f"works   {trial.model}: the embedded engine, no call needed")
        return
    if not trial.works:
        text = Text("fails   ", style="bold red")
        text.append(clean(f"{trial.model}: {trial.trouble}"), style="default")
        out().print(text, soft_wrap=True)
        return
    assert trial.first_token_s is not None
    assert trial.whole_s is not None
    line(
        f"works   {trial.model}: first token after {trial.first_token_s * 1000:,.0f} ms, "
        f"done after {trial.whole_s * 1000:,.0f} ms, {_used(trial)}"
    )


def _used(trial: Trial) -> str:
    used = trial.usage
    assert used is not None
    tokens = f"{used.input_tokens} tokens in, {used.output_tokens} out"
    if used.source != "provider":
        tokens += " (estimated: it does not count)"
    cost = "price unknown" if used.cost is None else f"{used.cost:.6f} {used.currency}"
    return f"{tokens}, {cost}"
