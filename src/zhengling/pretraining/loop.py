"""The pretraining loop: packed sequences, logits only where something is hidden, resumable to the step."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from transformers import AutoModelForMaskedLM, AutoTokenizer, ModernBertForMaskedLM, PreTrainedTokenizerBase

from zhengling.errors import ConfigError, ModelError
from zhengling.modeling.downloads import calm_client, explain
from zhengling.modeling.encoders import EncoderSettings, avoid_faulty_attention, new_encoder_config
from zhengling.modeling.precision import mixed_precision
from zhengling.modeling.vocabulary import character_tokenizer, count_characters
from zhengling.pretraining.batches import Batches, MaskedBatch
from zhengling.pretraining.corpus import TokenizedCorpus, corpus_files, read_lines, tokenize_corpus
from zhengling.pretraining.embeddings import svd_embeddings
from zhengling.pretraining.masking import SpanMasker
from zhengling.pretraining.settings import Optim, PretrainSettings

log = logging.getLogger(__name__)


def build_tokenizer(settings: PretrainSettings, folder: Path) -> PreTrainedTokenizerBase:
    """The base's tokenizer, or a character tokenizer learnt from the corpus and kept in ``folder``."""
    if settings.encoder.base:
        return _of_base(AutoTokenizer, settings.encoder)
    if (folder / "tokenizer.json").exists():
        return AutoTokenizer.from_pretrained(folder)
    files = corpus_files(Path(settings.corpus.folder))
    counts = count_characters(text for path in files for text in read_lines(path))
    tokenizer = character_tokenizer(counts, settings.corpus.vocabulary, settings.corpus.min_count)
    tokenizer.save_pretrained(folder)
    return tokenizer


def build_corpus(settings: PretrainSettings, tokenizer: PreTrainedTokenizerBase, folder: Path) -> TokenizedCorpus:
    """The tokenized corpus, kept in ``folder`` for the next start with the same files, weights and vocabulary."""
    files = [(path.name, path.stat().st_size) for path in corpus_files(Path(settings.corpus.folder))]
    key = hashlib.sha256(repr((files, asdict(settings.corpus), len(tokenizer))).encode()).hexdigest()[:12]
    path = folder / f"corpus-{key}.npz"
    if not path.exists():
        tokenize_corpus(Path(settings.corpus.folder), tokenizer, settings.corpus.weights).save(path)
    return TokenizedCorpus.load(path)


def build_model(settings: PretrainSettings, tokenizer: PreTrainedTokenizerBase, corpus: TokenizedCorpus) -> Any:
    """A new ModernBERT (Warner et al. 2024) or the base to go on from."""
    shape = settings.encoder
    if shape.base:
        return _of_base(AutoModelForMaskedLM, shape, dtype=torch.float32)
    if settings.svd_embeddings and len(tokenizer) < shape.width:
        raise ConfigError(
            f"svd_embeddings: a vocabulary of {len(tokenizer)} tokens gives no embeddings of encoder.width ({shape.width}). "
            "Expected more text, a smaller corpus.min_count or svd_embeddings=false"
        )
    model = ModernBertForMaskedLM(new_encoder_config(shape, tokenizer, padded=False))
    if settings.svd_embeddings:
        with torch.no_grad():
            embeddings: Any = model.get_input_embeddings()
            embeddings.weight.copy_(svd_embeddings(corpus.tokens, len(tokenizer), shape.width, seed=settings.seed))
    return model


def _of_base(kind: Any, encoder: EncoderSettings, **more: Any) -> Any:
    """What ``kind`` loads of the base; raises :class:`ModelError` if it is not to be had."""
    calm_client()
    base, revision = str(encoder.base), encoder.revision
    try:
        return kind.from_pretrained(base, revision=revision or "main", trust_remote_code=False, **more)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"encoder.base: cannot load {base!r}: {explain(error, base, revision)}. "
            "Expected a folder or a hub name of a masked-language model"
        ) from error


class MaskedLanguageModel(nn.Module):
    """An encoder with its language-model head, which computes logits at the hidden tokens only."""

    def __init__(self, model: Any, *, compiled: bool) -> None:
        super().__init__()
        self.model = model
        encoder = model.base_model
        self.encode = torch.compile(encoder) if compiled else encoder

    def forward(self, inputs: torch.Tensor, places: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean loss in nats over the hidden tokens; arguments as of :class:`MaskedBatch`."""
        states = self.encode(inputs).last_hidden_state.flatten(0, 1).index_select(0, places)
        if hasattr(self.model, "cls"):  # BERT
            logits = self.model.cls(states)
        else:  # ModernBERT
            logits = self.model.decoder(self.model.head(states))
        return nn.functional.cross_entropy(logits.float(), targets)


def rate_at(step: int, optim: Optim) -> float:
    """Share of the peak learning rate at a step: linear warm-up, plateau, linear decay to zero."""
    return min(1.0, (step + 1) / max(1, optim.warmup), max(0.0, (optim.steps - step) / max(1, optim.decay)))


def pretrain(settings: PretrainSettings) -> Path:
    """Run or resume; returns the folder of the encoder, loadable by ``AutoModel.from_pretrained``.

    Raises :class:`zhengling.errors.ZhenglingError` for what a user can mend.
    """
    settings.check()
    folder = Path(settings.output)
    folder.mkdir(parents=True, exist_ok=True)
    avoid_faulty_attention()
    accelerator = Accelerator(mixed_precision=mixed_precision(settings.precision))
    set_seed(settings.seed)
    (folder / "settings.json").write_text(json.dumps(asdict(settings), ensure_ascii=False, indent=1), encoding="utf-8")
    (folder / "log.jsonl").touch()
    with accelerator.main_process_first():
        tokenizer = build_tokenizer(settings, folder)
        corpus = build_corpus(settings, tokenizer, folder)
    model = MaskedLanguageModel(build_model(settings, tokenizer, corpus), compiled=settings.compile)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=settings.optim.lr,
        betas=(0.9, 0.98),
        weight_decay=settings.optim.weight_decay,
        fused=True,
    )
    model, optimizer = accelerator.prepare(model, optimizer)
    run = _Run(
        settings,
        folder,
        accelerator,
        model,
        optimizer,
        SpanMasker(tokenizer, settings.masking.share, settings.masking.spans),
    )
    run.resume()
    run.train(corpus)
    if accelerator.is_main_process:
        trained = accelerator.unwrap_model(model).model
        (trained.half() if settings.weights == "fp16" else trained).save_pretrained(folder / "encoder")
        tokenizer.save_pretrained(folder / "encoder")
    return folder / "encoder"


class _Run:
    """One run's state: where it stands and how to save it."""

    def __init__(
        self,
        settings: PretrainSettings,
        folder: Path,
        accelerator: Accelerator,
        model: Any,
        optimizer: Any,
        masker: SpanMasker,
    ) -> None:
        self.settings, self.folder, self.accelerator = settings, folder, accelerator
        self.model, self.optimizer, self.masker = model, optimizer, masker
        self.step = 0
        self.tokens = 0
        self.norm = torch.zeros((), device=accelerator.device)
        """Of the last gradient, before it was clipped."""

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.accelerator.device, weights_only=True)
        self.accelerator.unwrap_model(self.model).model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.tokens = state["step"], state["tokens"]
        log.info("resumed %s at step %d", path, self.step)
        lines = (self.folder / "log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line)["step"] <= self.step]
        (self.folder / "log.jsonl").write_text("".join(kept), encoding="utf-8")

    def save(self) -> None:
        """Write a checkpoint beside the old one and put it in its place."""
        if not self.accelerator.is_main_process:
            return
        path, new = self.folder / "checkpoint.pt", self.folder / "checkpoint.new"
        model = self.accelerator.unwrap_model(self.model).model.state_dict()
        torch.save({"model": model, "optimizer": self.optimizer.state_dict(), "step": self.step, "tokens": self.tokens}, new)
        new.replace(path)

    def train(self, corpus: TokenizedCorpus) -> None:
        """Steps until ``optim.steps``; the batch of a step depends on seed and step alone."""
        optim, world = self.settings.optim, self.accelerator
        batches = Batches(corpus, self.masker, optim, self.settings.seed)
        mine = slice(world.process_index, None, world.num_processes)
        losses: list[torch.Tensor] = []  # on the device: each one that is looked at makes the CPU wait
        clock, seen = time.perf_counter(), self.tokens
        for batch in batches.steps(self.step, mine, pin=world.device.type == "cuda"):
            losses.append(self._one(batch))
            self.step += 1
            self.tokens += optim.sequences * optim.length
            if self.step % self.settings.log_every == 0 or self.step == optim.steps:
                loss = self._finite(losses)
                now = time.perf_counter()
                self._log(loss, (self.tokens - seen) / (now - clock))
                losses, clock, seen = [], now, self.tokens
            if self.step % self.settings.save_every == 0 or self.step == optim.steps:
                self._finite([*losses, self.norm])
                self.save()

    def _finite(self, values: Sequence[torch.Tensor]) -> float:
        """The mean; raises :class:`ModelError` if it is no number, so that nothing of the kind is saved."""
        mean = float(torch.stack(list(values)).mean())
        if not math.isfinite(mean):
            raise ModelError(
                f"loss or gradient is {mean} by step {self.step}. Expected finite numbers. Begin anew with a lower optim.lr or "
                "precision=fp32; the last checkpoint is as it was"
            )
        return mean

    def _one(self, batch: MaskedBatch) -> torch.Tensor:
        optim, world = self.settings.optim, self.accelerator
        for group in self.optimizer.param_groups:
            group["lr"] = optim.lr * rate_at(self.step, optim)
        batch = batch.move(lambda part: part.to(world.device, non_blocking=True))
        with world.autocast():
            loss = self.model(batch.inputs, batch.places, batch.targets)
        world.backward(loss)
        self.norm = world.clip_grad_norm_(self.model.parameters(), optim.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    def _log(self, loss: float, speed: float) -> None:
        if not self.accelerator.is_main_process:
            return
        record = {"step": self.step, "tokens": self.tokens, "loss": round(loss, 4), "tokens_per_second": round(speed)}
        log.info("step %6d  tokens %10d  loss %.3f  %6d tokens/s", self.step, self.tokens, loss, speed)
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(record) + "\n")
