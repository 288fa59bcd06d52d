"""Tests of Enhanced Prompt Service; the tree mirrors server/."""
