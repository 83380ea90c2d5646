"""The page's style sheet; kinds differ by colour and by line, so that they do in grey print too."""

from __future__ import annotations

from collections.abc import Iterator

from zhengling.page.labels import Labels

_LINES = (
    ("solid", "#1d5fc4", "#7db0ff"),
    ("double", "#c3222b", "#ff8a86"),
    ("dashed", "#14803c", "#63d089"),
    ("dotted", "#7a3fb5", "#c9a2f5"),
    ("wavy", "#a85b00", "#f0ae5a"),
)
"""Line and its colour, on light and on dark, of the first kinds of directive; then they come round again."""
_TINTS = (
    ("#ffe2a8", "#5c4408"),
    ("#dcd6ff", "#413a80"),
    ("#ffd0dd", "#70283f"),
    ("#c6eee6", "#0f5349"),
    ("#e3e8b4", "#4a4f14"),
    ("#cfe4fb", "#1c4669"),
)
"""Background of the first kinds of slot, on light and on dark."""
_EDGES = (
    ("#b27a00", "#e0b04a"),
    ("#74459e", "#c3a0e6"),
    ("#b3173f", "#ff7f9d"),
    ("#1c8048", "#64cf92"),
    ("#2765b0", "#82b4f5"),
    ("#c4471b", "#ff9468"),
)
"""Edge of the first themes, on light and on dark."""

_SHEET = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1e21; --soft: #62676f; --faint: #737881; --rule: #dcdfe4;
  --panel: #f5f6f8; --alarm: #b3141d; --link: #1d5fc4; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181c; --ink: #e4e6ea; --soft: #a4aab4; --faint: #8b919b;
  --rule: #363a42; --panel: #1f2228; --alarm: #ff8a86; --link: #8ab8ff; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; }
body { display: flex; flex-direction: column; max-width: 62rem; margin: 0 auto; padding: 0 1.25rem 4rem;
  background: var(--paper); color: var(--ink); line-height: 1.9; overflow-wrap: anywhere;
  font-family: "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC",
    "Source Han Sans SC", "WenQuanYi Micro Hei", sans-serif; }
a { color: var(--link); text-decoration: none; }
a:hover, a:focus-visible { text-decoration: underline; }
h1 { font-size: 1.5rem; margin: 1.5rem 0 .5rem; }
h2 { font-size: 1.15rem; margin: 0; line-height: 1.5; }
.top { order: -3; }
.legend { order: -2; display: flex; flex-wrap: wrap; gap: .25rem 1.75rem; padding: .5rem 0; font-size: .875rem;
  background: var(--paper); border-bottom: 1px solid var(--rule); }
.legend fieldset { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .9rem; border: 0; margin: 0;
  padding: 0; min-width: 0; }
.legend legend { float: left; padding: 0; color: var(--soft); }
.legend label { white-space: nowrap; cursor: pointer; }
.legend input { margin: 0 .3em 0 0; vertical-align: -.1em; accent-color: var(--soft); }
.summary { order: -1; overflow-x: auto; margin: 1rem 0; }
.summary table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
.summary caption { text-align: left; color: var(--soft); }
.summary th, .summary td { padding: .15rem .5rem; text-align: right; font-weight: normal; white-space: nowrap;
  border-bottom: 1px solid var(--rule); }
.summary thead th, .summary tfoot { color: var(--soft); }
.summary thead tr:first-child > * { border: 0; text-align: center; }
.summary thead tr:first-child th { border-bottom: 1px solid var(--rule); border-left: .75rem solid var(--paper); }
.summary .name { text-align: left; white-space: normal; min-width: 9rem; width: 40%; }
.summary .number { color: var(--faint); padding-left: 0; }
.summary td.error { text-align: left; }
.document { margin-top: 2.5rem; border-top: 2px solid var(--ink); padding-top: .75rem; }
.facts, .origin, .note { margin: 0; font-size: .875rem; color: var(--soft); }
.origin { color: var(--faint); font-size: .8125rem; }
.origin a { margin-left: 1em; }
.error { color: var(--alarm); }
p.error { margin: .25rem 0; padding: .35rem .75rem; border-left: 4px solid; background: var(--panel); }
.source { margin-top: 1rem; }
.row { display: grid; grid-template-columns: 4.75rem minmax(0, 1fr); gap: 0 1rem; }
.margin { display: flex; flex-direction: column; align-items: flex-end; gap: .2rem; padding-top: .35rem;
  font-size: .75rem; line-height: 1.5; user-select: none; border-right: 1px solid var(--rule); padding-right: .6rem;
  cursor: default; }
.theme { border-left: 4px solid var(--rule); padding: 0 .4em; background: var(--panel); white-space: nowrap; }
.text, .gap, .between { margin: 0; white-space: pre-wrap; unicode-bidi: isolate; }
.gap { font-size: .5rem; line-height: 1; border-right: 1px solid var(--rule); width: 4.75rem; }
.between { margin-left: 5.75rem; color: var(--faint); }
.boilerplate, .boilerplate .theme { color: var(--faint); }
mark { background: none; color: inherit; }
.directive { text-decoration: underline 2px solid var(--soft); text-underline-offset: .34em;
  text-decoration-skip-ink: none; }
.slot { background: var(--rule); border-radius: .2em; padding: .1em 0; -webkit-box-decoration-break: clone;
  box-decoration-break: clone; }
@media (min-width: 60rem) and (min-height: 30rem) { .legend { position: sticky; top: 0; z-index: 1; } }
@media (max-width: 40rem) {
  body { padding: 0 .9rem 3rem; }
  .row { display: block; }
  .margin { flex-direction: row; justify-content: flex-start; border: 0; padding: .35rem 0 .1rem; }
  .margin:empty { display: none; }
  .gap { border: 0; }
  .between { margin-left: 0; }
  .summary th, .summary td { padding: .15rem .3rem; line-height: 1.5; }
  .summary .name { min-width: 7.5rem; }
}
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #333; --faint: #777; --rule: #ccc; --panel: #f3f3f3; }
  body { max-width: none; font-size: 10pt; padding: 0; line-height: 1.8; }
  .legend input, .origin a, .legend label:has([type=radio]):not(:has(.theme)) { display: none; }
  .slot, .theme { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .source .slot::after { content: attr(data-name); font-size: .6em; vertical-align: super; margin-left: .1em;
    white-space: nowrap; }
  .document > header { break-after: avoid; }
  .row { break-inside: auto; orphans: 2; widows: 2; }
}
body:has(#show-boilerplate:not(:checked)) .row.boilerplate { display: none; }
body:has(#only-directives:checked) .row:not(:has(.directive)) { display: none; }
body:has([name="shown"]:checked):not(:has(#all:checked)) .gap { display: none; }
body:has([name="shown"]:checked):not(:has(#all:checked)) .row { margin-top: .5rem; }
"""


def style_sheet(labels: Labels) -> str:
    """The whole sheet, with the rules of the page's labels."""
    rules = (*_directive_rules(labels), *_slot_rules(labels), *_theme_rules(labels))
    return _SHEET.lstrip() + "".join(rules)


def _on_dark(rule: str) -> str:
    return f"@media screen and (prefers-color-scheme: dark) {{ {rule} }}\n"


def _directive_rules(labels: Labels) -> Iterator[str]:
    for place, label in enumerate(labels.directives.labels):
        style = labels.directives.style(label)
        line, light, dark = _LINES[place % len(_LINES)]
        yield f".directive.{style} {{ text-decoration-style: {line}; text-decoration-color: {light}; }}\n"
        yield _on_dark(f".directive.{style} {{ text-decoration-color: {dark}; }}")
        hidden = f"body:has(#show-{style}:not(:checked)) .source .{style}"
        yield f"{hidden} {{ text-decoration: none; }}\n{hidden} .slot {{ background: none; }}\n"
        yield f"body:has(#only-{style}:checked) .row:not(:has(.{style})) {{ display: none; }}\n"


def _slot_rules(labels: Labels) -> Iterator[str]:
    for place, label in enumerate(labels.slots.labels):
        style = labels.slots.style(label)
        light, dark = _TINTS[place % len(_TINTS)]
        yield f".slot.{style} {{ background: {light}; }}\n"
        yield _on_dark(f".slot.{style} {{ background: {dark}; }}")
        yield f"body:has(#show-{style}:not(:checked)) .source .{style} {{ background: none; }}\n"


def _theme_rules(labels: Labels) -> Iterator[str]:
    for place, label in enumerate(labels.themes.labels):
        style = labels.themes.style(label)
        light, dark = _EDGES[place % len(_EDGES)]
        yield f".theme.{style} {{ border-left-color: {light}; }}\n"
        yield _on_dark(f".theme.{style} {{ border-left-color: {dark}; }}")
        yield f"body:has(#only-{style}:checked) .row:not(.{style}) {{ display: none; }}\n"
