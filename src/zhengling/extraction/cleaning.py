"""Cleaning in this process or in others beside it; no torch, so that the others start quickly."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import TypeVar

from zhengling.errors import ReadError, ZhenglingError
from zhengling.text import CleanText, read

log = logging.getLogger(__name__)
T = TypeVar("T")
LARGEST_AHEAD = 2_000_000
"""Characters or bytes that wait to be cleaned or for those before them."""
Cleaned = tuple[CleanText | None, str | None]
"""A clean text, or None and the reason."""


def clean(content: bytes | str, encoding: str | None = None, off: Collection[str] = ()) -> Cleaned:
    """Read a document that may be anything; ``encoding`` and ``off`` as for :func:`zhengling.text.read`."""
    try:
        text = read(content, encoding=encoding, off=off)
    except ReadError as error:
        return None, str(error)
    except Exception as error:  # one document must not end the run
        log.exception("cleaning failed")
        return None, f"cleaning failed: {type(error).__name__}: {error}"
    return (text, None) if text.paragraphs else (None, "the document holds no text")


def clean_ahead(
    pool: Executor, ahead: int, documents: Iterable[tuple[T, bytes | str]], encoding: str | None, off: Collection[str]
) -> Iterator[tuple[T, Cleaned]]:
    """Each document with its clean text, in order, while a pool works on the next ones: ``ahead`` of them at most, and no more
    than one beyond :data:`LARGEST_AHEAD`. Raises :class:`ZhenglingError` if a process of the pool dies.
    """
    waiting: deque[tuple[T, int, Future[Cleaned]]] = deque()
    size = 0
    try:
        for document, content in documents:
            waiting.append((document, len(content), pool.submit(clean, content, encoding, off)))
            size += len(content)
            while len(waiting) > ahead or (size > LARGEST_AHEAD and len(waiting) > 1):
                first, length, future = waiting.popleft()
                size -= length
                yield first, future.result()
        for first, _, future in waiting:
            yield first, future.result()
    except BrokenExecutor as error:
        raise ZhenglingError(
            "a process that cleans texts was killed, mostly for want of memory. Expected it to live; "
            "--cleaners 0 cleans in this process, and --resume goes on"
        ) from error
