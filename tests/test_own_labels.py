"""The tutorial docs/own-labels.md: its commands are run as they stand, what it shows is what lies in docs/own-labels."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml
from conftest import ROOT

PAGE = (ROOT / "docs" / "own-labels.md").read_text(encoding="utf-8")
SAMPLE = ROOT / "docs" / "own-labels"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_what_the_page_shows_is_what_lies_in_the_folder() -> None:
    (line,), (config,) = blocks("json"), blocks("yaml")
    assert line in (SAMPLE / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    assert yaml.safe_load(config) == yaml.safe_load((SAMPLE / "config.yaml").read_text(encoding="utf-8"))


def test_the_commands_of_the_page_lead_from_doccano_to_records(tmp_path: Path) -> None:
    """In a folder that has what the page expects to find: the scripts, the data, and the environment under ``.venv``."""
    for name in ("docs", "data", "train.py", "infer.py"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    commands = blocks("sh")
    assert len(commands) == 3
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    script = "set -euo pipefail\n" + "".join(commands)
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out" / "own-labels"
    assert len(list((out / "train").glob("*.xml"))) == 9
    assert {"model", "metrics.json", "curves.png", "reliability.png"} <= {path.name for path in (out / "run").iterdir()}
    record = json.loads((out / "new.jsonl").read_text(encoding="utf-8"))
    assert {directive["kind"] for directive in record["directives"]} == {"task", "ban"}
    assert set(record["paragraphs"][1]["scores"]) == {"water", "greenery"}
    assert "| slot deadline |" in done.stdout
