"""Small models, gold and sources that the tests make for themselves; no network."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"

from zhengling.extraction.extractor import Extractor
from zhengling.gold.inline import parse_inline
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.encoders import EncoderSettings, new_encoder_config
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.transitions import token_classes
from zhengling.modeling.vocabulary import character_tokenizer, count_characters
from zhengling.scheme.annotation import Document

ROOT = Path(__file__).parent.parent
GOLD = (
    '<p t="none">柳湾镇召开工作例会</p>\n'
    '<p t="safety">会议要求，<d k="require"><agent>各村</agent>要在<time>6月底前</time>查完<target>120处</target>隐患</d>。'
    '<d k="prohibit">不得瞒报漏报</d>；汛期已经到来。</p>\n'
    '<p t="economy livelihood"><d k="pledge"><agent>我们</agent>将启动<programme>“暖心”工程</programme></d>。</p>\n'
    '<p t="boilerplate">来源：柳湾发布</p>\n'
)


@pytest.fixture(scope="session")
def gold() -> Document:
    return parse_inline(GOLD, "gold")


@pytest.fixture(scope="session")
def make_extractor(gold: Document) -> Callable[..., Extractor]:
    """A function that makes an extractor with random weights, the same for the same seed."""

    def make(seed: int = 0, **settings: object) -> Extractor:
        import torch

        torch.manual_seed(seed)
        settings = {"window": 48, "overlap": 8, "thresholds": {"boilerplate": 1.1}, "local_features": 4, **settings}
        tokenizer = character_tokenizer(count_characters([gold.text, "。，、0123456789（）"]), 200)
        shape = EncoderSettings(layers=2, width=8, inner=12, heads=2, local_attention=8)
        config = ZhenglingConfig(encoder=new_encoder_config(shape, tokenizer), **settings)
        model = ZhenglingModel(config)
        for head in (model.directive_head, model.slot_head):  # wide logits, so that random models find spans
            torch.nn.init.normal_(head.classifier.weight, std=2.0)
        model.token_classes.copy_(torch.from_numpy(token_classes(tokenizer, len(model.token_classes))))
        if model.config.local_features:
            torch.nn.init.normal_(model.local_features.table)
        return Extractor(model, tokenizer, name="tiny")

    return make


@pytest.fixture(scope="session")
def extractor(make_extractor: Callable[..., Extractor]) -> Extractor:
    return make_extractor()


@pytest.fixture
def model_folder(extractor: Extractor, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    extractor.model.save_pretrained(folder)
    extractor.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def gold_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four documents that differ in two numbers."""
    folder = tmp_path_factory.mktemp("gold")
    for number in range(24):
        text = GOLD.replace("120", str(100 + number)).replace("6月", f"{1 + number % 12}月")
        (folder / f"d{number:02d}.xml").write_text(text, encoding="utf-8")
    return folder
