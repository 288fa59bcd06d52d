"""Tests of the `eps` command against the real application, with an agent that says what is asked
of it."""
