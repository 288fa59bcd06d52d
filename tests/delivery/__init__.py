"""Delivery to other services."""
