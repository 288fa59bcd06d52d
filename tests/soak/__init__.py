"""Heavy tests, sized by EPS_SCALE: `make soak` runs them in full."""
