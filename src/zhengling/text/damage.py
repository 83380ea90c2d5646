"""Damage as it is found in scraped files, made on purpose and with the truth kept.

``damage(text, ["glosses", "slips"], seed=1)`` returns the damaged text and, as an :class:`AlignedText`, the clean one
whose every character knows where it stands in the damage: what a perfect reader would return. Gold spans of the clean
text go through ``truth.to_source``. Kinds are applied in the order given; :data:`KINDS` lists them.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from opencc import OpenCC

from zhengling.text.aligned import AlignedText, Edit
from zhengling.text.damage_bytes import CODECS, LATIN, misread, slip_at
from zhengling.text.partition import Offsets

_PINYIN = (
    "会huì 议yì 强qiáng 调diào 要yào 全quán 面miàn 工gōng 作zuò 加jiā 大dà 建jiàn 设shè 推tuī 进jìn 实shí 施shī 安ān "
    "产chǎn 业yè 发fā 展zhǎn 经jīng 济jì 社shè 服fú 务wù 管guǎn 理lǐ 领lǐng 导dǎo 干gàn 部bù 学xué 习xí 贯guàn 彻chè "
    "落luò 精jīng 神shén 创chuàng 新xīn 优yōu 化huà 重zhòng 点diǎn 项xiàng 目mù 民mín 生shēng 政zhèng 府fǔ 党dǎng "
    "委wěi 市shì 县xiàn 区qū 乡xiāng 村cūn 人rén 员yuán 体tǐ 制zhì 机jī 度dù 改gǎi 革gé 开kāi 放fàng 保bǎo 障zhàng "
    "环huán 境jìng 质zhì 量liàng 高gāo 水shuǐ 平píng 能néng 力lì 提tí 升shēng 责zé 任rèn 法fǎ 律lǜ 治zhì 绿lǜ 女nǚ "
    "教jiào 育yù 文wén 明míng 时shí 期qī 年nián 月yuè 日rì 为wèi 和hé 在zài 对duì 上shàng"
)
_GLOSSES = {pair[0]: pair[1:] for pair in _PINYIN.split()}
SLIP_SHARE = 0.03
"""The share of marks that lose their first byte: one slip in about 300 characters."""
_PUNCTUATION = "，。、；：“”（）！？《》"
_LOOSE_FORMS = {"-": "‐–−", "—": "―─", "·": "•‧・", "“": "「〝", "”": "」〞"}
_BADLY = str.maketrans("里后台准于复发制系干", "裏後臺準於覆髮製係幹")
_BOILERPLATE = (
    "首页 > 政务公开 > 正文",
    "来源：本站　责任编辑：办公室　浏览次数：1024",
    "【打印本页】【关闭窗口】",
    "分享到：微信 微博",
    "上一篇：关于公布名单的通知　下一篇：没有了",
    "主办单位：某某市人民政府办公室　某ICP备00000000号",
    "下面是小编为大家整理的范文，供大家参考。",
)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A damaged text, and the clean one with the place of each of its characters in the damage."""

    text: str
    truth: AlignedText


@dataclass(frozen=True, slots=True)
class Change:
    """One step of damage: the new text, and per old character the half-open stretch of new ones; shape ``[old]``."""

    text: str
    starts: Offsets
    ends: Offsets


Maker = Callable[[str, random.Random], Change]


def damage(text: str, kinds: Iterable[str], seed: int) -> Damaged:
    """Apply kinds of damage one after another; the same seed gives the same damage."""
    chance = random.Random(seed)
    truth = AlignedText.of(text)
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"unknown kind of damage {kind!r}. Expected some of: {', '.join(KINDS)}")
        change = KINDS[kind](text, chance)
        truth = AlignedText(truth.text, *_through(truth, change))
        text = change.text
    return Damaged(text, truth)


def _through(truth: AlignedText, change: Change) -> tuple[Offsets, Offsets]:
    """The truth's stretches, carried through one more change."""
    if not len(change.starts):
        return truth.starts, truth.ends
    last = len(change.starts) - 1
    empty = truth.starts == truth.ends
    at_end = truth.starts > last
    starts = np.where(at_end, len(change.text), change.starts[np.minimum(truth.starts, last)])
    ends = np.where(empty, starts, change.ends[np.maximum(truth.ends - 1, 0)])
    return starts, np.maximum(starts, ends)


def _edited(text: str, edits: Sequence[Edit]) -> Change:
    """The change that these edits make: what they insert belongs to no character."""
    starts, ends = np.arange(len(text)), np.arange(1, len(text) + 1)
    shifts = np.zeros(len(text) + 1, dtype=np.int64)
    pieces: list[str] = []
    cursor = 0
    for start, end, new in edits:
        pieces += (text[cursor:start], new)
        shifts[end] += len(new) - (end - start)
        cursor = end
    moved = np.cumsum(shifts)[:-1]
    starts, ends = starts + moved, ends + moved
    for start, end, new in edits:
        if start < end and len(new) != end - start:
            begin = start + int(moved[start - 1]) if start else 0
            starts[start:end], ends[start:end] = begin, begin + len(new)
    return Change("".join([*pieces, text[cursor:]]), starts, ends)


def _same_length(text: str) -> Change:
    starts = np.arange(len(text))
    return Change(text, starts, starts + 1)


@cache
def _converter() -> OpenCC:
    return OpenCC("s2t")


def traditional(text: str, _: random.Random) -> Change:
    """Traditional characters throughout."""
    converted: str = _converter().convert(text)
    return _same_length(converted if len(converted) == len(text) else text)


def partly_traditional(text: str, chance: random.Random) -> Change:
    """Traditional characters in half of the lines, some of them the wrong ones."""
    lines = []
    for line in text.splitlines(keepends=True):
        converted: str = _converter().convert(line)
        if chance.random() < 0.5 and len(converted) == len(line):
            line = converted.translate(_BADLY) if chance.random() < 0.3 else converted
        lines.append(line)
    return _same_length("".join(lines))


def glosses(text: str, chance: random.Random) -> Change:
    """A pinyin gloss after one in twelve of the characters that have one; spaces and tone marks in all forms."""
    simple = str(OpenCC("t2s").convert(text))
    edits: list[Edit] = []
    for at, character in enumerate(simple if len(simple) == len(text) else text):
        if character in _GLOSSES and chance.random() < 1 / 12:
            pinyin = _GLOSSES[character]
            composed = chance.random() < 0.75
            space = chance.choice(("", "", " ", "\u00a0"))
            pinyin = pinyin if composed else unicodedata.normalize("NFD", pinyin)
            edits.append((at + 1, at + 1, f"({pinyin}{space})"))
    return _edited(text, edits)


def _slips(codec: str, lost: str, folded: bool) -> Maker:
    def make(text: str, chance: random.Random) -> Change:
        pieces: list[Change] = []
        cursor = at = 0
        while match := _SLIP_PLACE.search(text, at):
            at = match.end()
            if chance.random() < SLIP_SHARE:
                slip = slip_at(text, match.start(), codec, lost, folded)
                if slip is not None:
                    pieces += (_same_length(text[cursor : match.start()]), Change(*slip))
                    cursor = at = match.start() + len(slip[1])
        return _joined([*pieces, _same_length(text[cursor:])])

    return make


_SLIP_PLACE = re.compile(f"[{_PUNCTUATION}]")


def _joined(changes: Sequence[Change]) -> Change:
    shift, starts, ends = 0, [], []
    for change in changes:
        starts.append(change.starts + shift)
        ends.append(change.ends + shift)
        shift += len(change.text)
    return Change("".join(change.text for change in changes), np.concatenate(starts), np.concatenate(ends))


def _whole(name: str) -> Maker:
    return lambda text, _: Change(*misread(text, name))


def _stretches(name: str) -> Maker:
    def make(text: str, chance: random.Random) -> Change:
        """One line in four is misread."""
        lines = text.splitlines(keepends=True)
        return _joined([Change(*misread(line, name)) if chance.random() < 0.25 else _same_length(line) for line in lines])

    return make


def markup(text: str, chance: random.Random) -> Change:
    """Entities and remains of tags between characters, entities instead of some marks."""
    names = {"“": "&ldquo;", "”": "&rdquo;", "·": "&middot;", "—": "&mdash;", "…": "&hellip;"}
    edits: list[Edit] = []
    for at, character in enumerate(text):
        if character in names and chance.random() < 0.3:
            edits.append((at, at + 1, names[character]))
        elif chance.random() < 0.004:
            edits.append((at, at, chance.choice(("<span>", "</span>", "<strong>", '<a href="#">', "</a>"))))
    return _edited(text, edits)


def invisible(text: str, chance: random.Random) -> Change:
    """Zero-width and private-use characters anywhere."""
    signs = "\u200b\u200c\u200d\ufeff\u2060\ue000\ue5e5"
    return _edited(text, [(at, at, chance.choice(signs)) for at in range(len(text)) if chance.random() < 0.01])


def spaced_digits(text: str, chance: random.Random) -> Change:
    """Years and months with their digits apart: ``1 9 9 8 年``."""
    edits: list[Edit] = []
    for match in re.finditer(r"(?<![\d.])\d{2,4}(?=[年月日])", text):
        if chance.random() < 0.5:
            edits += [(at, at, " ") for at in range(match.start() + 1, match.end())]
    return _edited(text, edits)


def forms(text: str, chance: random.Random) -> Change:
    """Full-width Latin letters and digits, other hyphens, dots and quotes."""
    characters = []
    for character in text:
        if character.isascii() and character.isalnum() and chance.random() < 0.5:
            character = chr(ord(character) + 0xFEE0)
        elif character in _LOOSE_FORMS and chance.random() < 0.5:
            character = chance.choice(_LOOSE_FORMS[character])
        characters.append(character)
    return _same_length("".join(characters))


def lost_breaks(text: str, chance: random.Random) -> Change:
    """Line breaks become a space, two full-width ones, or nothing where an enumerator follows."""
    gap = chance.choice((" ", "\u3000\u3000", ""))
    edits: list[Edit] = []
    for match in re.finditer("\n+", text):
        marked = re.match(
            r"[一二三四五六七八九十]{1,3}、|（[一二三四五六七八九十]{1,3}）|\d{1,2}[.、](?!\d)", text[match.end() :][:6]
        )
        ended = text[match.start() - 1 : match.start()] in tuple("。！？；")
        new = gap if gap != "" or (marked and ended) else " "
        if len(new) != 1 and not ended:
            new = "\u3000\u3000"
        edits.append((match.start(), match.end(), new if ended or new.strip(" ") or len(new) == 2 else "\u3000\u3000"))
    return _edited(text, edits)


def broken_lines(text: str, chance: random.Random) -> Change:
    """Lines broken at the width of a page, as text taken out of a PDF."""
    page = chance.randint(28, 42)
    edits: list[Edit] = []
    width = 0.0
    for at, character in enumerate(text):
        if character == "\n":
            width = 0.0
        elif width >= page and character not in "，。、；：”）》！？":
            edits.append((at, at, "\n"))
            width = 0.0
        width += 0.5 if character.isascii() else 1.0
    return _edited(text, edits)


def boilerplate(text: str, chance: random.Random) -> Change:
    """Lines that the site added, before and after the document."""
    before, after = chance.sample(_BOILERPLATE, 3), chance.sample(_BOILERPLATE, 2)
    edits = [(0, 0, "\n".join(before) + "\n"), (len(text), len(text), "\n" + "\n".join(after))]
    return _edited(text, edits)


KINDS: dict[str, Maker] = {
    "traditional": traditional,
    "partly_traditional": partly_traditional,
    "glosses": glosses,
    "slips": _slips("gbk", "?", folded=False),
    "slips_folded": _slips("gbk", "?", folded=True),
    "slips_gb18030": _slips("gb18030", "\ufffd", folded=True),
    **{name: _whole(name) for name in (*CODECS, *LATIN)},
    **{f"{name}_stretches": _stretches(name) for name in (*CODECS, *LATIN)},
    "markup": markup,
    "invisible": invisible,
    "spaced_digits": spaced_digits,
    "forms": forms,
    "lost_breaks": lost_breaks,
    "broken_lines": broken_lines,
    "boilerplate": boilerplate,
}
"""The kinds of damage by name."""
