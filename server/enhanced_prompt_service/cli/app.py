"""The commands of `eps`, each from its module."""

from __future__ import annotations

from typing import Annotated

import typer

from enhanced_prompt import __version__

from .asking import ask
from .audit import audit
from .browsing import cameras, events
from .chatting import chat
from .consent import consent
from .health import health
from .history import history
from .importing import import_
from .insights import insights
from .keys import keys
from .metrics import metrics
from .models import models
from .outbox import outbox
from .prompting import classify, optimize
from .serving import serve
from .simulating import simulate
from .sourcing import source
from .templates import templates

app = typer.Typer(
    name="eps",
    help="Ask what your cameras saw, and run the service that answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eps {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Ask what your cameras saw, and run the service that answers."""


app.command()(ask)
app.command()(chat)
app.command()(cameras)
app.command()(events)
app.add_typer(history, name="history")
app.add_typer(consent, name="consent")
app.add_typer(models, name="models")
app.add_typer(templates, name="templates")
app.command()(classify)
app.command()(optimize)
app.add_typer(insights, name="insights")
app.command()(health)
app.command()(metrics)
app.command(name="import")(import_)
app.add_typer(source, name="source")
app.add_typer(keys, name="keys")
app.add_typer(outbox, name="outbox")
app.command()(simulate)
app.command()(serve)
app.command()(audit)
