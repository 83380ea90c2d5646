"""The subcommand ``serve``; what it needs beyond the package is imported when it is run."""

from __future__ import annotations

import argparse

from zhengling.errors import ConfigError
from zhengling.extraction.loading import load
from zhengling.serving.settings import ServeSettings, parse_size

DEFAULTS = ServeSettings()


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the service; the model's are added by the caller."""
    command.add_argument("--host", default=DEFAULTS.host, help="address to listen on (default: %(default)s)")
    command.add_argument("--port", type=int, default=DEFAULTS.port, help="port, 0 for any (default: %(default)s)")
    command.add_argument("--max-body", default="10MB", metavar="SIZE", help="longest body of a request (default: %(default)s)")
    command.add_argument(
        "--timeout", type=float, default=DEFAULTS.timeout, metavar="SECONDS", help="until 504 (default: %(default)s)"
    )
    command.add_argument("--queue", type=int, default=DEFAULTS.queue, help="requests that may wait (default: %(default)s)")
    command.add_argument(
        "--batch-characters", type=int, default=DEFAULTS.batch_characters, metavar="N",
        help="characters that make a batch full (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--gather", type=float, default=DEFAULTS.gather, metavar="SECONDS",
        help="how long a batch that is not full waits for more (default: %(default)s)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Load the model and serve it until a signal comes; raises :class:`ConfigError`."""
    settings = ServeSettings(
        host=options.host,
        port=options.port,
        max_body=parse_size(options.max_body),
        timeout=options.timeout,
        queue=options.queue,
        batch_characters=options.batch_characters,
        gather=options.gather,
    )
    try:
        from zhengling.serving.server import serve
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"zhengling serve needs {error.name}, which is not installed. Expected: pip install 'zhengling[serve]'"
        ) from error
    extractor = load(options.model, device=options.device, precision=options.precision, runtime=options.runtime)
    serve(extractor, settings)
