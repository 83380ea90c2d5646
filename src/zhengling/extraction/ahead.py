"""Making the next thing while the last one is in use."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


def one_ahead(thread: Executor, items: Iterator[T]) -> Iterator[T]:
    """The items, each made in the thread while the one before is in use; an error is raised in the place of its item."""
    end = object()
    coming = thread.submit(next, items, end)
    while (item := coming.result()) is not end:
        coming = thread.submit(next, items, end)
        yield item  # type: ignore[misc]
