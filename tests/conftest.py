"""Plugins for the whole run: fixtures and hooks live in support/, or beside the tests."""

pytest_plugins = [
    "tests.support.examples",
    "tests.support.require_all",
    "tests.support.soak_only",
    "tests.support.own_logs",
    "tests.support.databases",
]
