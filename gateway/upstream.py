"""The workers, as Envoy sees them: one endpoint each, asked for their health."""

from __future__ import annotations

from .options import Endpoint, GatewayOptions
from .routes import CLUSTER, Config
from .tls import towards_workers


def cluster(options: GatewayOptions) -> Config:
    """All of them, balanced by what they have to do."""
    made: Config = {
        "name": CLUSTER,
        "type": "STRICT_DNS" if options.resolve else "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {
            "cluster_name": CLUSTER,
            "endpoints": [
                {
                    "lb_endpoints": [
                        {"endpoint": {"address": address(one)}} for one in options.upstreams
                    ]
                }
            ],
        },
        # A worker that drains says NOT_SERVING; what runs on it goes on.
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "2s",
                "no_traffic_interval": "2s",
                "interval_jitter": "0.2s",
                "unhealthy_threshold": 1,
                "healthy_threshold": 1,
                "reuse_connection": True,
                "grpc_health_check": {},
            }
        ],
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 10_000,
                    "max_pending_requests": 10_000,
                    "max_requests": 100_000,
                    "max_retries": 100,
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/"
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {
                    "http2_protocol_options": {
                        "max_concurrent_streams": 1000,
                        "connection_keepalive": {"interval": "30s", "timeout": "10s"},
                    }
                },
            }
        },
    }
    if options.upstream_ca is not None:
        names = sorted({one.host for one in options.upstreams})
        made["transport_socket"] = towards_workers(options.upstream_ca, names)
    return made


def address(endpoint: Endpoint) -> Config:
    """Where to connect to or to listen."""
    return {"socket_address": {"address": endpoint.host, "port_value": endpoint.port}}
