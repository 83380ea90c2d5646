"""zhengling (政令): who is told to do what, by when, with which target, in Chinese official texts.

>>> import zhengling
>>> extractor = zhengling.load()
>>> record = extractor("各单位要于6月底前完成整改。")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zhengling.extraction.loading import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """``load`` is imported when it is asked for, so that ``zhengling.text`` needs no torch."""
    if name == "load":
        return importlib.import_module("zhengling.extraction.loading").load
    raise AttributeError(f"module 'zhengling' has no attribute {name!r}. Expected one of: {', '.join(__all__)}")
