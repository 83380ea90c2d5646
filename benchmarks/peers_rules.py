"""Peer: rules, written from the annotation guidelines and tuned on the real training documents; it learns nothing.

Directives here; slots in ``peers_rule_slots.py``, themes and boilerplate in ``peers_rule_themes.py``.
A sentence demands something if a clause of it has a cue (D1), if it is a verb phrase without a subject in a stretch of
demands, or if one who acts stands before a verb of duty (S18). Parts that bring their own cue are split off (D4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.peers_rule_slots import ACTOR, WHEN, find_slots
from benchmarks.peers_rule_themes import find_labels
from benchmarks.peers_texts import Annotator, Finding, Span, paragraphwise, trimmed
from zhengling.scheme.annotation import Document

PACKAGES = ()

FORBID = "不得|严禁|禁止|切勿|不能(?!不)|不可(?!避免|或缺|分割)|决不|绝不|坚决杜绝|杜绝|不准|不许|不要|坚决避免|要防止|要杜绝|要避免|严防"
_MUST = (
    r"(?<![重主需必只首纲机险紧枢概扼摘若将想是文])要(?![求素点闻么塞害道职案件务领义])|必须|务必|务须|须(?!知)|应当|应该|"
    r"(?<![反供适响效相对回感顺呼因])应(?![急用对收变运有聘答邀届付税对])|请(?![求示假教客愿])"
)
CUE = re.compile(f"{FORBID}|{_MUST}")
_PLEDGE = re.compile(
    r"^(?:(?:我们|我[省市县区州国]|本[省市县区届]?政府|新一届政府|今年|下一步|接下来|下一阶段|明年|全年|20\d\d年)[，]?"
    r"(?:政府|全[省市县区]|我们)?)+(?:还|也|继续)?将|^(?:将|计划|拟)(?:全力|继续|进一步|加快|大力|持续|坚决|认真|坚定|努力|深入|全面|积极|在)"
    r"|^(?:我们|今年|全年)?(?:计划|拟)(?:新|建|实施|完成|引进|投资|安排|开工|改造)"
)
_VERBS = (
    "支持|鼓励|实施|推动|加强|深化|推进|探索|坚持|建设|强化|健全|开展|完善|建立|打造|聚焦|优化|发展|加大|继续|严格|负责|创新|落实|"
    "引导|创建|组织|促进|构建|提升|用好|培育|做好|发挥|注重|统筹|突出|指导|成立|开放|办好|编制|布局|新建|新增|提高|制定|压实|明确|协同|"
    "力争|争取|研究|建成|推广|保障|严守|整治|启动|扩大|加速|抓好|抓实|抓住|抓紧|壮大|做强|做优|做大|做实|做精|做细|守住|守牢|筑牢|拓展|增强|"
    "改善|改造|改革|攻坚|完成|实现|确保|巩固|繁荣|服务|规范|丰富|弘扬|传承|保护|修复|防范|化解|防止|遏制|打击|解决|支撑|开工|开通|引进|"
    "引育|引入|招引|吸引|培养|选派|选树|选拔|举办|承办|策划|谋划|规划|搭建|畅通|打通|提供|推行|试行|试点|设立|出台|修订|盘活|释放|激发|"
    "挖掘|稳定|稳住|扩大|夯实|建强|建好|建优|管好|用足|学习|贯彻|领会|把握|增进|压减|减少|降低|淘汰|清理|清除|排查|治理|整合|整顿|集聚|聚集|"
    "汇聚|凝聚|聚力|致力|合力|协调|配合|联合|对接|融入|参与|争创|争当|争做|勇当|敢于|善于|勇于|树立|牢记|牢固|铭记|坚定|坚守|坚决|维护|履行|"
    "关心|关爱|关注|重视|重点|突破|攻克|破解|破除|消除|兜牢|兜住|托住|织密|织牢|补齐|补强|延伸|延长|升级|更新|转化|转变|加固|实行|执行|"
    "开发|开辟|开拓|拓宽|调整|调动|调度|宣传|普及|曝光|通报|督促|督查|检查|监督|考核|评估|奖励|表彰|追究|问责|查处|惩治|严惩|严肃|严厉|"
    "让|围绕|依托|依法|精心|坚持不懈"
)
_PREPOSITIONS = "让|把|将|向|为|以|对|使|靠|按|从|在|围绕|通过|依托|针对|根据|按照|依法|因地制宜|精准|精心|结合|利用|采用|到20"
_MANNER = (
    "积极|大力|深入|全面|着力|持续|充分|扎实|加快|有序|进一步|不断|切实|努力|高质量|高水平|高标准|高效|高起点|高位|集中|全力|奋力|"
    "稳步|稳妥|统筹|科学|合理|主动|认真|系统|严格|定期|及时|重点|逐步|更好|更加|更大力度|广泛|常态化|一体|协同|聚力|"
    "坚决|坚定|坚定不移|深度|优先|鼓足干劲|牢牢|紧紧|始终|时刻|自觉|带头|创造性|分类|分级|分批|同步|联动|滚动|密切|超前|适时|适度|"
    "整区域|整县|梯次|梯度|多渠道|多措并举|多层次|多元|多点|全方位|全过程|全链条|全周期|全域|全年|每年|每月|创新|接续|纵深|毫不动摇|"
    "千方百计|用心|用情|用力|尽快|抓紧|加紧|务实|稳|深|精细|精准|巧|善|也|还|并|再|新|共同|携手|联合|不折不扣|从严|从快|从速"
)
_EAGER = (
    "加快|加力|着力|大力|全力|奋力|积极|扎实|有序|进一步|切实|努力|深入|因地制宜|适当|合理|稳步|梳理|用足|采用|保持|主动|全面|结合|利用|配齐|管控|"
    "精诚|高标准|高水平|高质量|持续|联通|盯紧|稳妥|精准|因城施策|分类|充分|更大力度"
)
"""Words that begin a demand whatever follows."""
_VERB_PHRASE = re.compile(rf"^(?:同时|并|也)?(?:{_MANNER})*[地]?(?:{_VERBS}|(?<![一-龥])(?:{_EAGER}))")
_LEADING = re.compile(rf"^(?:{_PREPOSITIONS}|{WHEN.pattern})")
_DUTY = re.compile(
    rf"^(?:由)?{ACTOR}(?:[（(][^）)]*[）)])?(?:鼓励|支持|引导|负责|牵头|会同|配合|根据|按照|依据|依法|组织|对|将|可按|在|按|定期|及时|统筹|制定|建立|加强|严格|具体)"
)
_BENEFIT = re.compile(
    "(?:给予|予以|享受|发放|返还|一次性|按[^，]{0,30}的?)[^，]{0,40}?(?:奖励|补助|补贴|资助|扶持|减免|贴息)|(?:奖励|补助|补贴)[^，]{0,12}万元"
)
_PLACING = re.compile("^(?:持续|全面)?[将把][^，]{2,40}(?:纳入|作为|列入|扩大至|扩大到|贯穿|打造|转化|摆在|列为|融入)")
_HOPE = re.compile(r"^(?:希望|让我们|恳请|呼吁)(?:大家|我们|全|各|广大|同志|企业|拿|以|一起|携手|共同)?")
_DONE = re.compile(
    r"[一-龥]了(?!解|然|望)|已经|已(?:完成|建|有|经|成|达|累)|曾|截至|截止目前|近日|近年来|以来|累计|同比|较上年|比上年|圆满|荣获|获评|"
    r"取得了|(?:入选|跻身|荣登)|^(?:现|日前)|"
    r"(?:\d日|会议|会上)[^，]{0,12}(?:召开|听取|传达|举行|审议|研究)|出席|参加(?:会议|活动)|主持|问题是|是指|指的是|适用于|"
    r"自(?:发布|印发|20)[^，]{0,12}(?:施行|执行|实施)|有效期|解释。?$|可以"
)
_PAST_TALK = re.compile(
    r"过去(?:一年|五年|的)|一年来|五年来|回顾|[0-9０-９]年(?:工作|以来)|主要成[绩效]|取得了|我们(?:坚持|始终|深入)[^，。]{0,20}[，。].{0,200}增长"
)
_FUTURE_TALK = re.compile(
    r"下一步|今年(?:工作|重点|是|要|我们)|明年|重点(?:抓好|做好|任务)|主要(?:任务|目标|预期)|工作(?:安排|重点|任务|要求|思路)|要求|强调|提出|"
    r"[，。]要|^要|建议|实施意见|方案|措施|到20\d\d年"
)
_DIAGNOSIS = re.compile(
    r"^(?:这|那|它|他|她|此|当前|目前|实践|历史|只有|如果|虽然|由于|因为|没有|有的|一些|有些|谁|什么|怎么|为什么|能否|是否)"
)
_FRAME = re.compile(
    r"^[^，。；：“”]{0,30}?(?:强调|指出|要求|叮嘱|认为|提出|表示|号召|部署|明确|提到|说|坦言|介绍|透露|《[^》]{1,30}》(?:规定|要求|明确|提出))(?:道)?[，：]|"
    r"^[^，。；：“”要]{0,16}?(?:强调|指出|要求)(?=[^，。]{0,16}要)"
)
_LINK = re.compile(
    r"^(?:[（(][^（）()]*(?:牵头|负责)[）)]|同时|此外|另外|其次|因此|所以|总之|为此|其中|首先|最后|当然|而且|并且|另一方面|一方面|第[一二三四五六七八九十]|其[一二三四五六]|"
    r"与此同时|在此基础上|具体来说|也就是说|下面|会上|一要|换句话说)[，：]"
)
_ENUMERATOR = re.compile(
    r"^(?:\d{1,2}[﹒．]\s*|[一二三四五六七八九十]{1,3}(?:、|是(?=[一-龥，])|(?=要))|[（(][一二三四五六七八九十\d]{1,3}[)）][、．.]?|\d{1,2}[.．、)）]\s*(?!\d)|"
    r"第[一二三四五六七八九十]{1,3}[条章节款]?[，、\s]*|[①-⑳●■◆★▲•·—-]+|[一二三四五六七八九十]+(?=要))\s*"
)
_SENTENCE = re.compile(r"(?:“[^”]{0,60}”|（[^）]{0,80}）|《[^》]{0,60}》|[^。；！？：])+[。；！？：]?")
_TOPIC = re.compile(
    rf"^(?:为|对|对于|针对|围绕|按照|根据|在|从|以|通过|贯彻|面对|作为|凡|因|鉴于|到20|就|依据|依托|除|经|自|把|结合|遵循|{WHEN.pattern})|[的时]$|"
    "作为|^学习|^确需|期间|^如"
)
_NEW_PART = re.compile(
    rf"^(?:[一二三四五六七八九十]+(?:是|要)|(?:又|更|也|还|既|而|并|同时|尤其|特别是|但|而且|切实|坚决|都|就|{ACTOR})*"
    rf"(?:{CUE.pattern}|将(?:对|全力|在|继续|按|予以|依法|会同)))"
)
LONGEST_HEADING = 45


def train(gold: Sequence[Document], folder: Path) -> Annotator:
    """The rules as they are: neither argument changes them."""
    return paragraphwise(find)


def find(texts: Sequence[str]) -> list[Finding]:
    """What the rules say of the paragraphs of one document."""
    findings = []
    for number, text in enumerate(texts):
        labels = find_labels(text, number, len(texts))
        past = _talks_of_the_past(text)
        directives = () if "boilerplate" in labels else tuple(find_directives(text, title=number == 0, past=past))
        slots = [slot for start, end, _ in directives for slot in find_slots(text, start, end)]
        findings.append(Finding(text, labels, directives, tuple(slots)))
    return findings


def _talks_of_the_past(text: str) -> bool:
    """Whether a verb phrase without a subject tells in this paragraph what was done."""
    opening = text[:60]
    return _PAST_TALK.search(opening) is not None and _FUTURE_TALK.search(opening) is None


def find_directives(text: str, *, title: bool = False, past: bool = False) -> Iterator[Span]:
    """The directives of a paragraph; ``title``: it is the document's first, ``past``: it tells what was done."""
    if _is_heading(text) and (title or not CUE.search(text)):
        return
    for match in _SENTENCE.finditer(text):
        start, end = _without_frame(text, *trimmed(text, *match.span()))
        for first, last in _parts(text, start, end):
            first, last = _bounds(text, first, last)
            kind = _kind(text[first:last], past) if last - first > 3 else None
            if kind is not None and not match[0].endswith("？"):
                yield first, last, kind


def _is_heading(text: str) -> bool:
    """A short line without a sentence mark, or one with a number before it and a mark at its end only."""
    if len(text) > LONGEST_HEADING:
        return False
    marks = re.findall("[，。；！？…]", text)
    numbered = _ENUMERATOR.match(text) is not None
    return not marks or (numbered and (marks == ["，"] or (marks == ["。"] and text.endswith("。"))))


def _without_frame(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence without enumerators, reporting frames and linking words at its start."""
    while match := next(filter(None, (p.match(text[start:end]) for p in (_ENUMERATOR, _LINK, _FRAME))), None):
        start, end = trimmed(text, start + match.end(), end)
    return start, end


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentence, split before each clause that brings its own cue after a part that demands something itself."""
    first = start
    for comma in re.finditer("，", text[start:end]):
        at = start + comma.start()
        opened = (
            text.count("“", start, at) - text.count("”", start, at) + text.count("（", start, at) - text.count("）", start, at)
        )
        if opened > 0 or not _NEW_PART.match(text[at + 1 : end]):
            continue
        if _kind(text[first:at], False) is not None:
            yield first, at
            first = at + 1
        elif not _TOPIC.search(text[first:at]):
            first = at + 1
    yield first, end


def _bounds(text: str, start: int, end: int) -> tuple[int, int]:
    """The part without an enumerator, and without a closing quote or bracket whose partner is outside."""
    start, end = _without_frame(text, start, end)
    for opening, closing in ("“”", "（）", "《》"):
        if text[end - 1 : end] == closing and text.count(closing, start, end) > text.count(opening, start, end):
            end -= 1
    return trimmed(text, start, end)


def _kind(part: str, past: bool) -> str | None:
    """The kind of the directive that a part of a sentence is; None if it is none."""
    if _DIAGNOSIS.match(part) or part.endswith(("的", "时", "中", "）牵头")) or re.fullmatch("（.*）", part):
        return None
    cue = CUE.search(part)
    if _PLEDGE.match(part):
        return "pledge"
    if cue is not None and not re.match("只要|如果|就要|正要|快要|需要", part[max(0, cue.start() - 1) :]):
        return "prohibit" if re.fullmatch(FORBID, cue[0]) else "require"
    if _DONE.search(part) or past:
        return None
    if _BENEFIT.search(part):
        return "pledge"
    if any(pattern.match(part) for pattern in (_VERB_PHRASE, _DUTY, _HOPE, _PLACING)):
        return "require"
    clauses = part.split("，")
    opens = _LEADING.match(part) is not None
    follow = any(_VERB_PHRASE.match(clause) or _DUTY.match(clause) for clause in clauses[1:])
    return "require" if follow and (opens or _TOPIC.search(clauses[0])) else None
