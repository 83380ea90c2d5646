"""The text of a Word document: its paragraphs in order, those in tables and text boxes too."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from lxml import etree

from zhengling.errors import ReadError

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_BODY = "word/document.xml"
_LARGEST = 500_000_000
"""Bytes of XML above which a file is taken for a trap."""


def docx_text(data: bytes) -> str:
    """The text of the body, one line a paragraph; raises :class:`ReadError` for what is no Word document.

    Left out are deleted text of tracked changes, headers, footers, notes and the numbers that Word itself counts.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = archive.getinfo(_BODY).file_size
            if size > _LARGEST:
                raise ReadError(f"the Word document holds {size} bytes of XML. Expected at most {_LARGEST}")
            xml = archive.read(_BODY)
        root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    except KeyError as error:
        raise ReadError(f"not a Word document: the archive lacks {_BODY}") from error
    except (zipfile.BadZipFile, etree.XMLSyntaxError, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise ReadError(f"not a Word document that can be read: {error}") from error
    lines: list[str] = []
    for body in root:
        _paragraphs(body, lines)
    return "\n".join(lines)


def _paragraphs(element: etree._Element, lines: list[str]) -> None:
    """Append the lines of all paragraphs below ``element``; those of a text box come before the one that it hangs on."""
    for child in element:
        if child.tag == _FALLBACK:
            continue
        if _name(child) != "p":
            _paragraphs(child, lines)
            continue
        _paragraphs(child, lines)
        lines.append("".join(_pieces(child)))


def _pieces(element: etree._Element) -> Iterator[str]:
    """The text of one paragraph, without that of paragraphs inside it."""
    for child in element:
        name = _name(child)
        if child.tag == _FALLBACK or name in ("p", "pPr", "rPr"):
            continue
        if name == "t":
            yield child.text or ""
        elif name in _SIGNS:
            yield _SIGNS[name]
        else:
            yield from _pieces(child)


def _name(element: etree._Element) -> str:
    """The name of a Word element without its name space; empty for any other element."""
    tag = element.tag if isinstance(element.tag, str) else ""
    for space in (_WORD, _STRICT):
        if tag.startswith(space):
            return tag.removeprefix(space)
    return ""
