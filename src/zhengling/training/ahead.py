"""Making the next batch while the last one is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from zhengling.extraction import ahead

Item = TypeVar("Item")
Made = TypeVar("Made")


def one_ahead(items: Iterable[Item], make: Callable[[Item], Made]) -> Iterator[Made]:
    """``map(make, items)`` with one result made ahead in a thread, so that a device does not wait for its next batch.

    An error of ``make`` is raised where its result would have come.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as thread:
        yield from ahead.one_ahead(thread, map(make, items))
