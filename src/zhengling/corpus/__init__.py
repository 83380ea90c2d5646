"""The corpus under ``data/``: checked, counted, and written as JSON lines, clean and damaged; no torch."""
