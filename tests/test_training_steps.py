"""One step of the optimizer: the same however it is cut, when memory runs out, and in fp16."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from conftest import ROOT
from transformers import BertConfig, ModernBertConfig

from zhengling.errors import ConfigError, ModelError
from zhengling.gold.loading import load_gold
from zhengling.modeling.encoders import attention_for, avoid_faulty_attention
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.precision import choose_precision, mixed_precision
from zhengling.scheme.labels import LabelScheme
from zhengling.settings import load_settings
from zhengling.training.ahead import one_ahead
from zhengling.training.building import build_model
from zhengling.training.examples import Alignment, build_example, to_batch
from zhengling.training.losses import LabelCounts, share_of_loss
from zhengling.training.settings import TrainSettings
from zhengling.training.trainer import Trainer

SMOKE = ROOT / "configs" / "smoke.yaml"
TINY = (
    "encoder.width=8",
    "encoder.inner=12",
    "model.dropout=0.0",
    "model.window=48",
    "model.overlap=8",
    "optim.batch_tokens=384",
)


@pytest.fixture
def make_trainer(gold_folder: Path, tmp_path: Path) -> Callable[..., Trainer]:
    """A function that makes a trainer without dropout, always with the same weights."""

    def make(*more: str, accelerator: Accelerator | None = None) -> Trainer:
        places = (f"data.train=[{gold_folder}]", f"data.dev=[{gold_folder}]", f"output={tmp_path / 'run'}")
        settings = load_settings(TrainSettings, SMOKE, [*TINY, *places, *more])
        torch.manual_seed(7)
        gold, scheme = load_gold(settings.data.train), LabelScheme()
        model, tokenizer = build_model(settings, scheme, gold)
        examples = [build_example(d, tokenizer, scheme, settings.model.window, Alignment()) for d in gold]
        return Trainer(settings, accelerator or Accelerator(cpu=True), model, tokenizer, examples)

    return make


def run(trainer: Trainer, first: int = 0, last: int = 4) -> list[float]:
    trainer.model.train()
    return [float(trainer.step(trainer.stepper.prepare([b])).loss) for b in trainer.batches(0)[first:last]]


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    """All but the one without a true gradient (softmax does not see it), where AdamW makes steps of the rounding."""
    named = trainer.model.named_parameters()
    return {name: parameter.detach().clone() for name, parameter in named if name != "theme_head.attention.bias"}


def assert_alike(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor], tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(first, second, rtol=0, atol=tolerance)


def test_the_shares_of_the_parts_are_the_loss_of_the_whole(make_trainer: Callable[..., Trainer]) -> None:
    """Parts with different numbers of labels, which a mean of their means would weigh alike."""
    trainer = make_trainer()
    windows = max(
        (batch for batch in trainer.batches(0) if len(batch) > 4),
        key=lambda batch: len({LabelCounts.of([each]) for each in batch}),
    )
    pad, model = trainer.tokenizer.pad_token_id, trainer.model.eval()

    def loss(part: list[Any]) -> torch.Tensor:
        batch = to_batch(part, pad)
        ids, mask, pieces = batch.inputs.input_ids, batch.inputs.attention_mask, batch.inputs.pieces
        return share_of_loss(
            model, model(ids, mask, pieces, piece_count=batch.inputs.piece_count), batch, LabelCounts.of(windows)
        )

    batch = to_batch(windows, pad)
    labels = {"directive_labels": batch.directives, "slot_labels": batch.slots, "theme_labels": batch.themes}
    whole = model(batch.inputs.input_ids, batch.inputs.attention_mask, batch.inputs.pieces, **labels).loss
    assert len({LabelCounts.of([window]) for window in windows}) > 1
    torch.testing.assert_close(loss(windows), whole)
    torch.testing.assert_close(sum(loss([window]) for window in windows), whole)


def test_smaller_forward_passes_change_nothing(make_trainer: Callable[..., Trainer]) -> None:
    whole, cut = make_trainer(), make_trainer("optim.micro_tokens=100")
    assert len(cut.stepper.prepare(cut.batches(0)[:1]).micro) > 2 > len(whole.stepper.prepare(whole.batches(0)[:1]).micro)
    before = weights(whole)
    assert_alike(before, weights(cut), 0)
    assert run(whole) == pytest.approx(run(cut), rel=1e-5)
    assert_alike(weights(whole), weights(cut))
    assert not torch.equal(before["theme_head.bias"], weights(whole)["theme_head.bias"])


def refuse(model: ZhenglingModel, limit: int, when: str) -> None:
    """Let the encoder run out of memory over more than ``limit`` tokens, in its ``forward`` or ``backward`` pass."""

    def out_of_memory(tokens: int) -> None:
        if tokens > limit:
            raise torch.OutOfMemoryError(f"no room for {tokens} tokens")

    def before(module: torch.nn.Module, arguments: Any, keywords: dict[str, torch.Tensor]) -> None:
        out_of_memory(keywords["input_ids"].numel())

    def after(module: torch.nn.Module, arguments: Any, output: Any) -> None:
        hidden = output.last_hidden_state
        hidden.register_hook(lambda gradient: out_of_memory(gradient.shape[0] * gradient.shape[1]))

    if when == "forward":
        model.encoder.register_forward_pre_hook(before, with_kwargs=True)
    else:
        model.encoder.register_forward_hook(after)


@pytest.mark.parametrize("when", ["forward", "backward"])
def test_a_run_that_runs_out_of_memory_goes_on_as_one_with_smaller_forward_passes(
    make_trainer: Callable[..., Trainer], caplog: pytest.LogCaptureFixture, when: str
) -> None:
    """In the third step, halved twice; in the backward pass the heads have their gradients already."""
    struck = make_trainer()
    losses = run(struck, 0, 2)
    refuse(struck.model, 100, when)
    with caplog.at_level(logging.WARNING, "zhengling"):
        losses += run(struck, 2, 5)
    limit = struck.stepper.limit
    assert 50 < limit <= 100
    assert struck.state.micro_tokens == limit
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert told[-1].endswith(f"from here on at most {limit} tokens each; the batches stay as they are")
    small = make_trainer(f"optim.micro_tokens={limit}")
    assert losses == pytest.approx(run(small, 0, 5), rel=1e-5)
    assert_alike(weights(struck), weights(small))


def test_a_window_that_is_too_large_by_itself_is_told(make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer()
    refuse(trainer.model, 10, "forward")
    with pytest.raises(ModelError, match=r"no memory for a single window of \d+ tokens \(no room for \d+ tokens\)"):
        run(trainer, 0, 1)


def test_another_error_of_the_model_is_no_lack_of_memory(make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer()

    def fail(module: torch.nn.Module, arguments: Any) -> None:
        raise RuntimeError("shapes differ")

    trainer.model.encoder.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="shapes differ"):
        run(trainer, 0, 1)


@pytest.fixture
def scaling() -> Callable[[float], Accelerator]:
    """An accelerator that scales losses as it does for fp16, which Accelerate itself only does on a GPU."""

    def make(scale: float) -> Accelerator:
        accelerator = Accelerator(cpu=True)
        accelerator.native_amp = True
        accelerator.state._mixed_precision = "fp16"
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        return accelerator

    yield make
    Accelerator(cpu=True).state._mixed_precision = "no"


def test_scaled_gradients_are_clipped_at_their_true_size(
    make_trainer: Callable[..., Trainer], scaling: Callable[[float], Accelerator]
) -> None:
    """A clip far below the scaled norm: if it came before the unscaling, the first step would be thousands of times smaller."""
    plain = make_trainer("optim.clip=0.1", "optim.warmup=0.0")
    run(plain)
    scaled = make_trainer("optim.clip=0.1", "optim.warmup=0.0", accelerator=scaling(1024.0))
    losses = run(scaled)
    assert len(losses) == 4
    assert scaled.scheduler.last_epoch == 4
    assert_alike(weights(plain), weights(scaled), 2e-3)


def test_a_step_that_overflows_is_left_out(
    make_trainer: Callable[..., Trainer], scaling: Callable[[float], Accelerator]
) -> None:
    trainer = make_trainer(accelerator=scaling(2.0**126))
    before = weights(trainer)
    trainer.model.train()
    result = trainer.step(trainer.stepper.prepare(trainer.batches(0)[:1]))
    assert result.skipped
    assert trainer.scheduler.last_epoch == 0
    assert_alike(before, weights(trainer), 0)
    assert trainer.accelerator.scaler.get_scale() == 2.0**125


def test_precision_is_chosen_by_what_the_device_has(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    for capability, expected in (((7, 5), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16")):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, found=capability: found)
        assert choose_precision("auto", cuda) == expected
        assert mixed_precision("auto", cuda) == expected
        assert mixed_precision("fp32", cuda) == "no"
    with pytest.raises(ConfigError, match="got fp16 for training on a CPU"):
        mixed_precision("fp16", torch.device("cpu"))


def test_gradient_checkpointing_changes_no_gradient(make_trainer: Callable[..., Trainer]) -> None:
    plain, spare = make_trainer(), make_trainer("gradient_checkpointing=true")
    assert (plain.model.encoder.is_gradient_checkpointing, spare.model.encoder.is_gradient_checkpointing) == (False, True)
    assert run(plain) == pytest.approx(run(spare), rel=1e-6)
    assert_alike(weights(plain), weights(spare), 1e-6)


def test_compile_compiles_the_encoder_and_keeps_its_names(make_trainer: Callable[..., Trainer]) -> None:
    plain, compiled = make_trainer(), make_trainer("compile=true")
    assert plain.model.encoder._compiled_call_impl is None
    assert compiled.model.encoder._compiled_call_impl is not None
    assert list(plain.model.state_dict()) == list(compiled.model.state_dict())


def test_one_is_made_ahead_in_order_and_errors_come_in_their_place() -> None:
    begun = {number: threading.Event() for number in (5, 2, 1, 0)}

    def make(number: int) -> int:
        begun[number].set()
        return 10 // number

    results = one_ahead(begun, make)
    assert next(results) == 2
    assert begun[2].wait(60), "the second is made while the first is in use"
    assert not begun[1].is_set()
    assert [next(results), next(results)] == [5, 10]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(one_ahead([], make)) == []


def test_a_gradient_that_is_no_number_stops_before_it_is_saved(make_trainer: Callable[..., Trainer]) -> None:
    """The loss is finite still: it was computed before."""
    trainer = make_trainer()
    trainer.model.directive_head.classifier.weight.register_hook(lambda gradient: gradient * float("nan"))
    assert run(trainer, last=1)[0] > 0
    with pytest.raises(ModelError, match=r"at step 1 the loss is \d.* and the norm of the gradient nan"):
        trainer.save()
    assert not trainer.checkpoints.last.exists()


def test_local_layers_over_padding_and_cpus_get_plain_products() -> None:
    local, whole = ModernBertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=2)
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [attention_for(gpu, encoder) for encoder in (local, whole, None)] == ["eager", "sdpa", "sdpa"]
    assert attention_for(gpu, local, padded=False) == "sdpa"
    assert {attention_for(cpu, encoder) for encoder in (local, whole, None)} == {"eager"}


def test_cudnn_attention_is_switched_off() -> None:
    before = torch.backends.cuda.cudnn_sdp_enabled()
    try:
        torch.backends.cuda.enable_cudnn_sdp(True)
        avoid_faulty_attention()
        assert not torch.backends.cuda.cudnn_sdp_enabled()
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)
