"""The Enhanced Prompt Service server."""
