"""Peer, the rules for themes: keywords of each, counted per paragraph; boilerplate as our reader knows it."""

from __future__ import annotations

import re

from zhengling.text.boilerplate import is_boilerplate

KEYWORDS = {
    "economy": (
        "经济|产业|投资|项目|企业|营商|消费|贸易|外贸|金融|财政|税收|创新|科技|研发|人才|数字|城市更新|城镇化|农业|粮食|种业|制造|工业|市场|招商|"
        "园区|开放|口岸|物流|旅游|资本|融资|贷款|基金|增长|增速|产值|GDP|生产总值|品牌|专利|知识产权|乡村振兴|高质量发展|新质生产力|能源|国企|国资|"
        "民营|算力|电商|集群|采购|招标|供应链|产业链|示范区|信用|经济体制|改革|基础设施"
    ),
    "safety": (
        "安全生产|消防|燃气|交通安全|食品安全|药品安全|防汛|抗旱|台风|洪|灾|应急|疫情|防控|治安|稳定|信访|矛盾|纠纷|国家安全|国防|征兵|隐患|事故|"
        "值守|排查|平安|扫黑|诈骗|犯罪|风险|维稳|反恐|火灾|防火|救援|安全"
    ),
    "party": (
        "习近平|党的|党建|党员|党组织|党委|党支部|党性|两个确立|两个维护|四个意识|四个自信|主题教育|全面从严|从严治党|干部|纪律|作风|腐败|廉政|廉洁|清廉|"
        "巡视|巡察|意识形态|宣传思想|政治|忠诚|纪检|监察|理论学习|初心|使命|形式主义|官僚主义|四风|二十大|二十届|全会精神|讲话精神|中国特色社会主义|"
        "基层组织|统战|主体责任|理想信念"
    ),
    "livelihood": (
        "就业|(?:义务|学前|职业|高等|特殊)教育|教育(?:资源|公平|教学|事业)|学校|学生|医疗|卫生|健康|养老|老年|托育|儿童|住房|社保|社会保障|医保|救助|低保|脱贫|扶贫|返贫|共同富裕|公共服务|社区|居民|"
        "民生|群众|残疾|妇女|保障房|棚户|老旧小区|幼儿|义务教育|医院|收入|困难|帮扶|文化惠民|供水|厕所|人居环境|增收|富民"
    ),
}
FROM = {"economy": 0.75, "safety": 2.0, "party": 1.0, "livelihood": 0.75}
"""Keywords per so many characters (see :data:`LENGTH`) from which on a theme holds."""
LENGTH = 60
"""A paragraph shorter than this counts as one of this many characters; the weight of a keyword falls with the root."""
_PATTERNS = {theme: re.compile(words) for theme, words in KEYWORDS.items()}


def find_labels(text: str, number: int, paragraphs: int) -> tuple[str, ...]:
    """The themes of the paragraph with this number, or ``boilerplate``."""
    if is_boilerplate(text) and (number < 4 or number >= paragraphs - 8):
        return ("boilerplate",)
    weight = (LENGTH / max(LENGTH, len(text))) ** 0.5
    return tuple(theme for theme, words in _PATTERNS.items() if weight * len(words.findall(text)) >= FROM[theme])
