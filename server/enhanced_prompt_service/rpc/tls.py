"""TLS for the server, from files that may change while it runs.

Each handshake looks whether the files did; new ones are taken once the key belongs to the
certificate, so replacing them one after the other is safe. Connections that are there go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import structlog


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the chain, its key, and the authorities that clients' certificates come from.

    With `client_ca` every client has to have a certificate (mutual TLS).
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file there is."""
        return tuple(one for one in (self.certificate, self.key, self.client_ca) if one is not None)


class _Reloading:
    """What grpc asks at each handshake, in a thread of its own."""

    def __init__(self, files: TlsFiles, log: structlog.typing.FilteringBoundLogger) -> None:
        self._files = files
        self._log = log
        self._stamp = _stamp(files.all)
        self.first = _load(files)

    def __call__(self) -> Any:
        """New credentials, or None where nothing changed."""
        try:
            stamp = _stamp(self._files.all)
            if stamp == self._stamp:
                return None
            loaded = _load(self._files)
        except (OSError, ValueError, TypeError) as error:
            self._log.warning("TLS files can't be loaded", error=type(error).__name__)
            return None
        self._stamp = stamp
        self._log.info("TLS files loaded")
        return loaded


def server_credentials(
    files: TlsFiles, log: structlog.typing.FilteringBoundLogger
) -> grpc.ServerCredentials:
    """Credentials that follow their files. Raises OSError, and ValueError for files that are no
    certificate and its key."""
    source = _Reloading(files, log)
    make: Any = grpc.dynamic_ssl_server_credentials
    return make(source.first, source, require_client_authentication=files.client_ca is not None)


def _load(files: TlsFiles) -> Any:
    # Imported only where there is a certificate.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    # Imported only where there is a certificate.

    chain, key = files.certificate.read_bytes(), files.key.read_bytes()
    authorities = None if files.client_ca is None else files.client_ca.read_bytes()
    leaf = x509.load_pem_x509_certificates(chain)[0]
    mine = load_pem_private_key(key, password=None).public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if leaf.public_key().public_bytes(*form) != mine.public_bytes(*form):
        raise ValueError("the key is not the certificate's")
    if authorities is not None:
        x509.load_pem_x509_certificates(authorities)
    make: Any = grpc.ssl_server_certificate_configuration
    return make([(key, chain)], root_certificates=authorities)


def _stamp(paths: Iterable[Path]) -> tuple[tuple[int, int, int], ...]:
    found = (path.stat() for path in paths)
    return tuple((one.st_mtime_ns, one.st_ino, one.st_size) for one in found)
