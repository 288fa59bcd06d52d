"""Questions and orders that are none of ours: said so, honestly and at once."""

from __future__ import annotations

import re

from .english import English
from .words import without_manners

MOST_READ = 2_000  # characters that are looked at
_POLITE = frozenset(
    [
        "please",
        "can",
        "could",
        "you",
        "would",
        "kindly",
        "now",
        "ok",
        "okay",
        "hey",
        "hi",
        "hello",
        "and",
        "i",
        "want",
        "to",
        "just",
        "go",
        "ahead",
    ]
)
_ONLY_READS = "I only read: I cannot change, delete or control anything. Ask me what happened."
_OFF = (
    "That is not something the cameras can tell. I answer questions about what they saw: what "
    "happened, when, where and how often."
)
_INJECTED = (
    "I only answer questions about what the cameras saw, and nothing in a question changes that."
)
_ABOUT_ME = re.compile(
    r"^(?:who|what|how|how old|where|why) are you\b|^are you\b|^do you (?:like|love|think|feel|"
    r"want|dream|believe)\b|\byour name\b|\bi (?:love|hate) you\b"
)
_REASONS = "I can say what the cameras saw, when, where and how often; not why it happened."
_WHY = re.compile(r"^(?:but |and |so )?(?:why\b|what(?:'s| is| was) the reason|how come\b)")
_SWITCHES = re.compile(
    r"^(?:(?:please|can|could|you|would|just|now) )*(?:turn|switch|shut|power) (?:it |them )?"
    r"(?:the \w+ )?(?:off|on|down|up)\b"
)
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_SQL = re.compile(
    r"\b(?:select\b.+\bfrom|drop\s+(?:table|database)|delete\s+from|insert\s+into|update\s+\w+\s+set|"
    r"union\s+(?:all\s+)?select|alter\s+table|truncate\s+table|exec(?:ute)?\s+\w+|;\s*--)"
    r"|'\s*or\s+'?\d|\b\d\s*=\s*\d\b|'\s*--|--\s*$"
)


def refused(text: str, language: English) -> str:
    """Why a question is refused, as its whole answer; "" where it is not."""
    lowered = without_manners(" ".join(text[:MOST_READ].casefold().split()))
    if _SQL.search(lowered) or any(phrase in lowered for phrase in language.refused_phrases):
        return _INJECTED
    words = _WORD.findall(lowered)
    if _ABOUT_ME.search(lowered):
        return _OFF
    if _WHY.search(lowered):
        return _REASONS
    if _SWITCHES.search(lowered):
        return _ONLY_READS
    first = next((word for word in words if word not in _POLITE), "")
    if first in language.commands:
        return _ONLY_READS if first in _CHANGING else _OFF
    if any(word in language.topics for word in words[:60]):
        return _OFF
    return ""


_CHANGING = frozenset(
    [
        "delete",
        "remove",
        "erase",
        "wipe",
        "purge",
        "truncate",
        "insert",
        "overwrite",
        "modify",
        "edit",
        "rename",
        "disable",
        "enable",
        "unlock",
        "lock",
        "reboot",
        "restart",
        "shutdown",
        "deactivate",
        "activate",
        "email",
        "mail",
        "send",
    ]
)
