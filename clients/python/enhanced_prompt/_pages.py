"""Lists that come in pages (AIP-158): the next request of one, from the answer to the last."""

from __future__ import annotations

from typing import Any, cast

from google.protobuf.message import Message

from ._methods import RequestT


def next_page(request: RequestT, answer: Message) -> RequestT | None:
    """The request for the page after `answer`, None where it was the last."""
    token: str = cast("Any", answer).next_page_token
    if not token:
        return None
    following = type(request)()
    following.CopyFrom(request)
    cast("Any", following).page_token = token
    return following
