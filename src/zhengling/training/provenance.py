"""Which code made a model."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from zhengling.version import VERSION

PACKAGE = Path(__file__).parent.parent


def code_version(package: Path = PACKAGE) -> dict[str, Any]:
    """Version of the package; commit of its checkout and whether files in it were changed since, null if it is not in one."""
    commit = _git(package, "rev-parse", "HEAD") if _git(package, "ls-files", "version.py") else None
    changed = bool(_git(package, "status", "--porcelain", "--untracked-files=no", ":/")) if commit else None
    return {"version": VERSION, "commit": commit, "changed": changed}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
