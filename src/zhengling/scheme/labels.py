"""The label scheme: which kinds of directive and slot, and which themes, there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from zhengling.errors import LabelError

RESERVED = ("none", "boilerplate")
"""What the gold writes of a paragraph in the place of themes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelScheme:
    """Names of the labels of each layer, in the order of the model's outputs.

    The defaults are those of the annotation guidelines, version 1.
    """

    directives: tuple[str, ...] = ("require", "prohibit", "pledge")
    slots: tuple[str, ...] = ("agent", "time", "target", "programme")
    themes: tuple[str, ...] = ("economy", "safety", "party", "livelihood")

    def __post_init__(self) -> None:
        for layer in fields(self):
            names = tuple(getattr(self, layer.name))
            object.__setattr__(self, layer.name, names)
            if not names or len(set(names)) != len(names) or not all(names):
                raise LabelError(f"the {layer.name} of a label scheme must be distinct non-empty names, got {list(names)}")

    def check(self, layer: str, names: Iterable[str], where: str) -> None:
        """Raise :class:`LabelError` if a name is not in ``layer``; ``where`` goes into the message."""
        expected = getattr(self, layer)
        unknown = sorted(set(names) - set(expected))
        if unknown:
            raise LabelError(
                f"{where}: unknown {layer} label {', '.join(map(repr, unknown))}. Expected one of: {', '.join(expected)}"
            )


DEFAULT_SCHEME = LabelScheme()
