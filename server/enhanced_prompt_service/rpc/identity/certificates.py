"""Mutual TLS: the subject of a client's certificate is who calls.

TLS itself has checked the chain, and that the client holds the key. Common name → user,
organisation → tenant, organisational unit → role (a service's where it names none).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from ...domain.errors import Unauthenticated
from ...domain.identity import Caller, Identity, Role, is_name
from .tokens import expired

_REMEMBERED = 1_000
_ROLES = {role.value: role for role in Role if role is not Role.ANONYMOUS}


class Certificates:
    """Reads certificates, each one once. `now` is real time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: OrderedDict[bytes, Identity] = OrderedDict()

    def verify(self, pem: bytes) -> Identity:
        """Whose certificate it is. Raises Unauthenticated."""
        identity = self._kept.get(pem)
        if identity is None:
            identity = self._kept[pem] = _read(pem)
            if len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        # A connection outlives the handshake that judged its certificate.
        if identity.expires_at is not None and identity.expires_at <= self._now():
            raise expired()
        return identity


def _read(pem: bytes) -> Identity:
    try:
        found = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise Unauthenticated("the certificate can't be read") from error

    def said(oid: ObjectIdentifier) -> str:
        values = found.subject.get_attributes_for_oid(oid)
        return str(values[0].value) if len(values) == 1 else ""

    user, tenant = said(NameOID.COMMON_NAME), said(NameOID.ORGANIZATION_NAME)
    if not is_name(user) or not is_name(tenant):
        raise Unauthenticated(
            "a client's certificate names its user (CN) and its tenant (O), one of each"
        )
    role = _ROLES.get(said(NameOID.ORGANIZATIONAL_UNIT_NAME), Role.SERVICE)
    return Identity(
        Caller(tenant=tenant, user=user, role=role),
        "certificate",
        credential=format(found.serial_number, "x"),
        expires_at=found.not_valid_after_utc,
    )
