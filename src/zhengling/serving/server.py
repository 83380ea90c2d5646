"""The server process: listens, and on SIGTERM or Ctrl-C finishes what it has accepted."""

from __future__ import annotations

import math
from types import FrameType

import uvicorn

from zhengling.errors import ZhenglingError
from zhengling.extraction.extractor import Extractor
from zhengling.serving.app import create_app
from zhengling.serving.guard import Intake
from zhengling.serving.settings import ServeSettings


class GracefulServer(uvicorn.Server):
    """Goes on listening while it stops, so that new requests are told so (503); a second signal ends it at once."""

    def __init__(self, extractor: Extractor, settings: ServeSettings) -> None:
        self.intake = Intake()
        config = uvicorn.Config(
            create_app(extractor, settings, self.intake),
            host=settings.host,
            port=settings.port,
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=math.ceil(settings.timeout),
        )
        super().__init__(config)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called with each signal that asks for an end."""
        if self.intake.closed:
            self.force_exit = True
            super().handle_exit(sig, frame)
        self.intake.closed = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        return await super().on_tick(counter) or (self.intake.closed and not self.intake.in_work)


def serve(extractor: Extractor, settings: ServeSettings) -> None:
    """Answer requests until a signal comes; raises :class:`ZhenglingError` if the address cannot be had."""
    server = GracefulServer(extractor, settings)
    try:
        server.run()
    except SystemExit as stopped:
        raise ZhenglingError(f"cannot listen on {settings.host}:{settings.port}: the line above says why") from stopped
