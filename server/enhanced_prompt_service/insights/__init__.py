"""Insights: detectors, the loop that runs them, and the feed of what they found."""
