"""What a corpus holds, against the least that it should hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import DEFAULT_SCHEME

CUE_SENTENCES = "sentences with a cue outside directives"
OWN_WORD = f"{CUE_SENTENCES}, not only within a word such as 重要"
MINIMA: dict[str, int] = {
    "documents": 240,
    "characters": 300_000,
    "directives": 5_000,
    "prohibit": 400,
    "pledge": 600,
    "agent": 1_500,
    "time": 700,
    "target": 500,
    "programme": 1_200,
    **dict.fromkeys(DEFAULT_SCHEME.themes, 500),
    "two or more themes": 450,
    "no theme": 600,
    "boilerplate": 300,
    CUE_SENTENCES: 1_200,
}
"""The least of each; characters are code points other than white space, themes are counted in paragraphs."""
_CUE = re.compile("要|应|须|将|不得")
_WORD = re.compile(
    "[重主需必纪摘概简扼首]要|要(?:素|点|害|闻|义|件|职|塞|道|紧|命|么)|(?:只|要)要|要求|要是|不要紧|"
    "[供响适反对相效答回呼感因照报]应|应(?:急|用|付|对|届|聘|邀|酬|变|收)|[即]将|将(?:军|士|领|近|就)|[无]须|须知|[了见使免舍记]不得"
)
_SENTENCE = re.compile(r"[^。！？；\n]+")


def count(documents: Sequence[Document]) -> dict[str, int]:
    """All that is counted, by name; the names of :data:`MINIMA` are among them."""
    paragraphs = [paragraph for document in documents for paragraph in document.paragraphs]
    directives = [directive.kind for document in documents for directive in document.directives]
    slots = [slot.kind for document in documents for slot in document.slots]
    outside = [sentence for document in documents for sentence in cue_sentences(document)]
    return {
        "documents": len(documents),
        "characters": sum(len("".join(document.text.split())) for document in documents),
        "directives": len(directives),
        **{kind: directives.count(kind) for kind in DEFAULT_SCHEME.directives},
        "slots": len(slots),
        **{kind: slots.count(kind) for kind in DEFAULT_SCHEME.slots},
        "paragraphs": len(paragraphs),
        **{theme: sum(theme in paragraph.themes for paragraph in paragraphs) for theme in DEFAULT_SCHEME.themes},
        "two or more themes": sum(len(paragraph.themes) > 1 for paragraph in paragraphs),
        "no theme": sum(not paragraph.themes and not paragraph.boilerplate for paragraph in paragraphs),
        "boilerplate": sum(paragraph.boilerplate for paragraph in paragraphs),
        CUE_SENTENCES: len(outside),
        OWN_WORD: sum(_CUE.search(_WORD.sub(" ", sentence)) is not None for sentence in outside),
    }


def cue_sentences(document: Document) -> Iterator[str]:
    """The sentences, parted at 。！？； and line ends, that hold 要 应 须 将 or 不得 and share nothing with a directive."""
    directives = iter(sorted(document.directives))
    directive = next(directives, None)
    for match in _SENTENCE.finditer(document.text):
        while directive and directive.end <= match.start():
            directive = next(directives, None)
        if _CUE.search(match[0]) and not (directive and directive.start < match.end()):
            yield match[0].strip()


def shortfalls(counts: Mapping[str, int]) -> dict[str, int]:
    """What is missing to the minima, by name."""
    return {name: least - counts[name] for name, least in MINIMA.items() if counts[name] < least}
