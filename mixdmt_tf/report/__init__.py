"""The page about a run: what it is made of, and how that becomes HTML."""
