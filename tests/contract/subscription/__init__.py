"""However often a subscriber or a server goes, each entry of the log is told once, in order."""
