"""What answers questions: a LangGraph graph over the embedded engine, and later over models."""
