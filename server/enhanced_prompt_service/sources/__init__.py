"""Where events come from: files, Frigate, the published MEVA form, and the simulated site.

Parsing and generation are pure; what they yield goes through a `sink.Sink`, which others implement
over gRPC or on the stores.
"""
