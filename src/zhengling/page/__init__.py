"""Showing: records and their source texts as one HTML page."""
