"""The commands and programs of docs/hub.md are such as there are."""

from __future__ import annotations

import re
import shlex

from conftest import ROOT

from zhengling.cli import parser

TEXT = (ROOT / "docs" / "hub.md").read_text(encoding="utf-8")


def test_every_command_of_the_page_parses() -> None:
    blocks = re.findall(r"^```\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)
    commands = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    ours = [words[1:] for words in commands if words[0].endswith("/zhengling")]
    assert [parser().parse_args(words).run.__name__ for words in ours] == ["_push"] * 3 + ["_strip", "_export_plain", "_push"]


def test_the_programs_of_the_page_are_python() -> None:
    for block in re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE):
        compile(block, "docs/hub.md", "exec")
