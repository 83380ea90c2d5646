"""Extraction over HTTP, for those who call from another language; needs the extra ``serve``."""
