"""Reading from the hub: only what was asked for, and what a failure means to the user, in one line."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from transformers.utils import logging as transformers_logging

TOKEN = "HF_TOKEN, or hf auth login"


def calm_client() -> None:
    """Keep the client from telling of each request, and from asking the hub to convert a repository without safetensors."""
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    for name in ("httpx", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep ``transformers`` from telling of weights that are left behind or missing: we tell it in one line."""
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)


def explain(error: BaseException, name: str, revision: str | None = None) -> str:
    """One line on why ``name`` could not be loaded from the hub or sent to it."""
    for cause in _causes(error):
        match cause:
            case GatedRepoError():
                return f"{name!r} is gated. Ask for access on its page at {constants.ENDPOINT}, then give your token ({TOKEN})"
            case RepositoryNotFoundError():
                return (
                    f"there is no {name!r} on {constants.ENDPOINT}, or it is private and there is no token that may read it "
                    f"({TOKEN})"
                )
            case RevisionNotFoundError():
                return f"{name!r} has no revision {revision!r}. Expected a branch, a tag or a commit of its history"
            case LocalTokenNotFoundError():
                return f"{constants.ENDPOINT} wants a token and there is none. Give one ({TOKEN})"
            case HfHubHTTPError() if cause.response.status_code in (401, 403):
                given = "the token" if cause.response.request.headers.get("Authorization") else "the request without a token"
                return f"{constants.ENDPOINT} refuses {given} for {name!r}. Give one that may do this ({TOKEN})"
            case HFValidationError():
                return f"{name!r} is no hub name. Expected one such as org/name"
            case OfflineModeIsEnabled() | LocalEntryNotFoundError():
                why = "HF_HUB_OFFLINE is set" if constants.is_offline_mode() else f"{constants.ENDPOINT} cannot be reached"
                return f"{name!r}{f' at {revision!r}' if revision else ''} is not in the cache, and {why}"
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
