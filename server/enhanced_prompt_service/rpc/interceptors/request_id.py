"""Every call has an id that its caller can quote: theirs if it is sane, else one of ours."""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog

from ..call import Call
from ._base import CallInterceptor

HEADER = "x-request-id"
_SANE = re.compile(r"[A-Za-z0-9_.:/+=-]{1,128}")


class RequestIdInterceptor(CallInterceptor):
    """Takes or makes the id; sends it with the status, and on streams ahead of the first frame.

    A unary call gets it as trailing metadata only: initial metadata of its own would be one more
    write for a call that is answered at once. The id is bound to the logs of the call's task and
    of the tasks that it starts.
    """

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id

    async def on_start(self, call: Call) -> None:
        """Set `call.request_id` and send it."""
        given = call.header(HEADER)
        call.request_id = given if given and _SANE.fullmatch(given) else self._new_id()
        structlog.contextvars.bind_contextvars(request_id=call.request_id)
        pair = (HEADER, call.request_id)
        call.add_trailing(pair)
        if call.response_streaming:
            await call.send_initial_metadata((pair,))
