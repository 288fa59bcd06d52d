"""Who calls, proved: bearer tokens, API keys, client certificates, and what a trusted gateway
says. `Identities` turns a call into a `Caller`; without it there is no identity."""

from .api_keys import ApiKeys
from .certificates import Certificates
from .claims import ClaimNames
from .keyring import JwksFile, JwksUrl, Keyring, SharedSecret
from .making import identities_of
from .resolver import Identities, Ways
from .tokens import TokenRules, Tokens

__all__ = [
    "ApiKeys",
    "Certificates",
    "ClaimNames",
    "Identities",
    "JwksFile",
    "JwksUrl",
    "Keyring",
    "SharedSecret",
    "TokenRules",
    "Tokens",
    "Ways",
    "identities_of",
]
