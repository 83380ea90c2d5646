"""Settings: a frozen dataclass is the truth, a YAML holds what differs, ``key=value`` has the last word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from zhengling.errors import ConfigError

Settings = TypeVar("Settings")


def load_settings(kind: type[Settings], path: Path | None, overrides: Sequence[str] = ()) -> Settings:
    """Merge defaults < file < overrides (``optim.lr=1e-5``) into an instance of the dataclass ``kind``.

    Raises :class:`ConfigError` with the full name of the key that is unknown, missing or of the wrong type.
    """
    stray = [item for item in overrides if "=" not in item]
    if stray:
        raise ConfigError(f"command line: got {stray[0]!r}, expected key=value, such as optim.lr=1e-5")
    where = "the defaults"
    try:
        merged = OmegaConf.structured(kind)
        if path is not None:
            where = str(path)
            merged = OmegaConf.merge(merged, OmegaConf.load(path))
        where = "command line"
        merged = OmegaConf.merge(merged, OmegaConf.from_dotlist(list(overrides)))
        where = str(path or "command line")
        return OmegaConf.to_object(merged)  # type: ignore[return-value]
    except FileNotFoundError:
        raise ConfigError(f"no configuration file {path}. Expected one such as configs/compact.yaml") from None
    except (OmegaConfBaseException, YAMLError) as error:
        key = f" (at {error.full_key})" if getattr(error, "full_key", None) else ""
        raise ConfigError(f"{where}: {str(error).splitlines()[0]}{key}") from error
