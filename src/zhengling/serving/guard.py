"""What stands before the application: the body limit, the time-out, the refusal while stopping, and the counting."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhengling.serving.metrics import Metrics
from zhengling.serving.schema import refusal
from zhengling.serving.settings import ServeSettings

EXTRACT = "/v1/extract"
OVERRUN = 4
"""How many times the limit of a body is read and dropped, so that its sender comes to read the answer."""


@dataclass(slots=True)
class Intake:
    """Whether requests are accepted, and how many are in work."""

    closed: bool = False
    in_work: int = 0


class Guard:
    """ASGI middleware around ``/v1/extract``; all else passes."""

    def __init__(self, app: ASGIApp, *, settings: ServeSettings, intake: Intake, metrics: Metrics) -> None:
        self._app, self._settings, self._intake, self._metrics = app, settings, intake, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != EXTRACT:
            await self._app(scope, receive, send)
            return
        started, sender = time.perf_counter(), _Sender(send)
        self._intake.in_work += 1
        try:
            await self._answer(scope, receive, sender)
        except ClientDisconnect:
            sender.status = 499  # as nginx counts those who went away
        finally:
            self._intake.in_work -= 1
            self._metrics.request(sender.status or 500, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: _Sender) -> None:
        if self._intake.closed:
            stopping = refusal(503, "the service is stopping", headers={"Connection": "close", "Retry-After": "5"})
            await stopping(scope, receive, send)
            return
        limit = self._settings.timeout
        try:
            async with asyncio.timeout(limit):
                body = await self._body(receive)
                answer = self._refused(body) or self._app
                await answer(scope, _Replay(body or b"", receive), send)
        except TimeoutError:
            if send.status is None:
                late = refusal(504, f"no answer within {limit:g} seconds; what was not started has been dropped")
                await late(scope, receive, send)

    async def _body(self, receive: Receive) -> bytes | None:
        """The body, or None if it is longer than allowed; raises ``ClientDisconnect``."""
        limit = self._settings.max_body
        body, length = bytearray(), 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            length += len(chunk)
            if length <= limit:
                body += chunk
            if not message.get("more_body", False) or length > OVERRUN * limit:
                return bytes(body) if length <= limit else None

    def _refused(self, body: bytes | None) -> ASGIApp | None:
        """The answer to a body that the application shall not see."""
        if body is None:
            expected = f"at most {self._settings.max_body:,} bytes: send fewer texts at a time"
            return refusal(413, f"the body is too long. Expected {expected}", headers={"Connection": "close"})
        try:
            body.decode()
        except UnicodeDecodeError as error:
            return refusal(422, f"the body: got byte 0x{body[error.start]:02x} at {error.start}. Expected JSON in UTF-8")
        return None


class _Sender:
    """Passes an answer on and remembers its status; None as long as it has not begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


class _Replay:
    """A body that was read, given as one message; then what comes after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._receive = receive

    async def __call__(self) -> Message:
        return self._messages.pop() if self._messages else await self._receive()
