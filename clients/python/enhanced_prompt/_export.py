"""An export that goes on by itself after a cut: what both clients do between two messages."""

from __future__ import annotations

import random

from ._options import Retry
from .errors import EnhancedPromptError, StreamCut
from .v1.history_service_pb2 import ExportConversationsRequest, ExportConversationsResponse


class ExportFlow:
    """Where an export stands: `request` goes on behind the last message that was taken."""

    def __init__(self, request: ExportConversationsRequest, retry: Retry) -> None:
        self.request = request
        self.done = False
        self._retry = retry
        self._failed = 0

    def take(self, message: ExportConversationsResponse) -> bool:
        """Note a message; True where it holds a conversation."""
        self._failed = 0
        if message.resume_token:
            self.request.resume_token = message.resume_token
        self.done = message.HasField("completed")
        return message.HasField("exported")

    def wait(self, error: EnhancedPromptError | None) -> float:
        """Seconds until the next attempt; `error` None where the stream ended without its end.

        Raises the error, or StreamCut, where another attempt would be in vain.
        """
        error = error or StreamCut("the export ended without saying that it was complete")
        self._failed += 1
        wait = None
        if error.retryable:
            wait = self._retry.wait(self._failed, error.retry_after, random.random())
        if wait is None:
            raise error
        return wait
