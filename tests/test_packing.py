"""Packed windows: the encoder says of each token what it says of it in a padded batch."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from conftest import ROOT
from transformers import (
    BertConfig,
    BertModel,
    ElectraConfig,
    ElectraModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedModel,
)

from zhengling.extraction.engine import Engine
from zhengling.extraction.loading import load
from zhengling.files.sources import SourceDocument
from zhengling.modeling.batches import Row, collate
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.inference import for_inference
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.packing import ATTENTION, PackedModel, Packing, can_pack

LENGTHS = [190, 2, 33, 64, 17]
CPU = torch.device("cpu")
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def bert(width: int = 32) -> PreTrainedModel:
    config = BertConfig(
        vocab_size=60,
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        initializer_range=0.3,
    )
    return BertModel(config)


def modernbert(width: int = 32) -> PreTrainedModel:
    config = ModernBertConfig(
        vocab_size=60, hidden_size=width, num_hidden_layers=3, num_attention_heads=2, intermediate_size=48, pad_token_id=0,
        cls_token_id=1, bos_token_id=1, sep_token_id=2, eos_token_id=2, local_attention=8, initializer_range=0.3,
        layer_types=["full_attention", "sliding_attention", "sliding_attention"],
    )  # fmt: skip
    return ModernBertModel(config)


def model_of(make: Callable[..., PreTrainedModel], width: int = 32) -> ZhenglingModel:
    torch.manual_seed(0)
    encoder = make(width)
    return ZhenglingModel(ZhenglingConfig(encoder=encoder.config, window=192, local_features=4), encoder).eval()


def rows() -> list[Row]:
    generator = np.random.default_rng(1)
    ids = [generator.integers(3, 60, length) for length in LENGTHS]
    return [(row, np.minimum(np.arange(len(row)) // 40, 3) - (np.arange(len(row)) == 0)) for row in ids]


def packed(model: ZhenglingModel) -> PackedModel:
    return PackedModel(copy.deepcopy(model))


@pytest.mark.parametrize("make", [bert, modernbert])
def test_hidden_states_are_those_of_the_padded_batch(make: Callable[..., PreTrainedModel]) -> None:
    model = model_of(make)
    batch = collate(rows(), 0)
    real = batch.attention_mask > 0
    packing = Packing.of(LENGTHS, max(LENGTHS), CPU)
    with torch.inference_mode():
        wanted = model.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
        found = packed(model).encoded(batch.input_ids, packing)
        alone = model.encoder(input_ids=batch.input_ids[1:2, :2]).last_hidden_state
    assert wanted[real].std() > 0.5
    assert torch.allclose(found[real], wanted[real], atol=1e-4)
    assert torch.allclose(found[1, :2], alone[0], atol=1e-4)
    assert not found[~real].any()


@pytest.mark.parametrize("make", [bert, modernbert])
def test_the_heads_say_the_same(make: Callable[..., PreTrainedModel]) -> None:
    model = model_of(make)
    batch = collate(rows(), 0)
    given = batch.input_ids, batch.attention_mask, batch.pieces
    with torch.inference_mode():
        wanted = model(*given, piece_count=batch.piece_count)
        found = packed(model)(*given, piece_count=batch.piece_count, lengths=LENGTHS)
    real = batch.attention_mask > 0
    for name in ("directives", "slots"):
        assert torch.allclose(found[name][real], wanted[name][real], atol=1e-4)
    with_tokens = (batch.pieces.unsqueeze(1) == torch.arange(batch.piece_count).view(1, -1, 1)).any(-1)
    assert torch.allclose(found.themes[with_tokens], wanted.themes[with_tokens], atol=1e-4)


@pytest.mark.parametrize("make", [bert, modernbert])
def test_an_encoder_in_bf16_says_nearly_the_same_and_leaves_the_original(make: Callable[..., PreTrainedModel]) -> None:
    model = model_of(make, 128)
    batch = collate(rows(), 0)
    real = batch.attention_mask > 0
    shared = {id(parameter): parameter for parameter in model.parameters()}
    fast = PackedModel(copy.deepcopy(model, shared), torch.bfloat16)
    assert {parameter.dtype for parameter in fast.model.encoder.parameters()} == {torch.bfloat16}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        found = fast.encoded(batch.input_ids, Packing.of(LENGTHS, max(LENGTHS), CPU))
        autocast = packed(model).encoded(batch.input_ids, Packing.of(LENGTHS, max(LENGTHS), CPU))
    with torch.inference_mode():
        wanted = model.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
    assert found.dtype == torch.bfloat16
    off, off_autocast = ((each.float() - wanted)[real].norm() / wanted[real].norm() for each in (found, autocast))
    assert 0 < off < 2 * off_autocast < 0.2


@pytest.mark.parametrize("make", [bert, modernbert])
def test_the_heads_take_an_encoder_in_bf16(make: Callable[..., PreTrainedModel]) -> None:
    model = model_of(make, 128)
    batch = collate(rows(), 0)
    given = batch.input_ids, batch.attention_mask, batch.pieces
    fast = PackedModel(copy.deepcopy(model), torch.bfloat16)
    with torch.inference_mode():
        wanted = model(*given, piece_count=batch.piece_count)
        with torch.autocast("cpu", torch.bfloat16):
            found = fast(*given, piece_count=batch.piece_count, lengths=LENGTHS)
    real = batch.attention_mask > 0
    for name in ("directives", "slots"):
        assert (found[name].argmax(-1) == wanted[name].argmax(-1))[real].float().mean() > 0.93


def test_a_packing_says_where_each_token_is() -> None:
    packing = Packing.of([3, 1, 2], 4, CPU)
    assert packing.places.tolist() == [0, 1, 2, 4, 8, 9]
    assert packing.positions.tolist() == [[0, 1, 2, 0, 0, 1]]
    assert packing.bounds.tolist() == [0, 3, 4, 6] and packing.bounds.dtype == torch.int32
    assert packing.longest == 3


@pytest.fixture
def as_if_there_were_a_gpu(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    monkeypatch.setattr(torch.backends.cuda, "is_flash_attention_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (9, 0))
    return torch.device("cuda")


def test_the_original_keeps_its_attention(as_if_there_were_a_gpu: torch.device) -> None:
    model = model_of(modernbert)
    before = model.encoder.config._attn_implementation
    fast = for_inference(model, as_if_there_were_a_gpu, "bf16")
    assert isinstance(fast, PackedModel)
    assert fast.model.encoder.config._attn_implementation == ATTENTION != before == model.encoder.config._attn_implementation
    assert not isinstance(for_inference(model, as_if_there_were_a_gpu, "fp32"), PackedModel)


def test_what_cannot_be_packed_is_not(as_if_there_were_a_gpu: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    device = as_if_there_were_a_gpu
    decoder = BertModel(BertConfig(vocab_size=9, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, is_decoder=True))
    other = ElectraModel(ElectraConfig(vocab_size=9, hidden_size=16, num_hidden_layers=1, num_attention_heads=2))
    assert [can_pack(encoder, device) for encoder in (bert(), modernbert())] == [True, True]
    assert [can_pack(encoder, device) for encoder in (decoder, other, bert(8))] == [False, False, False]
    assert not can_pack(bert(), CPU)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
    assert not can_pack(bert(), device)


@GPU
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("make", [bert, modernbert])
def test_the_kernel_says_what_padded_fp32_says(make: Callable[..., PreTrainedModel], precision: str) -> None:
    device = torch.device("cuda")
    model = model_of(make, 128).to(device)
    fast = for_inference(model, device, precision)
    assert isinstance(fast, PackedModel)
    batch = collate(rows(), 0, device)
    real = batch.attention_mask > 0
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    with torch.inference_mode():
        wanted = model.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
        with torch.autocast("cuda", dtype):
            padded = model.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
            found = fast.encoded(batch.input_ids, Packing.of(LENGTHS, max(LENGTHS), device))
    off, off_padded = ((each.float() - wanted)[real].norm() / wanted[real].norm() for each in (found, padded))
    most, times = (0.15, 2.0) if precision == "bf16" else (0.1, 1.5)  # in bf16 the encoder is so throughout
    assert off < most
    assert off < times * off_padded + 1e-3


@GPU
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_tags_are_those_of_the_cpu_at_nearly_all_tokens(precision: str) -> None:
    device = torch.device("cuda")
    model = model_of(modernbert, 128)
    batch = collate(rows(), 0)
    given = batch.input_ids, batch.attention_mask, batch.pieces
    fast = for_inference(copy.deepcopy(model).to(device), device, precision)
    with torch.inference_mode(), torch.autocast("cuda", {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]):
        found = fast(*(each.to(device) for each in given), piece_count=batch.piece_count, lengths=LENGTHS)
    with torch.inference_mode():
        wanted = model(*given, piece_count=batch.piece_count)
    real = batch.attention_mask > 0
    same = [(found[name].argmax(-1).cpu() == wanted[name].argmax(-1))[real].float().mean() for name in ("directives", "slots")]
    assert min(same) > (0.97 if precision == "fp16" else 0.93)  # the weights are random and the logits close


@GPU
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_records_are_those_of_the_cpu_over_several_buffers(precision: str) -> None:
    """The default model over our own samples, with small buffers and batches."""
    samples = sorted((ROOT / "data" / "samples").glob("*.txt"))
    documents = [SourceDocument(str(path), path.read_bytes(), id=path.name) for path in samples]
    found = []
    for device, chosen in (("cpu", "fp32"), ("cuda", precision)):
        extractor = load(device=device, precision=chosen)
        extractor.forward.budget = 2048
        records = [record for _, record, _ in Engine(extractor, buffer=2000).records(iter(documents))]
        found.append([{(d.start, d.end, d.kind) for d in record.directives} for record in records])
    same = sum(len(one & two) for one, two in zip(*found, strict=True))
    assert same > 0.97 * max(sum(map(len, each)) for each in found) > 50
