"""Live metrics: the same calls for both clients."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, closing
from typing import Literal

from . import _methods as methods
from ._calls import AsyncCalls, Calls
from ._following import Following
from .errors import EnhancedPromptError
from .v1.metrics_service_pb2 import (
    GetMetricsRequest,
    MetricsKind,
    MetricsSnapshot,
    SubscribeMetricsRequest,
    SubscribeMetricsResponse,
)

MetricsKindName = Literal["update", "request", "error", "health", "models"]
_FOR_THE_CLIENT = frozenset({"heartbeat", "go_away", None})
"""Frames that are about the stream itself; None is one of a newer server."""


def _get(models: Sequence[str], max_recent: int) -> GetMetricsRequest:
    return GetMetricsRequest(models=models, max_recent=max_recent)


def _subscribe(
    kinds: Sequence[MetricsKindName], models: Sequence[str], max_recent: int
) -> SubscribeMetricsRequest:
    return SubscribeMetricsRequest(
        kinds=[MetricsKind.Value(f"METRICS_KIND_{one.upper()}") for one in kinds],
        models=models,
        max_recent=max_recent,
    )


class MetricsCalls(Calls):
    """Blocking calls."""

    def get_metrics(self, *, models: Sequence[str] = (), max_recent: int = 0) -> MetricsSnapshot:
        """How the service is doing, summed over its replicas; requests, errors and statistics of
        these models only where any are named ("provider:model"), of at most so many rows each."""
        return self._unary(methods.GET_METRICS, _get(models, max_recent)).snapshot

    def metrics(
        self,
        *,
        kinds: Sequence[MetricsKindName] = (),
        models: Sequence[str] = (),
        max_recent: int = 0,
    ) -> Iterator[SubscribeMetricsResponse]:
        """How the service is doing, for ever: a message with a `snapshot`, then those of the kinds
        that were asked for (all by default), each second and as things happen.

        After a cut or a restart of the service a new snapshot comes. A `sequence` that rises by
        more than one says that the reader was too slow for what lay between.

        Raises PermissionDenied, and ConnectionFailed where no server was ever there.
        """
        request = _subscribe(kinds, models, max_recent)
        following = Following(self.options.retry, self.options.reattach)
        while True:
            failure: EnhancedPromptError | None = None
            try:
                with closing(
                    self._transport.stream(methods.SUBSCRIBE_METRICS, request, deadline=None)
                ) as stream:
                    for message in stream:
                        following.heard()
                        if message.WhichOneof("frame") not in _FOR_THE_CLIENT:
                            yield message
            except EnhancedPromptError as error:
                failure = error
            time.sleep(following.wait(failure, random.random()))


class AsyncMetricsCalls(AsyncCalls):
    """The same for asyncio."""

    async def get_metrics(
        self, *, models: Sequence[str] = (), max_recent: int = 0
    ) -> MetricsSnapshot:
        """How the service is doing, summed over its replicas; requests, errors and statistics of
        these models only where any are named ("provider:model"), of at most so many rows each."""
        found = await self._unary(methods.GET_METRICS, _get(models, max_recent))
        return found.snapshot

    async def metrics(
        self,
        *,
        kinds: Sequence[MetricsKindName] = (),
        models: Sequence[str] = (),
        max_recent: int = 0,
    ) -> AsyncIterator[SubscribeMetricsResponse]:
        """How the service is doing, for ever: a message with a `snapshot`, then those of the kinds
        that were asked for (all by default), each second and as things happen.

        After a cut or a restart of the service a new snapshot comes. A `sequence` that rises by
        more than one says that the reader was too slow for what lay between.

        Raises PermissionDenied, and ConnectionFailed where no server was ever there.
        """
        request = _subscribe(kinds, models, max_recent)
        following = Following(self.options.retry, self.options.reattach)
        while True:
            failure: EnhancedPromptError | None = None
            try:
                async with aclosing(
                    self._transport.stream(methods.SUBSCRIBE_METRICS, request, deadline=None)
                ) as stream:
                    async for message in stream:
                        following.heard()
                        if message.WhichOneof("frame") not in _FOR_THE_CLIENT:
                            yield message
            except EnhancedPromptError as error:
                failure = error
            await asyncio.sleep(following.wait(failure, random.random()))
