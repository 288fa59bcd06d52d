"""The whole configuration, as Envoy reads it (v3 API, JSON)."""

from __future__ import annotations

import json

from .descriptors import service_names
from .options import GatewayOptions
from .pages import MAX_FILE_BYTES, page_routes
from .routes import FROM_OUTSIDE, SECURITY, Config, document, to_service
from .tls import towards_callers
from .upstream import address, cluster

DESCRIPTORS_FILE = "contract.pb"
OPENAPI_FILE = "openapi.json"

_FILTERS = "type.googleapis.com/envoy.extensions.filters.http"


def render(options: GatewayOptions) -> str:
    """The configuration file. The same options give the same text."""
    return json.dumps(configuration(options), indent=2) + "\n"


def configuration(options: GatewayOptions) -> Config:
    """The same as plain values."""
    made: Config = {
        "node": {"id": "gateway", "cluster": "enhanced-prompt-service"},
        "static_resources": {
            "listeners": [_listener(options)],
            "clusters": [cluster(options)],
        },
        "overload_manager": _overload(),
    }
    if options.admin is not None:
        made["admin"] = {"address": address(options.admin)}
    return made


def _listener(options: GatewayOptions) -> Config:
    chain: Config = {
        "filters": [
            {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": _connection_manager(options),
            }
        ]
    }
    if options.tls is not None:
        chain["transport_socket"] = towards_callers(options.tls, options.folder)
    return {
        "name": "edge",
        "address": address(options.listen),
        "per_connection_buffer_limit_bytes": 1024 * 1024,
        "filter_chains": [chain],
    }


def _connection_manager(options: GatewayOptions) -> Config:
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.network."
        "http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge",
        "codec_type": "AUTO",
        # Whoever comes in is from outside, also from this machine: what only Envoy may say to
        # itself is taken away from requests.
        "use_remote_address": True,
        "internal_address_config": {
            "unix_sockets": False,
            # Nobody's: an empty list would mean the private networks.
            "cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}],
        },
        "max_request_headers_kb": 32,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "server_header_transformation": "OVERWRITE",
        "server_name": "enhanced-prompt-service",
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "stream_idle_timeout": f"{options.idle_s:g}s",
        "request_headers_timeout": "10s",
        "drain_timeout": f"{options.drain_s:g}s",
        "common_http_protocol_options": {
            "idle_timeout": "3600s",
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 1000,
            "initial_stream_window_size": 256 * 1024,
            "initial_connection_window_size": 1024 * 1024,
        },
        "access_log": [_access_log()],
        "local_reply_config": _local_replies(),
        "http_filters": _http_filters(options),
        "route_config": _routes(options),
    }


def _http_filters(options: GatewayOptions) -> list[Config]:
    return [
        _filter("compressor", "compressor.v3.Compressor", _compressor()),
        _filter("cors", "cors.v3.Cors", {}),
        _filter("grpc_web", "grpc_web.v3.GrpcWeb", {}),
        _filter(
            "grpc_json_transcoder",
            "grpc_json_transcoder.v3.GrpcJsonTranscoder",
            {
                "proto_descriptor": str(options.folder / DESCRIPTORS_FILE),
                "services": service_names(),
                "convert_grpc_status": True,
                "print_options": {
                    "preserve_proto_field_names": True,
                    "always_print_primitive_fields": True,
                    "stream_sse_style_delimited": True,
                },
                # Else they would go on to a worker as they are, which knows only gRPC.
                "request_validation_options": {
                    "reject_unknown_method": True,
                    "reject_unknown_query_parameters": True,
                    "reject_binding_body_field_collisions": True,
                },
                "max_request_body_size": 4 * 1024 * 1024,
                # A whole conversation or export chunk; the default is 1 MiB.
                "max_response_body_size": 16 * 1024 * 1024,
            },
        ),
        _filter("router", "router.v3.Router", {"suppress_envoy_headers": True}),
    ]


def _filter(name: str, kind: str, config: Config) -> Config:
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {"@type": f"{_FILTERS}.{kind}", **config},
    }


def _compressor() -> Config:
    """Pages and JSON, by the filter's own list; never streams, whose tokens would wait for a block
    to fill."""
    return {
        "response_direction_config": {"common_config": {"min_content_length": 1024}},
        "compressor_library": {
            "name": "gzip",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip"
            },
        },
    }


def _routes(options: GatewayOptions) -> Config:
    pages = [] if options.pages is None else page_routes(options.pages)
    headers = dict(SECURITY)
    if options.tls is not None:
        headers["strict-transport-security"] = "max-age=31536000"
    return {
        "name": "edge",
        "max_direct_response_body_size_bytes": MAX_FILE_BYTES,
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "typed_per_filter_config": {"envoy.filters.http.cors": _cors(options.origins)},
                "routes": [
                    *to_service(options.idle_s),
                    document("/openapi.json", options.folder / OPENAPI_FILE, "application/json"),
                    *pages,
                    _NOTHING,
                ],
            }
        ],
        "request_headers_to_remove": list(FROM_OUTSIDE),
        "response_headers_to_add": [
            {
                "header": {"key": key, "value": value},
                "append_action": "ADD_IF_ABSENT",
            }
            for key, value in headers.items()
        ],
    }


_NOTHING: Config = {
    "match": {"prefix": "/"},
    "direct_response": {"status": 404, "body": {"inline_string": "there is nothing here"}},
}


def _cors(origins: tuple[str, ...]) -> Config:
    return {
        "@type": f"{_FILTERS}.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": one} for one in origins],
        "allow_methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
        "allow_headers": "authorization, content-type, x-grpc-web, x-user-agent, grpc-timeout, "
        "x-request-id, x-stream, x-stream-events, x-tenant, x-api-key, if-match",
        "expose_headers": "grpc-status, grpc-message, grpc-status-details-bin, x-request-id, "
        "x-replica, retry-after",
        "max_age": "600",
    }


def _access_log() -> Config:
    """One JSON object a line on standard output, without query strings: questions stand there."""
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": "type.googleapis.com/"
            "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {
                "json_format": {
                    "timestamp": "%START_TIME%",
                    "event": "request",
                    "method": "%REQ(:METHOD)%",
                    "path": "%PATH(NQ:PATH)%",
                    "protocol": "%PROTOCOL%",
                    "status": "%RESPONSE_CODE%",
                    "grpc_status": "%TRAILER(grpc-status)%",
                    "flags": "%RESPONSE_FLAGS%",
                    "duration_ms": "%DURATION%",
                    "bytes_in": "%BYTES_RECEIVED%",
                    "bytes_out": "%BYTES_SENT%",
                    "request_id": "%REQ(X-REQUEST-ID)%",
                    "upstream": "%UPSTREAM_HOST%",
                }
            },
        },
    }


def _local_replies() -> Config:
    """What the gateway refuses itself: like other errors a JSON object with code and message, and
    Envoy's own word for the reason. The web app's files are such replies too, and stay as they
    are."""
    refused: Config = {
        "status_code_filter": {
            "comparison": {
                "op": "GE",
                "value": {"default_value": 400, "runtime_key": "edge.least_refusal"},
            }
        }
    }
    # gRPC's message is the bare text. What was transcoded looks like gRPC by now, but for this.
    transcoded: Config = {
        "header_filter": {"header": {"name": "x-envoy-original-path", "present_match": True}}
    }
    no_grpc: Config = {
        "header_filter": {
            "header": {
                "name": "content-type",
                "string_match": {"prefix": "application/grpc"},
                "invert_match": True,
                "treat_missing_header_as_empty": True,
            }
        }
    }
    http = {"or_filter": {"filters": [no_grpc, transcoded]}}
    said = {
        "json_format": {
            "code": "%RESPONSE_CODE%",
            "message": "%LOCAL_REPLY_BODY%",
            "reason": "%RESPONSE_CODE_DETAILS%",
        },
        "content_type": "application/json",
    }
    filters = {"and_filter": {"filters": [refused, http]}}
    return {"mappers": [{"filter": filters, "body_format_override": said}]}


def _overload() -> Config:
    """Refuse connections before memory or descriptors run out."""
    return {
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors."
                    "downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": 20_000,
                },
            }
        ]
    }
