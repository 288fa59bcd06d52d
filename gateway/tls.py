"""TLS on both sides of the gateway.

The certificate that callers see comes by Envoy's secret discovery from a file of its own, since
only then are its files watched: when something is renamed into their folder, new connections get
the new pair, and streams that run go on under the old one.
"""

from __future__ import annotations

from pathlib import Path

from .options import Tls
from .routes import Config

_KIND = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
SECRETS_FILE = "certificate.json"
_NAME = "edge"
# OpenSSL's floor of today; RFC 9325.
_PARAMETERS = {"tls_minimum_protocol_version": "TLSv1_2"}


def towards_callers(tls: Tls, folder: Path) -> Config:
    """A listener's transport socket. `folder` is where Envoy finds the file of secrets."""
    context = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_params": _PARAMETERS,
        "tls_certificate_sds_secret_configs": [
            {
                "name": _NAME,
                "sds_config": {
                    "path_config_source": {
                        "path": str(folder / SECRETS_FILE),
                        "watched_directory": {"path": str(tls.folder)},
                    },
                    "resource_api_version": "V3",
                },
            }
        ],
    }
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_KIND}.DownstreamTlsContext",
            "common_tls_context": context,
        },
    }


def secrets(tls: Tls) -> Config:
    """The file of secrets: which certificate, and where to look for a newer one."""
    return {
        "resources": [
            {
                "@type": f"{_KIND}.Secret",
                "name": _NAME,
                "tls_certificate": {
                    "certificate_chain": {"filename": str(tls.certificate)},
                    "private_key": {"filename": str(tls.key)},
                    "watched_directory": {"path": str(tls.folder)},
                },
            }
        ]
    }


def towards_workers(ca: Path, names: list[str]) -> Config:
    """A cluster's transport socket: workers have to show a certificate of this authority for one
    of these names or addresses."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_KIND}.UpstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_params": _PARAMETERS,
                "validation_context": {
                    "trusted_ca": {"filename": str(ca)},
                    "match_typed_subject_alt_names": [
                        {"san_type": kind, "matcher": {"exact": name}}
                        for name in names
                        for kind in ("DNS", "IP_ADDRESS")
                    ],
                },
            },
        },
    }
