"""A base shaped like hfl/chinese-roberta-wwm-ext (BERT, word pieces, ``.bin`` with a language-model head) trains and infers."""

from __future__ import annotations

from pathlib import Path

import torch
from conftest import GOLD, ROOT
from test_extraction import check_offsets
from transformers import BertConfig, BertForMaskedLM

import zhengling
from zhengling.gold.inline import parse_inline
from zhengling.settings import load_settings
from zhengling.training.loop import train
from zhengling.training.settings import TrainSettings


def make_bert(folder: Path, text: str) -> Path:
    """The files of the hub's: ``config.json``, ``pytorch_model.bin`` (``bert.`` and ``cls.`` keys), ``vocab.txt``."""
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(text.replace("\n", ""))), "12", "##0", "##月"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=128,
    )
    model = BertForMaskedLM(shape)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    shape.architectures = ["BertForMaskedLM"]
    shape.save_pretrained(folder)
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
