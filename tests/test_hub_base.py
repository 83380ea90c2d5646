"""A base shaped as hfl/chinese-roberta-wwm-ext (BERT, word pieces, ``.bin`` with a language-model head) trains and infers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from conftest import GOLD, ROOT
from hub_client import run_client
from hub_server import serve
from test_extraction import check_offsets
from transformers import BertConfig, BertForMaskedLM

import zhengling
from zhengling.gold.inline import parse_inline
from zhengling.modeling.encoders import EncoderSettings, load_encoder
from zhengling.settings import load_settings
from zhengling.training.loop import train
from zhengling.training.settings import TrainSettings

HFL_WORDS = 21_128
TRAIN = """
import logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
from pathlib import Path
import zhengling
from zhengling.settings import load_settings
from zhengling.training.loop import train
from zhengling.training.settings import TrainSettings
train(load_settings(TrainSettings, Path(ARGUMENTS["config"]), ARGUMENTS["overrides"]))
extractor = zhengling.load(Path(ARGUMENTS["output"]) / "model", precision="fp32")
record = extractor(ARGUMENTS["text"])
print(json.dumps({"encoder": type(extractor.model.encoder).__name__, "spans": [d.text for d in record.directives]}))
"""


def make_bert(folder: Path, text: str, *, words: int = 0, width: int = 16) -> Path:
    """The files of the hub's: ``config.json``, ``pytorch_model.bin`` (``bert.`` and ``cls.`` keys), ``vocab.txt``, settings.

    ``words``: the vocabulary is filled up to so many. As in bases of its age, the norms have ``gamma`` and ``beta``.
    """
    folder.mkdir()
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(text.replace("\n", ""))), "12", "##0", "##月"]
    known += [f"##{number:x}unused" for number in range(words - len(known))]
    (folder / "vocab.txt").write_text("\n".join(known) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    (folder / "added_tokens.json").write_text("{}")
    special = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=len(known),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=128,
    )
    weights = BertForMaskedLM(shape).state_dict()
    old = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): weights[key]
        for key in weights
    }
    torch.save(old, folder / "pytorch_model.bin")
    config = {key: value for key, value in shape.to_diff_dict().items() if key != "transformers_version"}
    config |= {"architectures": ["BertForMaskedLM"], "model_type": "bert", "directionality": "bidi"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_a_bert_of_the_hub_trains_and_infers(tmp_path: Path) -> None:
    source = parse_inline(GOLD, "x").text
    base = make_bert(tmp_path / "bert", source)
    (tmp_path / "g.xml").write_text(GOLD, encoding="utf-8")
    gold = f"[{tmp_path / 'g.xml'}]"
    overrides = [f"encoder.base={base}", f"data.train={gold}", f"data.dev={gold}", f"output={tmp_path / 'run'}"]
    train(load_settings(TrainSettings, ROOT / "configs" / "smoke.yaml", overrides))
    extractor = zhengling.load(tmp_path / "run" / "model", precision="fp32")
    assert type(extractor.model.encoder).__name__ == "BertModel"
    check_offsets(extractor(source), source)
    check_offsets(extractor("會議要求 GDP12月120.5%\n" + source * 9), "會議要求 GDP12月120.5%\n" + source * 9)


def test_the_old_names_of_norms_are_read(tmp_path: Path) -> None:
    base = make_bert(tmp_path / "bert", "各村要查完隐患。")
    weights = torch.load(base / "pytorch_model.bin", weights_only=True)
    weights = {key: value + 0.5 if key.endswith((".gamma", ".beta")) else value for key, value in weights.items()}
    torch.save(weights, base / "pytorch_model.bin")
    encoder, _ = load_encoder(EncoderSettings(base=str(base)))
    norm = encoder.state_dict()["encoder.layer.1.output.LayerNorm.weight"]
    assert torch.equal(norm, weights["bert.encoder.layer.1.output.LayerNorm.gamma"]) and float(norm[0]) == 1.5


def test_a_base_trains_by_its_hub_name_after_a_broken_download(tmp_path: Path) -> None:
    """13 MB of weights: the client goes on where the download broke off, and says what it leaves behind in one line."""
    source = parse_inline(GOLD, "x").text
    base = make_bert(tmp_path / "bert", source, words=HFL_WORDS, width=128)
    (tmp_path / "g.xml").write_text(GOLD, encoding="utf-8")
    settings = {"encoder.base": "hfl/small", "data.train": f"[{tmp_path / 'g.xml'}]", "data.dev": f"[{tmp_path / 'g.xml'}]"}
    settings |= {"output": str(tmp_path / "run"), "optim.epochs": "1"}
    arguments = {
        "config": str(ROOT / "configs" / "smoke.yaml"),
        "overrides": [f"{key}={value}" for key, value in settings.items()],
        "output": settings["output"],
        "text": source,
    }
    with serve() as hub:
        hub.add("hfl/small", {path.name: path.read_bytes() for path in base.iterdir()})
        hub.cut_after = 10_600_000
        answer = run_client(TRAIN, tmp_path, hub=hub, arguments=arguments)
    assert answer.value["encoder"] == "BertModel"
    weights = [request for request in hub.requests if request.startswith("GET /cdn/")]
    assert len(weights) == 2 and weights[1].endswith("[bytes=10485760-]")
    told = re.compile("hfl/small|[Ww]arning|[Cc]onversion|not initialized")
    lines = [line for line in re.split(r"[\r\n]+", answer.stderr) if told.search(line)]
    assert lines == [
        "encoder hfl/small: its cls weights (another task's head) are not used; "
        "the heads for directives, slots and themes are new and learn from the gold"
    ]
    assert not [request for request in hub.requests if "/discussions" in request or "convert" in request]
