"""The edge: one Envoy configuration, made here for every place that it runs in.

    options       what can be chosen
    descriptors   the contract as Envoy's transcoder reads it
    routes        which path goes where, and what may be tried again
    pages         the built web app, served by Envoy itself
    envoy         the whole configuration
    launch        a local Envoy as a child process
    __main__      `python -m gateway render|serve`

Browsers come as grpc-web, everybody else as REST and Server-Sent Events, native gRPC passes
through. The gateway knows no secrets of callers and keeps no state.
"""
