"""Enhanced Prompt Service: typed stubs and client."""
