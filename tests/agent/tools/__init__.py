"""The tools that models are given."""
