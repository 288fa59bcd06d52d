"""Keys, tokens and certificates for tests, made anew each run."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

AUDIENCE = "enhanced-prompt"
ISSUER = "https://issuer.example"
SECRET = "a shared secret of thirty-two bytes, or more"


@dataclass(frozen=True)
class Signer:
    """A private key, and what the world sees of it."""

    kid: str
    algorithm: str
    private: Any

    @property
    def jwk(self) -> dict[str, Any]:
        """Its public half."""
        public = self.private.public_key()
        shown: dict[str, Any] = {"kid": self.kid, "use": "sig"}
        match self.algorithm:
            case "RS256":
                numbers = public.public_numbers()
                return {**shown, "kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
            case "ES256":
                numbers = public.public_numbers()
                x, y = _number(numbers.x, 32), _number(numbers.y, 32)
                return {**shown, "kty": "EC", "crv": "P-256", "x": x, "y": y}
            case _:
                raw = public.public_bytes_raw()
                return {**shown, "kty": "OKP", "crv": "Ed25519", "x": _text(raw)}

    @property
    def public_pem(self) -> bytes:
        """Its public half as PEM: what an attacker would take for a shared secret."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def token(self, now: datetime | None = None, /, **claims: Any) -> str:
        """A token that is valid for an hour; a claim of None is left out."""
        return jwt.encode(
            some_claims(now, **claims),
            self.private,
            algorithm=self.algorithm,
            headers={"kid": self.kid},
        )


def some_claims(now: datetime | None = None, /, **claims: Any) -> dict[str, Any]:
    """Claims of a viewer `mia` of the tenant `acme`."""
    at = int((now or datetime.now(UTC)).timestamp())
    found = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": at,
        "exp": at + 3600,
        "sub": "mia",
        "tenant": "acme",
        "role": "viewer",
        **claims,
    }
    return {name: value for name, value in found.items() if value is not None}


@cache
def signer(algorithm: str, kid: str = "") -> Signer:
    """A key of an algorithm; the same one each time."""
    private: Any
    match algorithm:
        case "RS256":
            private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        case "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        case _:
            private = ed25519.Ed25519PrivateKey.generate()
    return Signer(kid or f"{algorithm}-1", algorithm, private)


def jwks(*signers: Signer) -> bytes:
    """A key set."""
    return json.dumps({"keys": [one.jwk for one in signers]}).encode()


def unsigned(claims: dict[str, Any], header: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(_text(one) for one in parts)


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, name: str = "test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self._name, self._key.public_key(), authority=True)

    def issue(
        self, folder: Path, name: str, *, tenant: str = "", role: str = "", days: float = 1
    ) -> tuple[Path, Path]:
        """Files of a certificate for this name (also for loopback), and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        said = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if tenant:
            said.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, tenant))
        if role:
            said.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role))
        found = self._sign(x509.Name(said), key.public_key(), days=days)
        certificate, private = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_bytes(found)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, private

    def file(self, folder: Path) -> Path:
        """A file of the authority's own certificate."""
        path = folder / "authority.pem"
        path.write_bytes(self.certificate)
        return path

    def _sign(
        self, subject: x509.Name, key: Any, *, authority: bool = False, days: float = 1
    ) -> bytes:
        now = datetime.now(UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)


def _number(value: int, length: int | None = None) -> str:
    return _text(value.to_bytes(length or (value.bit_length() + 7) // 8))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
