"""Every call has an id that its caller can quote, theirs if it is sane, else one of ours; and says
which replica answers."""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog

from ..call import Call
from ._base import CallInterceptor

HEADER = "x-request-id"
REPLICA = "x-replica"
_SANE = re.compile(r"[A-Za-z0-9_.:/+=-]{1,128}")


class RequestIdInterceptor(CallInterceptor):
    """Takes or makes the id; sends it and the replica's name with the status, and on streams ahead
    of the first frame.

    A unary call gets them as trailing metadata only: initial metadata of its own would be one more
    write for a call that is answered at once. Where the client streams too it gets them at once,
    for it may say nothing for a while. The id is bound to the logs of the call's task and
    of the tasks that it starts.
    """

    def __init__(self, new_id: Callable[[], str], replica: str = "") -> None:
        self._new_id = new_id
        self._replica = ((REPLICA, replica),) if replica else ()

    async def on_start(self, call: Call) -> None:
        """Set `call.request_id` and send it."""
        given = call.header(HEADER)
        call.request_id = given if given and _SANE.fullmatch(given) else self._new_id()
        structlog.contextvars.bind_contextvars(request_id=call.request_id)
        pairs = ((HEADER, call.request_id), *self._replica)
        call.add_trailing(*pairs)
        if call.response_streaming:
            if call.request_streaming:
                await call.send_initial_metadata(pairs)
            else:
                call.opening = pairs
