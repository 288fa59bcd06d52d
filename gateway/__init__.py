"""The edge: one Envoy configuration, made here for every place that it runs in.

    options       what can be chosen
    places        what differs between this machine and a container
    descriptors   the contract as the gateway reads it
    routes        which path goes where, and what may be tried again
    pages         the built web app, served by Envoy itself
    upstream      the workers
    tls           certificates on both sides
    envoy         the whole configuration
    openapi       the same contract as an OpenAPI document (openapi.json, made by `make gen`)
    launch        a local Envoy as a child process
    check         every variant, as Envoy itself judges it (in `make check`)
    __main__      `python -m gateway render|serve`

Browsers come as grpc-web, everybody else as REST and Server-Sent Events, native gRPC passes
through. The gateway knows no secrets of callers and keeps no state.
"""
