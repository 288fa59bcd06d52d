"""Delivery: what other services were promised of answers and insights, until they have it.

The outbox (`domain.outbox`, `storage`) has what is owed, written with what it tells of.

destinations   where to, from a settings file
announcing     which messages a change makes; payloads and notifications are their forms
dispatcher     who sends: one replica a destination, by a lease; term, window, ledger: its work
ingest         the HTTP client; bodies, signing and transport are its parts
notifier       the WebSocket client
addresses      where connections may go; sanitising what may not leave
service        all destinations of a process
"""

from .announcing import Announcements
from .destinations import Destination, DestinationsError, read_destinations
from .parts import Options
from .service import Delivery, Nudger, delivery_of

__all__ = [
    "Announcements",
    "Delivery",
    "Destination",
    "DestinationsError",
    "Nudger",
    "Options",
    "delivery_of",
    "read_destinations",
]
