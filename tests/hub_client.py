"""Python programs that talk to the hub of the tests in a process of their own, since its address is read at import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import ROOT
from hub_server import HubServer

HIDE = """
import sys
class _Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, _Hide())
"""


@dataclass(frozen=True)
class Answer:
    """What a program printed as JSON on its last line, and what it said on stderr."""

    value: Any
    stderr: str


def run_client(
    program: str,
    home: Path,
    *,
    hub: HubServer | None = None,
    token: str | None = None,
    hidden: tuple[str, ...] = (),
    arguments: Any = None,
) -> Answer:
    """Run a program with ``home`` as home and cache; ``hub`` None: offline; ``hidden``: packages that it cannot import.

    The program finds ``arguments`` as ``ARGUMENTS`` and has to print one line of JSON last.
    """
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "HF_HOME": str(home / "hf"), "OMP_NUM_THREADS": "1"}
    environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONIOENCODING": "utf-8"}
    environment |= {"HF_ENDPOINT": hub.endpoint} if hub else {"HF_HUB_OFFLINE": "1"}
    environment |= {"HF_TOKEN": token} if token else {}
    environment |= {} if "zhengling" in hidden else {"PYTHONPATH": str(ROOT / "src")}
    head = HIDE.format(hidden=hidden) if hidden else ""
    given = f"import json\nARGUMENTS = json.loads({json.dumps(arguments)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", head + given + program], env=environment, cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Answer(json.loads(done.stdout.splitlines()[-1]), done.stderr)
