"""GBK byte slips: one byte was lost, and the bytes after it pair up wrongly until something brings them in step.

``自己。“三`` with the first byte of ``。`` replaced reads ``自己?！叭…``: after ``?`` come A3 A1 (``！``) and B0 C8
(``叭``).
From each ``?`` on, the source characters are taken apart into bytes again and put together one byte earlier; of the
ways to do so, and of the places where the slip may end, the one with the most plausible text is taken, if it is far
more plausible than what stands there. A clean character stands for the source characters that begin within its bytes.
"""

from __future__ import annotations

import re

from zhengling.text.aligned import Edit
from zhengling.text.slip_search import LOST_SIGNS, Search

_START = re.compile(rf"[{LOST_SIGNS}](?=\u3000|[^\s\x00-\x20\"'(),\-./0-9:;<=>]|[?])")
_RUN = re.compile(f"[{LOST_SIGNS}]{{4,}}")


def find_slips(text: str) -> list[Edit]:
    """The repairs of all slips of a text."""
    edits: list[Edit] = []
    cursor = 0
    search: Search | None = None
    while match := _START.search(text, cursor):
        search = search or Search(text)
        run = _RUN.match(text, match.start())
        if run:
            cursor = run.end()
            continue
        slip = search.slip_at(match.start())
        if slip:
            edits += slip.edits()
            cursor = slip.end
        else:
            cursor = match.start() + 1
        if search.exhausted():
            break
    return edits
