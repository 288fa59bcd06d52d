"""How answers are worded: like an operator's log, number first, in the site's local time."""
