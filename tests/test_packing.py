"""Packed windows: the encoder says of each token what it says of it in a padded batch."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    ElectraConfig,
    ElectraModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedModel,
)

from zhengling.extraction.extractor import Extractor
from zhengling.modeling.batches import Row, collate
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.inference import for_inference
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.packing import PackedModel, Packing, can_pack

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


def test_a_packing_says_where_each_token_is() -> None:
    packing = Packing.of([3, 1, 2], 4, CPU)
    assert packing.places.tolist() == [0, 1, 2, 4, 8, 9]
    assert packing.positions.tolist() == [[0, 1, 2, 0, 0, 1]]
    assert packing.bounds.tolist() == [0, 3, 4, 6] and packing.bounds.dtype == torch.int32
    assert packing.longest == 3


def test_the_original_keeps_its_attention() -> None:
    model = model_of(modernbert)
    before = model.encoder.config._attn_implementation
    fast = packed(model)
    assert fast.model.encoder.config._attn_implementation != before == model.encoder.config._attn_implementation


def test_what_cannot_be_packed_is_not(extractor: Extractor) -> None:
    device = torch.device("cuda")
    decoder = BertModel(BertConfig(vocab_size=9, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, is_decoder=True))
    other = ElectraModel(ElectraConfig(vocab_size=9, hidden_size=16, num_hidden_layers=1, num_attention_heads=2))
    narrow_heads = bert(8)
    assert [can_pack(encoder, device) for encoder in (decoder, other, narrow_heads)] == [False, False, False]
    assert not can_pack(bert(), CPU)
    assert not isinstance(for_inference(extractor.model, CPU, "bf16"), PackedModel)


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
    assert off < 0.1
    assert off < 1.5 * off_padded + 1e-3


@GPU
def test_packed_records_are_those_of_the_cpu_at_nearly_all_tokens() -> None:
    device = torch.device("cuda")
    model = model_of(modernbert, 128)
    batch = collate(rows(), 0)
    given = batch.input_ids, batch.attention_mask, batch.pieces
    fast = for_inference(copy.deepcopy(model).to(device), device, "fp16")
    with torch.inference_mode(), torch.autocast("cuda", torch.float16):
        found = fast(*(each.to(device) for each in given), piece_count=batch.piece_count, lengths=LENGTHS)
    with torch.inference_mode():
        wanted = model(*given, piece_count=batch.piece_count)
    real = batch.attention_mask > 0
    same = [(found[name].argmax(-1).cpu() == wanted[name].argmax(-1))[real].float().mean() for name in ("directives", "slots")]
    assert min(same) > 0.97
