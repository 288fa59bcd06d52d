"""However often a reader of a turn is cut off, it sees each frame of it once, and in order.

Written once, and held by every way to a turn: in the process, over TCP, through two workers.
"""
