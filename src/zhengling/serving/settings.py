"""What the service can be told, and the limits it keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zhengling.errors import ConfigError

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(B|kB|MB|GB)?")
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeSettings:
    """Address and limits; raises :class:`ConfigError` with all that is wrong."""

    host: str = "127.0.0.1"
    """The address to listen on; only this machine by default."""
    port: int = 8000
    """The port to listen on; 0 for any that is free."""
    max_body: int = 10_000_000
    """Bytes of a request's body; a longer one is answered with 413."""
    timeout: float = 60.0
    """Seconds from a request's head to its answer; after them it is answered with 504."""
    queue: int = 64
    """Requests that may wait for the model; one more is answered with 429."""
    batch_characters: int = 16_384
    """Characters after which no more texts are gathered for a run of the model."""
    gather: float = 0.005
    """Seconds to wait for more texts when the queue is empty and a batch is not full."""

    def __post_init__(self) -> None:
        wrong = [
            f"{name}: got {getattr(self, name)}. Expected a number {expected}"
            for name, right, expected in (
                ("port", 0 <= self.port <= 65_535, "from 0 to 65535"),
                ("max_body", self.max_body > 0, "above 0"),
                ("timeout", self.timeout > 0, "above 0"),
                ("queue", self.queue > 0, "above 0"),
                ("batch_characters", self.batch_characters > 0, "above 0"),
                ("gather", self.gather >= 0, "of at least 0"),
            )
            if not right
        ]
        if wrong:
            raise ConfigError("; ".join(wrong))


def parse_size(words: str) -> int:
    """Bytes of ``10MB``, ``512kB``, ``1.5GB`` or ``2000000`` (units of 1000); raises :class:`ConfigError`."""
    match = _SIZE.fullmatch(words.strip())
    if match is None:
        raise ConfigError(f"size: got {words!r}. Expected bytes, or a number with kB, MB or GB, such as 10MB")
    return int(float(match[1]) * _UNITS[match[2] or "B"])
