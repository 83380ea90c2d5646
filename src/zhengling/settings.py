"""Settings: a frozen dataclass is the truth, a YAML holds what differs, ``key=value`` has the last word."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from zhengling.errors import ConfigError

Settings = TypeVar("Settings")
LARGEST_SEED = 2**32 - 1
"""The largest that numpy takes."""


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
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}. Expected a file such as configs/compact.yaml") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}. Expected a YAML file in UTF-8") from error
    except TypeError as error:
        raise ConfigError(f"{where}: got a list. Expected keys with their values there, such as seed: 1") from error
    except (OmegaConfBaseException, YAMLError) as error:
        if "not a ListConfig" in str(error):
            name = getattr(error, "full_key", None)
            raise ConfigError(f"{where}: {name} is no list. Expected one, such as {name}=[a, b]") from error
        key = f" (at {error.full_key})" if getattr(error, "full_key", None) else ""
        raise ConfigError(f"{where}: {str(error).splitlines()[0]}{key}") from error


def out_of_range(settings: object, at_least: Mapping[str, float], above_zero: Sequence[str] = ()) -> list[str]:
    """A sentence for each number that is too small or not finite, by its full name (``optim.lr``)."""
    wrong = []
    for key in (*at_least, *above_zero):
        value, least = attrgetter(key)(settings), at_least.get(key)
        if not math.isfinite(value) or not (value > 0 if least is None else value >= least):
            wrong.append(f"{key} ({value}) must be {'above 0' if least is None else f'at least {least}'}")
    return wrong
