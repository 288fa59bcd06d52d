"""Tests of the whole thing, as its users start it."""
