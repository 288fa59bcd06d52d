"""Hot conversation memory: the answers that an agent looks back on, kept in the bus for a while.

SQL is the truth. An entry says which stored answers it was made of (`ConversationStamp`); the
transaction that begins a turn says which there are, and while that turn runs no other one of its
conversation can be answered. So an entry is right or is not used, whoever wrote it and however
late; what cannot be read, or is away, is a miss.

An entry is a line of JSON that says whose it is and how much of the conversation it holds, and a
line for each answer, oldest first, as the store itself writes them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from enhanced_prompt_service.domain.answers import PromptResponse
from enhanced_prompt_service.domain.bus import Bus
from enhanced_prompt_service.domain.conversations import ConversationStamp
from enhanced_prompt_service.domain.errors import Unavailable
from enhanced_prompt_service.domain.identity import Caller

_FORM = 1
_MOST_BYTES = 1024 * 1024
"""A larger entry is not worth its way: SQL is read."""
_WAIT_S = 0.25
"""A bus that takes longer than the database would is no help."""


@dataclass(frozen=True, slots=True)
class Past:
    """The newest answers of a conversation, oldest first; `lines` are the same as they are kept."""

    turns: tuple[PromptResponse, ...] = ()
    lines: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """How answers become lines without a line break, and back, and how long entries are kept."""

    dump: Callable[[PromptResponse], str]
    load: Callable[[str], PromptResponse]
    ttl_s: float = 3600.0


def memory_key(owner: Caller, conversation_id: str) -> str:
    """The key of a conversation's entry: no two owners share one, and any name is safe in it."""
    named = json.dumps([owner.tenant, owner.user, conversation_id])
    return f"memory:{hashlib.sha256(named.encode()).hexdigest()}"


class HotMemory:
    """Entries of all conversations. `hits` and `misses` count reads."""

    def __init__(self, bus: Bus, config: MemoryConfig) -> None:
        self._bus = bus
        self._config = config
        self.hits = 0
        self.misses = 0

    async def recall(
        self, owner: Caller, conversation_id: str, stamp: ConversationStamp, limit: int
    ) -> Past | None:
        """The last `limit` answers of a conversation with this stamp; None is a miss."""
        kept = await self._get(memory_key(owner, conversation_id))
        past = None
        if kept is not None:
            try:
                past = self._read(kept, _header(owner, conversation_id, stamp), limit)
            except Exception:  # of another version, or broken, in whatever way
                past = None
        if past is None:
            self.misses += 1
        else:
            self.hits += 1
        return past

    async def remember(
        self,
        owner: Caller,
        conversation_id: str,
        stamp: ConversationStamp,
        past: Past,
        added: PromptResponse | None,
        limit: int,
    ) -> None:
        """Keep the last `limit` answers: `past` and what was added to it, which made the stamp.

        Call it after the transaction that stored the answer. Raises nothing.
        """
        if self._bus.shared and not self._bus.up:
            return
        lines = past.lines
        if lines is None:
            lines = tuple(self._config.dump(one) for one in past.turns)
        numbered = [
            (one.conversation_turn, line) for one, line in zip(past.turns, lines, strict=True)
        ]
        if added is not None:
            numbered.append((added.conversation_turn, self._config.dump(added)))
            # An earlier turn that failed may be answered after later ones.
            numbered.sort(key=lambda one: one[0])
        header = json.dumps([*_header(owner, conversation_id, stamp), limit])
        entry = "\n".join([header, *(line for _, line in numbered[-limit:])]).encode()
        key = memory_key(owner, conversation_id)
        try:
            async with asyncio.timeout(_WAIT_S):
                if len(entry) > _MOST_BYTES:
                    await self._bus.delete(key)
                else:
                    await self._bus.put(key, entry, self._config.ttl_s)
        except (Unavailable, TimeoutError):
            return  # what it holds now has another stamp

    async def forget(self, key: str) -> None:
        """Delete an entry of a bus that nobody shares. Raises nothing."""
        await self._bus.delete(key)

    async def _get(self, key: str) -> bytes | None:
        if self._bus.shared and not self._bus.up:
            return None
        try:
            async with asyncio.timeout(_WAIT_S):
                return await self._bus.get(key)
        except (Unavailable, TimeoutError):
            return None

    def _read(self, kept: bytes, header: list[object], limit: int) -> Past | None:
        first, *lines = kept.decode().split("\n")
        *said, held = json.loads(first)
        if said != header or held < limit:
            return None
        lines = lines[-limit:]
        return Past(tuple(self._config.load(line) for line in lines), tuple(lines))


def stored(stamp: ConversationStamp) -> ConversationStamp:
    """The stamp of the same conversation with one answer more."""
    return replace(stamp, stored_turns=stamp.stored_turns + 1)


def _header(owner: Caller, conversation_id: str, stamp: ConversationStamp) -> list[object]:
    return [
        _FORM,
        owner.tenant,
        owner.user,
        conversation_id,
        stamp.created_at.isoformat(),
        stamp.stored_turns,
    ]
