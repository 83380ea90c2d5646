"""Gold annotation in its two formats."""
