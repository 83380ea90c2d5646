"""Cleaning in this process or in others beside it; no torch, so that the others start quickly."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

from zhengling.errors import ReadError
from zhengling.text import CleanText, read

log = logging.getLogger(__name__)
T = TypeVar("T")
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
    """Each document with its clean text, in order, while a pool works on the ``ahead`` next ones."""
    waiting: deque[tuple[T, Future[Cleaned]]] = deque()
    for document, content in documents:
        waiting.append((document, pool.submit(clean, content, encoding, off)))
        if len(waiting) > ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()
