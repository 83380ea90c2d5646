"""Peer, the rules for slots: who acts before the cue, times, numbers with a unit, named plans and campaigns."""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmarks.peers_texts import Span

_WHO = (
    "我们|大家|各级各部门|各地区各部门|各[级地]|[一-龥（）]{0,14}?(?:部门|单位|[省市县区州]?(?:人民)?政府|街道(?:办事处)?|[各乡]镇|村(?:委会)?|社区|企业|"
    "干部|党员|同志|机关|组织|党委|党组|党支部|支部|人员|委员会|书记|主任|局长|镇长|县长|市长|负责人|责任人|一把手|机构|公司|学校|医院|"
    "院校|高校|法院|检察院|办公室|领导小组|专班|管委会|协会|商会|教育局|[一-龥]{1,6}[局委办厅部]|甲方|乙方|采购人|经营者|行政主管部门|班子|代表|"
    "委员|群众|各方|园区|银行|中心|平台|[各本]地)"
)
ACTOR = rf"(?:(?:{_WHO})(?:[、和及与]|以及|特别是)?)+"
WHEN = re.compile(
    r"(?:(?:今|明|当|去)年(?!度|轻|来)(?:年?底前?|上半年|下半年|内)?|本[周月年]内?|年[内底](?:前)?|月底前?|全年(?!目标|任务|经济|工作)|下一步|下一阶段|下半年(?!工作)|"
    r"上半年(?!工作)|一?二?三?四?季度(?!工作)|每[一两三半1-9]?个?(?:年|月|周|日|天|季度?|半年|学期)|按[月季年周](?!度)|逐年|逐月|"
    r"(?:到|至|从|自)?20\d\d(?:[-—－至~](?:20)?\d\d)?年(?:年?底|末|初|上半年|下半年)?(?:前|以前|内|起)?(?![度])(?:\d{1,2}月(?:底|末|份|\d{1,2}日)?(?:前|之前|以前)?)?|"
    r"\d{1,2}月(?:底|末|初|中旬|下旬|上旬|\d{1,2}日)(?:前|之前|以前)?|(?:力争)?(?:用)?[一二两三四五六七八九十\d]+(?:[-—－至]\d+)?个?(?:年|月|工作日|季度|天|周|小时)(?:时间)?(?:以?内|左右)|"
    r"(?:“?十[一二三四五]五”?)(?:期间|末)|届时)"
)
_NOUN_END = "局署党委办厅部门府会位关织员者业构心校院区县市镇乡村方组长记导志们家社司行园户民众事中地人"
_BEFORE_CUE = re.compile(
    rf"(?:^|，)(?:同时|因此|希望|让|请|由|但|也|(?:{WHEN.pattern})，?|作为|特别是)*"
    rf"(?P<agent>(?!对|在|按|以|为|从|通过|根据|把|将|于|经|如|若|因|用|使|是|不|坚|推|加)(?:[^，。；：“”的对将把在]|[（(][^）)]*[）)]|(?<=有)关){{1,29}}?[{_NOUN_END}）])"
    r"(?:都|也|还|更|既|就|均|一定|一起|继续|进一步|首先|同样|尤其|在[^，]{0,14}[中时上内])*"
    r"(?:要(?!求)|必须|务必|须|应当|应该|应(?!急|用|对)|不得|不能|决不|绝不|将(?!其)|负责|牵头|会同|严格|根据|按照|依法|依据|对|可|原则上|切实|重点|鼓励|统筹)"
)
_BY = re.compile(
    rf"由(?P<agent>[^，。；：“”的]{{1,40}}?[{_NOUN_END}）])(?:负责|组织|牵头|提出|审[查核批]|选派|承担|优先|任|会同|发起|具体|推举|自行|先|统一|按|予以|给予)"
)
_OF_TIME = re.compile(r"^(?:目标|任务|规划|计划|工作|行动|民生实事|以来|期间的)")
_UNIT = (
    r"(?:个百分点|％|%|(?:万|亿|千|百|万亿)?(?:美元|元|亩|公里|千瓦时|千瓦|平方米|平方公里|吨|人次|人|家|个|项|名|户|所|条|辆|头|张|种|套|处|座|件|"
    r"期|场|批|公顷|立方米|米|万|亿|只|株|支|台|床|位|例|次|倍|标准煤|标箱|车次|班次|分钟|对|片|组|块)(?:/[一-龥]{1,2})?)"
)
_TARGET = re.compile(
    rf"(?:超过?|突破|不低于|不少于|不高于|不超过|≥|≤|低于|高于|至少)?(?<![\d.第])\d+(?:[.,]\d+)*(?:[-—－~]\d+(?:\.\d+)?)?\s?{_UNIT}(?:以上|以内|左右|以下)?"
    r"|(?:全[国省市区县])?前(?:\d+|[一二三五十]+)(?:名|位)?(?=[，。；]|$)|第[一1](?=[，。；]|$)|万亿级(?=[，。；]|$)"
)
_NO_TARGET = re.compile(r"^(?:以上|左右)?(?:级|以上的|元以上|方面|重点|环节|问题|维护|任务|工程|行动|确立|意识|自信|坚持|原则)")
_BENEFIT = re.compile("奖励|补助|补贴|资助|给予|罚款|减免|贴息")
_HEADS = (
    "专项行动|攻坚行动|三年行动|行动计划|行动方案|行动|工程|计划|实施方案|方案|规划|试点项目|试点|示范区|战略|专项整治|活动|政策|机制|品牌|"
    "监管|改革|模式|体系|平台|项目|制度|程序|标准|大会|大赛|通道|清单|经验"
)
_QUOTED = re.compile(rf"“(?P<name>[^“”]{{2,24}})”(?P<after>(?:[一-龥]{{0,10}}?(?:{_HEADS}))?)")
_TITLED = re.compile(r"《(?P<name>[^》]{4,40})》")
_NAMED = re.compile(
    r"(?:实施|开展|推进|启动|落实|制定|组织|推动|执行|编制|深化|参与|抓好|完善|建立|出台|推行|打好|申报|用好|健全|加快|争创|创建|抢抓|谋划)(?:好|一批|新一轮|国家|全省|省级)?"
    r"(?P<name>[^，。；：、“”《》的了等]{3,26}?(?:专项行动|攻坚行动|三年行动|提升行动|行动计划|行动方案|行动|工程|三年计划|提升计划|培育计划|计划|实施方案|规划|试点|战略|专项整治|大赛|负面清单|审查制度|抽查|开放管理办法|(?<!各项)政策|管理机制|示范项目|攻坚战|总体规划))"
    r"(?=[，。；、]|$|建设|等|试点|经验|落实|实施|和)"
)
_FORMULAS = re.compile(
    "两个(?:维护|确立|毫不动摇|健康|结合|务必)|[四4]个(?:意识|自信|全面|服务)|五位一体|三农|一带一路|国之大者|三[会]一课|绿水青山|急难愁盼|最后一公里|一把手|"
    "[三四五六]个[一-龥]{2}|答卷|文章|龙头|牛鼻子|头雁|钉钉子|关键少数|拦路虎|硬骨头|第一|好|新|大|小|四风|不敢|[两三]个?[一-龥]{0,2}问题|四史|八项规定|非农化|非粮化|大棚房"
)
_SLOGAN = re.compile(
    "[，、]|^[绿智]色?[路牌]|未来|[改联]|成网|新|好|卡脖子|越位|缺位|错位|一张|网$|绿色通道|一站式|不[一-龥]|互联网|AI|转|式$|链$"
)
_LAWS = re.compile("法$|条例$|决定$|宪法|党章|讲话|准则$")
_NOT_A_NAME = re.compile("^(?:各项|这些|一系列|相关|有关|重点|重大|一批|具体|年度|全年|各类|上述|该|本|好|工作)")


def find_slots(text: str, start: int, end: int) -> list[Span]:
    """The slots of the directive ``text[start:end]``, in order; where two overlap, the one named first here stays."""
    directive = text[start:end]
    taken: list[Span] = []
    for kind, find in (("programme", _programmes), ("agent", _agents), ("time", _times), ("target", _targets)):
        for first, last in find(directive):
            if all(last <= s - start or first >= e - start for s, e, _ in taken):
                taken.append((start + first, start + last, kind))
    return sorted(taken)


def _agents(directive: str) -> Iterator[tuple[int, int]]:
    match = _BEFORE_CUE.search(directive) or _BY.search(directive)
    if match is not None:
        yield match.span("agent")


def _times(directive: str) -> Iterator[tuple[int, int]]:
    for match in WHEN.finditer(directive):
        if not _OF_TIME.match(directive[match.end() :]):
            yield match.span()


def _targets(directive: str) -> Iterator[tuple[int, int]]:
    benefit = _BENEFIT.search(directive)
    for match in _TARGET.finditer(directive):
        after = directive[match.end() :]
        of_size = match[0].endswith(("以上", "以下", "以内")) and "元" in match[0] and re.match("[一-龥]", after)
        if benefit is None and not of_size and not _NO_TARGET.match(after):
            yield match.span()


def _programmes(directive: str) -> Iterator[tuple[int, int]]:
    for match in _QUOTED.finditer(directive):
        if not _FORMULAS.match(match["name"]) and (match["after"] or not _SLOGAN.search(match["name"])):
            yield match.span()
    for match in _TITLED.finditer(directive):
        if not _LAWS.search(match["name"]):
            yield match.span()
    for match in _NAMED.finditer(directive):
        if not _NOT_A_NAME.match(match["name"]):
            yield match.span("name")
