"""Sending a repository to the hub."""

from __future__ import annotations

import logging
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

from zhengling.errors import ModelError
from zhengling.hub.lessons import TASKS
from zhengling.modeling.downloads import calm_client, explain

log = logging.getLogger(__name__)
STALE = ["zhengling_*.py", "model*.safetensors*", *(f"{task}/*" for task in TASKS)]
"""Files of an earlier push that go if this one does not bring them again: they belong to another model."""


def push(folder: Path, name: str, *, private: bool = False, revision: str | None = None) -> str:
    """Create the repository ``name`` if it is not there and commit ``folder`` to it; returns the commit's address.

    ``revision`` is a branch, made if it is not there. Raises :class:`ModelError` with one line on what went wrong.
    """
    calm_client()
    api = HfApi()
    try:
        api.create_repo(name, private=private or None, exist_ok=True)
        if revision:
            api.create_branch(name, branch=revision, exist_ok=True)
        commit = api.upload_folder(
            repo_id=name,
            folder_path=folder,
            revision=revision,
            delete_patterns=STALE,
            commit_message="Upload a zhengling model",
        )
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled, OSError, ValueError) as error:
        raise ModelError(f"cannot push to {name!r}: {explain(error, name, revision)}") from error
    log.info("%s is at %s", folder, commit.commit_url)
    return commit.commit_url
