"""Plain types and rules of the service. Imports nothing of ours: no grpc, no SQL, no network.

Conventions that hold in every module here:

* Instants are aware `datetime` values in UTC; local time exists only beside a named IANA zone.
* Intervals are half-open: the start belongs to them, the end does not.
* Types are frozen dataclasses with slots; "not known" is `None`, never zero.
"""
