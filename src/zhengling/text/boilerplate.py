"""What a site adds to a document: source and editor lines, navigation, sharing buttons, host and licence lines."""

from __future__ import annotations

import re

LONGEST = 120
"""A line of more characters than this is no boilerplate."""
_ROLES = (
    "(?:信息|文章|稿件|新闻)?来源|来自|稿源|(?:责任|文字|新闻|新媒体|值班|本文|美术)?编辑|责编|美编|编审|编发|作者|记者|通讯员|信息员|采写|"
    "摄影|文图|图片|供稿|撰稿|投稿|录入|上传|整理|校对|审核|审稿|审读|审签|复审|终审|初审|监制|翻译|排版|经办|"
    "[一二三]审(?:[一二三]校)?|发布(?:时间|日期|机构|单位|人|于)?|发表时间|更新(?:时间|日期)?|最后更新|时间|日期|成文日期|生成日期|录入日期|"
    "编辑时间|上传时间|来稿日期|浏览(?:次数|量)?|阅读(?:次数|量)?|访问次数|点击(?:数|量)?|阅览|人气|字号|字体(?:大小)?|浏览字体|索引号|"
    "公开(?:方式|日期)|文件编号|栏目|原标题|嘉宾|访谈节目|主办(?:单位)?|承办(?:单位)?|主管(?:单位)?|协办|技术(?:支持|维护)|"
    "版权所有|备案(?:号|编号)?|网站(?:支持|标识码)|地址|邮编|电话|电子邮箱|投稿邮箱|友情链接|附件下载"
)
_ROLE = re.compile(rf"(?:^|[\s（(|【，,。/])(?:{_ROLES})\s*[:：]")
_STRONG = re.compile(
    r"ICP备|公网安备|公安部?备案|网站标识码|网安备|版权所有|版权声明|免责声明|本站声明|转载请?注明|不得转载|请勿转载|[上下]一[篇条]|"
    r"分享[到至]|扫一扫|扫码|打印本页|关闭窗口|返回(?:顶部|列表)|我要纠错|网站地图|联系我们|相关(?:阅读|链接|推荐|新闻)|下面是小编|"
    r"小编(?:为|整理)|(?:当前|所在的?|您的)位置|【(?:打印|关闭|收藏|字[号体]|下载|推荐|纠错)|关注.{0,12}公众号|"
    r"(?:大\s+中\s+小)|字号 ?A|分辨率浏览|投稿邮箱|手机看新闻|编者注|本文系原创|以上就是|更多范文|^!\[|"
    r"网站?首页|^首页|供稿[）)]$|新闻(?:网|中心)[^，。]{0,8}记者|点赞|分享\s+收藏|^（(?:记者|编辑)\s|^责编\s"
)
_TRAIL = re.compile(r"^[^。！？，]{2,40}?\s?(?:>{1,2}|→|»|/|—|-|\|)\s?[^。！？，]{2,60}$")
_TRAIL_STEP = re.compile(r"\s(?:>{1,2}|→|»|/|-|—|\|)\s")
_DATE = re.compile(r"\d{4}\s?[-/年.]\s?\d{1,2}\s?[-/月.]\s?\d{1,2}日?(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?")
_BYLINE = re.compile(r"(?:日报|晚报|新闻网|发布|融媒|通讯|[报讯]|办公室|县委办|党建|要闻|供稿|记者|原创)")
_SENTENCE = re.compile(r"[。！？]|，.*，|(?:各位|同志们)")


def is_boilerplate(line: str) -> bool:
    """Whether a line, clean or not, looks like something that the site added; a rule, cheap and without context."""
    line = line.strip()
    if not line or len(line) > LONGEST:
        return False
    if _STRONG.search(line):
        return len(line) <= 60 or not re.search(r"。.*。", line)
    if re.fullmatch(r"[-—=*_·\s|]{3,}", line):
        return True
    if _SENTENCE.search(line):
        return False
    if _ROLE.search(" " + line) and not re.search(r"[:：]\s*$", line):
        return True
    if _TRAIL_STEP.search(line) and _TRAIL.match(line):
        return True
    return bool(_DATE.search(line) and len(line) <= 40 and _BYLINE.search(_DATE.sub("", line)) and "印发" not in line)
