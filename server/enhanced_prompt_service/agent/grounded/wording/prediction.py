"""What is expected of a time ahead: the number first, where it usually lies, what that rests on."""

from __future__ import annotations

from enhanced_prompt_service.domain.forecasts import Forecast, TooLittleHistory

from .anomaly import say_insights
from .common import Said
from .text import Text


def compose_prediction(text: Text, said: Said) -> None:
    """ "About 34 person events are expected at the dock, …; 90 % of such times bring 21 to 49"."""
    forecast = said.findings.forecast
    if forecast is None:
        text.add(said.query.nothing or "Nothing can be forecast.")
    elif isinstance(forecast, TooLittleHistory):
        _too_little(text, said, forecast)
    else:
        _expected(text, said, forecast)


def _expected(text: Text, said: Said, forecast: Forecast) -> None:
    text.add("About ")
    shown = _rounded(forecast.expected)
    text.number("expected", shown, "events", _number(shown))
    verb = "is" if shown == 1 else "are"
    text.add(f" {said.noun(1 if shown == 1 else 2)} {verb} expected{said.where()}, {said.when()}; ")
    text.number("expected_level", 100 * forecast.level, "percent", f"{100 * forecast.level:.0f} %")
    text.add(" of such times bring between ")
    text.number("expected_low", forecast.low, "events", _number(forecast.low))
    text.add(" and ")
    text.number("expected_high", forecast.high, "events", _number(forecast.high))
    text.add(". That rests on ")
    text.number("history", forecast.days, "days", _number(forecast.days))
    text.add(" days of recorded history, by weekday and hour.")
    if any(note.startswith("a forecast reaches") for note in said.query.assumptions):
        text.add(" A forecast reaches a day ahead: what is later was left out.")
    if said.findings.insights:
        text.add(" It was noticed by itself, too:")
        say_insights(text, said)


def _too_little(text: Text, said: Said, why: TooLittleHistory) -> None:
    text.add(f"I cannot forecast that{said.where()}, {said.when()}: ")
    if why.days >= why.needed:
        text.add("in ")
        text.number("history", why.days, "days", _number(why.days))
        text.add(" days of recorded history, nothing was ever recorded at that time of day.")
        text.fact("history_needed", why.needed, "days")
        return
    text.add("a forecast needs ")
    text.number("history_needed", why.needed, "days", _number(why.needed))
    text.add(" days of recorded history, and there are ")
    text.number("history", why.days, "days", _number(why.days))
    text.add(". I would only be guessing.")


def _number(value: float) -> str:
    """A number as people read it: 0.04, 7.5, 34, 1,200."""
    return f"{_rounded(value):,.10g}"


def _rounded(value: float) -> float:
    """As exact as it is said: whole from 10 on, else tenths, or hundredths of next to nothing."""
    if value >= 10:
        return float(round(value))
    return round(value, 1 if value >= 0.1 else 2)
