"""What the place of a punctuation mark says about which one it is: brackets, labels, questions, lists."""

from __future__ import annotations

import re

_MARK = re.compile("[，。、；：！？\n]")
_PARTNERS = (("（", "）"), ("“", "”"), ("《", "》"), ("‘", "’"), ("〔", "〕"), ("【", "】"), ("「", "」"), ("『", "』"))


_LABEL = re.compile(r"\s[^\s，。；：、（）]{2,5}$")
_ADDRESS = re.compile(
    r"(?:^|\n)\s*(?:(?:各|尊敬的)[^\n。；：！？]{1,58}|[^\n。；：！？，]{0,12}(?:同志|代表|委员|朋友|同学|老师|乡亲|战友)们)$"
)
"""A line that names those who are spoken or written to."""
_LEADS_IN = re.compile("(?:如下|以下.{1,6}|附件|分别是|包括|要求是|通知|各位代表|同志们|来源|编辑|记者|单位|日期|时间)$")
_EXCLAIMED = re.compile("奋斗|万岁|胜利召开|圆满成功|谢谢|贡献$|新篇章$|更加.{2,4}$|吧$|啊$|同志们$|大家$")
_ASKED = re.compile("什么|怎么|为何|如何(?!.{6})|哪里|哪些|多少|吗$|呢$|是不是|有没有|能不能|谁来")


def mark_costs(text: str, start: int, end: int) -> dict[str, float]:
    """What the place of a mark between ``text[:start]`` and ``text[end:]`` says against it, in nats.

    A closing bracket wants an open one before it, an opening one its partner behind; ``、`` parts short things.
    """
    before, after = text[max(0, start - 60) : start], text[end : end + 60]
    costs = {"】": 3.0, "〉": 3.0, "』": 3.0}
    at_end = bool(after) and not after[0].strip()
    for opening, closing in _PARTNERS:
        is_open = before.rfind(opening) > before.rfind(closing)
        costs[closing] = costs.get(closing, 0.0) + ((-6.0 if at_end else -2.0) if is_open else 6.0)
        found = after.find(closing)
        if after and (found < 0 or 0 <= after.find(opening) < found):
            costs[opening] = 6.0
    parts = _MARK.split(before)
    following = _MARK.search(after)
    length = max(len(parts[-1]), following.start() if following else len(after))
    costs["、"] = min(5.0, max(0.0, (length - 6) * 0.4)) if after else 0.0
    costs["。"] = 2.0 if len(parts[-1]) < 4 else 0.0
    if (after[:1].isdigit() and _LABEL.search("\n" + before if start < 60 else before)) or _LEADS_IN.search(before):
        costs["："] = -6.0
    if at_end and _ADDRESS.search("\n" + before if start < 60 else before):
        costs["："] = -8.0
    elif _EXCLAIMED.search(parts[-1]):
        costs["！"] = -4.0
    if _ASKED.search(parts[-1]):
        costs["？"] = -5.0
    return costs
