"""From bytes to text: which encoding is it, and is it text at all?"""

from __future__ import annotations

import codecs
import re

from zhengling.errors import ReadError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_COMMON = frozenset(
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出会可也你对能而子那得着下自之年过发后里"
    "家行全市工政府党委民经济建设安产业加强区县重点推进展实施完善服务社会管理领导干部学习贯彻落精神文件通知"
    "這個們為國時來對會發後裡業產黨委經濟設強區縣點進實務領導幹習貫徹"
    "，。、：；“”（）0123456789\n "
)
_SAMPLE = 20_000
"""Characters looked at when encodings are weighed against one another."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def decode(data: bytes, encoding: str | None = None) -> tuple[str, str]:
    """Decode a document; returns the text without byte-order mark, and the encoding used.

    An encoding given by the caller is used as it is. Raises :class:`ReadError` for bytes that are no text.
    """
    if encoding is not None:
        return _decode_as(data, encoding)
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _decode_as(data, name)
    text, name = _guess(data)
    controls = len(_CONTROL.findall(text[:_SAMPLE]))
    if controls * 50 > min(len(text), _SAMPLE):
        raise ReadError(f"the input is binary, not text: {controls} control characters in its first {_SAMPLE}")
    return text, name


def _decode_as(data: bytes, encoding: str) -> tuple[str, str]:
    try:
        text = data.decode(encoding)
    except LookupError as error:
        raise ReadError(f"unknown encoding {encoding!r}. Expected a name Python knows, such as gb18030") from error
    except UnicodeDecodeError as error:
        raise ReadError(f"not {encoding}: {error.reason} at byte {error.start} of {len(data)}") from error
    return text.removeprefix("\ufeff"), encoding


def _guess(data: bytes) -> tuple[str, str]:
    if data.count(0) * 200 <= len(data):
        try:
            return data.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            pass
    candidates = ("utf-16-le", "utf-16-be") if data.count(0) else ("gb18030", "big5hkscs", "utf-16-le", "utf-16-be")
    scored = []
    for name in candidates:
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        scored.append((plausibility(text), text, name))
    if scored:
        best = max(scored, key=lambda entry: entry[0])
        if best[0] > 0.05 or len(data) < 8:
            return best[1], best[2]
    return _with_losses(data)


def plausibility(text: str) -> float:
    """The share of characters that are among the most common of Chinese official text, from 0 to 1."""
    sample = text[:_SAMPLE]
    return sum(map(_COMMON.__contains__, sample)) / max(len(sample), 1)


def _with_losses(data: bytes) -> tuple[str, str]:
    """A text with a few broken bytes (cut off in mid-character, say), which become U+FFFD."""
    scored = []
    for name in ("utf-8", "gb18030", "big5hkscs"):
        text = data.decode(name, errors="replace")
        lost = text.count("\ufffd")
        if lost * 50 <= len(text):
            scored.append((plausibility(text), text, name))
    if not scored or max(scored)[0] <= 0.05:
        raise ReadError(
            f"the input ({len(data)} bytes) is no text in any encoding tried. Expected UTF-8, UTF-16, GB18030 or Big5"
        )
    _, text, name = max(scored, key=lambda entry: entry[0])
    return text, name
