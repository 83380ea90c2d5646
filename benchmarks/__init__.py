"""Benchmarks: commands that write figures, see README.md beside this file."""
