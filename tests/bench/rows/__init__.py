"""The rows of the table: a module measures what belongs together."""
