"""Many turns on one stream: what Chat does, beside its protocol buffers."""

from .session import Chat, ChatOptions

__all__ = ["Chat", "ChatOptions"]
