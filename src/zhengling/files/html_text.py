"""The text of a web page: one line a block, without scripts, styles and ruby glosses."""

from __future__ import annotations

import re

from lxml import etree, html

from zhengling.errors import ReadError
from zhengling.text.decode import decode

_LEFT_OUT = "head script style noscript template svg math rt rp select textarea iframe object"
_BLOCKS = """
address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer form
h1 h2 h3 h4 h5 h6 header hr legend li main nav ol option p section summary table tbody tfoot thead tr ul
"""
_KINDS = {
    **dict.fromkeys(_LEFT_OUT.split(), "left out"),
    **dict.fromkeys(_BLOCKS.split(), "block"),
    "br": "block",
    "pre": "preformatted",
    "td": "cell",
    "th": "cell",
}
_SPACE = re.compile(r"[ \t\r\n\f]+")
_BREAK_IN_CHINESE = re.compile(r"(?<=[\u2e80-\u9fff\uff00-\uffef])[ \t]*\r?\n[ \t]*(?=[\u2e80-\u9fff\uff00-\uffef])")


def html_text(data: bytes, encoding: str | None = None) -> str:
    """The text of a page, its encoding found as for a text file; raises :class:`ReadError` for what is no text.

    White space is collapsed as CSS says (a line break between two Chinese characters is nothing), except in ``<pre>``; cells
    of a table row are parted by a tab.
    """
    text, _ = decode(data, encoding)
    if not text.strip():
        return ""
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(text.replace("\0", "\ufffd").encode(), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise ReadError(f"not HTML: {error}") from error
    return "\n".join(line for line in (line.strip() for line in _flow(root).split("\n")) if line)


def _flow(root: html.HtmlElement) -> str:
    """All text, with a line break at each end of a block."""
    parts: list[str] = []
    left_out = preformatted = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        kind = _KINDS.get(element.tag, "inline")
        starts = event == "start"
        left_out += (1 if starts else -1) * (kind == "left out")
        preformatted += (1 if starts else -1) * (kind == "preformatted")
        if left_out == 0:
            text = (element.text if starts else element.tail) or ""
            parts.append("\n" if kind in ("block", "preformatted") else "\t" if kind == "cell" and not starts else "")
            parts.append(text if preformatted else _SPACE.sub(" ", _BREAK_IN_CHINESE.sub("", text)))
    return "".join(parts)
