"""What is given out, as somebody without this checkout gets it."""
