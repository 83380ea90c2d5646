"""docs/labels.md: it explains every label of the default scheme, and its example is gold."""

from __future__ import annotations

import re

from conftest import ROOT

from zhengling.gold.inline import parse_inline, write_inline
from zhengling.scheme.labels import DEFAULT_SCHEME

PAGE = (ROOT / "docs" / "labels.md").read_text(encoding="utf-8")


def test_every_label_has_a_row_of_its_own() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert explained == [*DEFAULT_SCHEME.directives, *DEFAULT_SCHEME.slots, *DEFAULT_SCHEME.themes]


def test_the_example_is_gold_that_holds_every_layer() -> None:
    (example,) = re.findall(r"^```xml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    document = parse_inline(example, "page")
    assert {directive.kind for directive in document.directives} == set(DEFAULT_SCHEME.directives)
    assert {slot.kind for slot in document.slots} == set(DEFAULT_SCHEME.slots)
    assert [paragraph.boilerplate for paragraph in document.paragraphs] == [False, False, False, True]
    assert write_inline(document) == example
