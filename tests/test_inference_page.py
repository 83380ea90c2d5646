"""docs/inference.md: its programs run over what infer.py wrote, its columns and repairs are those that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from test_infer import SAMPLES, infer

from zhengling.files.sinks import CSV_COLUMNS
from zhengling.scheme.labels import DEFAULT_SCHEME
from zhengling.text import REPAIRS

PAGE = (ROOT / "docs" / "inference.md").read_text(encoding="utf-8")


def test_the_programs_of_the_page_run_over_the_samples(tmp_path: Path, model_folder: Path) -> None:
    (tmp_path / "out").mkdir()
    infer(SAMPLES, "--model", model_folder, "--output", tmp_path / "out" / "reports.jsonl")
    programs = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(programs) == 2
    for program in programs:
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "themes" in done.stdout and "require" in done.stdout


def test_the_columns_and_repairs_of_the_page_are_those_that_there_are() -> None:
    assert f"\n{','.join((*CSV_COLUMNS, *DEFAULT_SCHEME.slots, 'error'))}\n" in PAGE
    assert tuple(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE))[: len(REPAIRS)] == REPAIRS
