"""The model card of a repository: how to load it, its figures as ``model-index`` and as a table, how it was made."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from zhengling.version import VERSION

TAGS = ("zhengling", "custom_code", "token-classification", "text-classification", "government")
_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_LOADING = """## Loading

```python
import zhengling  # the package: the fastest way, no code of this repository is run

record = zhengling.load("{name}")("会议要求，各村要于6月底前完成整改，不得瞒报。")
```

```python
from transformers import AutoModel, pipeline  # runs the Python files of this repository: read them first, pin a revision

extract = pipeline("directive-extraction", model="{name}", trust_remote_code=True)
record = extract("会议要求，各村要于6月底前完成整改，不得瞒报。")
model = AutoModel.from_pretrained("{name}", trust_remote_code=True)
```

A record is a dictionary: `paragraphs` with `themes` and `scores`, `directives` with `kind`, `start`, `end`, `text` and `slots`.
Offsets are half-open, in code points of the text as given. The remote code needs `torch`, `transformers` and `numpy`; with
`opencc` it reads traditional characters as well. The files `zhengling_*.py` are the package's own modules, version {version}.
"""
_PLAIN = """## Without remote code

`directives/`, `slots/` and `themes/` hold stock models that learnt from this model's answers. They read one paragraph of clean
text at a time, and come near the model without equalling it.

```python
from transformers import pipeline

tags = pipeline("token-classification", "{name}", model_kwargs={{"subfolder": "directives"}}, aggregation_strategy="simple")
themes = pipeline("text-classification", "{name}", model_kwargs={{"subfolder": "themes"}}, top_k=None)
```

A theme holds from 0.5 on. Tags are BIO over {directives}, and over {slots}; beside the themes there is `boilerplate`.
"""


def write_card(source: Path, folder: Path, name: str, config: dict[str, Any], agreement: dict[str, Any] | None) -> None:
    """Write ``README.md`` into ``folder``; a card that lies in ``source`` is kept, figures come from ``metrics.json``."""
    metadata, own = _own_card(source / "README.md")
    metrics = _metrics(source, config)
    if metrics:
        metadata["model-index"] = [{"name": name, "results": [_result(metrics)]}]
    for entry in metadata.get("model-index", []):
        entry["name"] = name
    tags = list(dict.fromkeys([*metadata.get("tags", []), *TAGS]))
    metadata.update(language="zh", library_name="transformers", pipeline_tag="token-classification", tags=tags)
    parts = [
        f"---\n{yaml.safe_dump(metadata, allow_unicode=True, sort_keys=False)}---\n",
        f"# {name}\n",
        f"Reads Chinese official texts: who is told to do what ({', '.join(config['directives'])}), with its slots "
        f"({', '.join(config['slots'])}), and what each paragraph is about ({', '.join(config['themes'])}).\n",
        _LOADING.format(name=name, version=VERSION),
        *(_plain(name, config, agreement) if agreement else []),
        *([own] if own else _made(metrics, config)),
    ]
    (folder / "README.md").write_text("\n".join(parts), encoding="utf-8")


def _own_card(path: Path) -> tuple[dict[str, Any], str]:
    """The metadata and the text of a model's own card, its title one level down; nothing if there is none."""
    if not path.exists():
        return {}, ""
    text = path.read_text(encoding="utf-8")
    front = _FRONT.match(text)
    body = text[front.end() :] if front else text
    return (yaml.safe_load(front[1]) if front else {}), re.sub(r"^#", "##", body.strip(), flags=re.MULTILINE) + "\n"


def _metrics(source: Path, config: dict[str, Any]) -> dict[str, Any] | None:
    """What the training wrote beside the model, if it is about this model."""
    for path in (source / "metrics.json", source.parent / "metrics.json"):
        if path.exists():
            metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if metrics.get("provenance") == config.get("provenance"):
                return metrics
    return None


def _result(metrics: dict[str, Any]) -> dict[str, Any]:
    signature = metrics["signature"]
    return {
        "task": {"type": "token-classification", "name": "directives, slots and themes"},
        "dataset": {"type": "private", "name": f"{signature['documents']} development documents ({signature['data']})"},
        "metrics": [
            {"type": "accuracy" if name == "kind accuracy" else "f1", "name": name, "value": round(figure["value"], 4)}
            for name, figure in metrics["figures"].items()
        ],
    }


def _made(metrics: dict[str, Any] | None, config: dict[str, Any]) -> list[str]:
    parts = []
    if metrics:
        lines = [
            f"| {name} | {100 * f['value']:.1f} ({100 * f['low']:.1f}–{100 * f['high']:.1f}) |"
            for name, f in metrics["figures"].items()
        ]
        documents = metrics["signature"]["documents"]
        parts = [
            f"## Scores\n\nIn percent, with 95 % bootstrap intervals, on the {documents} development documents by which it "
            "was chosen and calibrated.\n",
            "| figure | score |\n|---|---|\n" + "\n".join(lines) + "\n",
        ]
    provenance = json.dumps(config.get("provenance", {}), ensure_ascii=False, indent=1)
    return [*parts, f"## How it was made\n\n```json\n{provenance}\n```\n"]


def _plain(name: str, config: dict[str, Any], agreement: dict[str, Any]) -> list[str]:
    labels = {layer: ", ".join(f"`{label}`" for label in config[layer]) for layer in ("directives", "slots")}
    return [_PLAIN.format(name=name, **labels), _agreement_table(agreement)]


def _agreement_table(agreement: dict[str, Any]) -> str:
    learnt = agreement["learnt_from"]
    told = f"They learnt from {learnt['paragraphs']:,} paragraphs ({learnt['tokens']:,} tokens). "
    if "plain_against_model" not in agreement:
        return told + "How far they agree with the model was not measured.\n"
    columns = ("plain_against_model", "plain_against_gold", "model_against_gold")
    figures = [agreement[column]["figures"] for column in columns]
    rows = [
        f"| {name} | " + " | ".join(f"{100 * column[name]['value']:.1f}" for column in figures) + " |" for name in figures[0]
    ]
    documents = agreement[columns[0]]["signature"]["documents"]
    head = ["| figure | stock against model | stock against gold | model against gold |", "|---|---|---|---|"]
    told += f"F1 in percent on {documents} annotated documents, cleaned and cut into paragraphs by the package:\n\n"
    return told + "\n".join([*head, *rows]) + "\n"
