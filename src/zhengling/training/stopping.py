"""Ctrl-C and a request to terminate, put off to the end of a step."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from zhengling.errors import ZhenglingError

log = logging.getLogger(__name__)


class Interrupted(ZhenglingError):
    """A run that was asked to stop and has saved its checkpoint."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.status = 128 + number
        """The exit status by which shells know what stopped a program: 130 after Ctrl-C."""


class StopRequest:
    """Within ``with``, notes SIGINT and SIGTERM instead of dying by them; the second one does what it always did."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The signal that came, None as long as none did."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self._restore()
        log.warning("%s: stopping after this step; once more to stop at once", signal.Signals(number).name)
