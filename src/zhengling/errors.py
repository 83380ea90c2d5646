"""The errors a user can cause; each message says what, got, expected and where."""

from __future__ import annotations


class ZhenglingError(Exception):
    """Base of all errors that a user can mend; scripts print its message without a traceback."""


class ConfigError(ZhenglingError):
    """A configuration that names an unknown key, lacks one or contradicts itself."""


class LabelError(ZhenglingError):
    """A label that the scheme does not know."""


class GoldError(ZhenglingError):
    """Gold annotation that breaks its format."""


class ReadError(ZhenglingError):
    """A source that cannot be read as text."""


class ModelError(ZhenglingError):
    """A model that is missing or does not fit what is asked of it."""


class CheckpointError(ZhenglingError):
    """A checkpoint that cannot be written, or none that can be gone on from."""


class OutputError(ZhenglingError):
    """An output that cannot be written, or cannot be gone on with."""
