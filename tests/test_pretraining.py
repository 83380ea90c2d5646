"""Pretraining: what is masked, what is sampled, and that a run goes on where it was."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from zhengling.errors import ConfigError, ModelError, ReadError
from zhengling.modeling.vocabulary import character_tokenizer, count_characters
from zhengling.pretraining.__main__ import main
from zhengling.pretraining.batches import Batches, MaskedBatch
from zhengling.pretraining.corpus import read_lines, tokenize_corpus
from zhengling.pretraining.embeddings import svd_embeddings
from zhengling.pretraining.loop import pretrain, rate_at
from zhengling.pretraining.masking import SpanMasker
from zhengling.pretraining.settings import Optim, PretrainSettings
from zhengling.settings import load_settings

LINES = ["各级各部门要在六月底前完成整改。", "會議強調，必須守住安全底線。", "全年新增就业岗位三千个。", "不得瞒报、漏报。"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    with lzma.open(folder / "a_reports.jsonl.xz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps({"text": line * 4}, ensure_ascii=False) + "\n" for line in LINES * 6)
    (folder / "b_laws.txt").write_text("\n".join(LINES * 6), encoding="utf-8")
    return folder


def settings(corpus: Path, output: Path, *more: str) -> PretrainSettings:
    shape = ["encoder.layers=2", "encoder.width=16", "encoder.inner=24", "encoder.heads=2", "encoder.local_attention=8"]
    optim = ["optim.sequences=4", "optim.length=32", "optim.warmup=2", "optim.decay=4", "corpus.min_count=1", "precision=fp32"]
    steps = ["optim.steps=12", "log_every=4", "save_every=4"]
    return load_settings(PretrainSettings, None, [f"corpus.folder={corpus}", f"output={output}", *shape, *optim, *steps, *more])


def test_texts_are_cleaned_and_read_as_often_as_their_weight_says(corpus: Path) -> None:
    tokenizer = character_tokenizer(count_characters([*LINES, "会议强调必须线"]), 200)
    tokens = tokenize_corpus(corpus, tokenizer, {"a_": 2.0, "b_": 0.5})
    assert tokens.weights.tolist() == [2.0] * 24 + [0.5] * 24
    second = tokens.tokens[tokens.bounds[1] : tokens.bounds[2]]
    assert "".join(tokenizer.convert_ids_to_tokens(second.tolist())) == "会议强调，必须守住安全底线。" * 4 + "[SEP]"
    sizes = np.diff(tokens.bounds)
    sequences = tokens.sequences(16, seed=0, epoch=0)
    assert sequences.shape[1] == 16
    assert 2 * sizes[:24].sum() <= sequences.size <= 2 * sizes[:24].sum() + sizes[24:].sum()
    assert np.array_equal(sequences, tokens.sequences(16, seed=0, epoch=0))
    assert not np.array_equal(sequences[:20], tokens.sequences(16, seed=0, epoch=1)[:20])


def test_a_weight_without_a_file_and_a_folder_without_text_are_told(corpus: Path, tmp_path: Path) -> None:
    tokenizer = character_tokenizer(count_characters(LINES), 200)
    with pytest.raises(ReadError, match=r"corpus\.weights names \['c_'\]"):
        tokenize_corpus(corpus, tokenizer, {"c_": 2.0})
    with pytest.raises(ReadError, match="no corpus in"):
        tokenize_corpus(tmp_path, tokenizer, {})


def test_a_corpus_that_cannot_be_read_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(f"{LINES[0]}\n".encode() + LINES[1].encode("gbk", "replace"))
    with pytest.raises(ReadError, match=r"a\.txt, line 2: not UTF-8 at byte \d+ of the line"):
        list(read_lines(tmp_path / "a.txt"))
    for line in ("[]", '{"text": null}'):
        (tmp_path / "b.jsonl").write_text(line, encoding="utf-8")
        with pytest.raises(ReadError, match=r"b\.jsonl, line 1: expected a JSON object with a string under 'text'"):
            list(read_lines(tmp_path / "b.jsonl"))
    (tmp_path / "c.jsonl.xz").write_bytes(lzma.compress(json.dumps({"text": "甲"}).encode())[:-8])
    with pytest.raises(ReadError, match=r"c\.jsonl\.xz: damaged behind line \d .*Expected a whole \.xz file"):
        list(read_lines(tmp_path / "c.jsonl.xz"))
    blank = tmp_path / "blank"
    blank.mkdir()
    (blank / "d.txt").write_text("\n\n")
    with pytest.raises(ReadError, match="no text in"):
        tokenize_corpus(blank, character_tokenizer(count_characters(LINES), 200), {})


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "甲"}), encoding="utf-8-sig")
    assert list(read_lines(tmp_path / "a.jsonl")) == ["甲"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("weights=fp61", "weights (fp61) must be fp32 or fp16"),
        ("masking.share=1.5", "masking.share (1.5) is a share: 0 < share < 1"),
        ("masking.spans=[]", "masking.spans: got []. Expected probabilities"),
        ("seed=-1", "seed (-1) must be at least 0"),
        ("optim.sequences=0", "optim.sequences (0) must be at least 1"),
        ("optim.clip=0", "optim.clip (0.0) must be above 0"),
        ("corpus.vocabulary=70000", "corpus.vocabulary (70000) must be at most 65536"),
        ("corpus.weights={a: -1}", "corpus.weights: got {'a': -1.0}. Expected numbers of at least 0"),
        ("encoder.heads=3", "encoder.width (16) must be a multiple of twice encoder.heads (6)"),
    ],
)
def test_a_value_out_of_its_range_is_told_before_the_run(override: str, message: str, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        pretrain(settings(corpus, tmp_path / "run", override))
    assert str(caught.value).startswith(f"contradictions in the settings:\n  {message}")
    assert not (tmp_path / "run").exists()


def test_a_base_that_is_missing_and_a_vocabulary_that_is_too_small_are_told(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"encoder\.base: cannot load '/tmp/nonesuch'"):
        pretrain(settings(corpus, tmp_path / "base", "encoder.base=/tmp/nonesuch"))
    with pytest.raises(ConfigError, match=r"a vocabulary of \d+ tokens gives no embeddings of encoder\.width \(128\)"):
        pretrain(settings(corpus, tmp_path / "run", "encoder.width=128"))


def test_the_command_tells_how_it_is_called(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, status in ((["--help"], 0), ([], 2)):
        monkeypatch.setattr("sys.argv", ["pretraining", *arguments])
        assert main() == status
        assert "python -m zhengling.pretraining configs/pretrain-compact.yaml" in capsys.readouterr().out


def test_masking_hides_the_share_it_should_and_no_special_token() -> None:
    tokenizer = character_tokenizer(count_characters(["".join(chr(0x4E00 + i) for i in range(500))]), 600)
    ids = np.random.default_rng(0).integers(5, 505, size=(200, 64))
    ids[:, 10] = tokenizer.sep_token_id
    inputs, labels = SpanMasker(tokenizer, 0.2, [0.4, 0.3, 0.2, 0.1])(ids, np.random.default_rng(1))
    asked = labels != -100
    assert 0.18 < asked.mean() < 0.22
    assert not asked[:, 10].any()
    assert np.array_equal(labels[asked], ids[asked]) and np.array_equal(inputs[~asked], ids[~asked])
    assert 0.77 < (inputs[asked] == tokenizer.mask_token_id).mean() < 0.83
    assert 0.08 < (inputs[asked] == ids[asked]).mean() < 0.13


def test_a_batch_depends_on_its_step_alone_and_is_split_over_the_processes(corpus: Path) -> None:
    tokenizer = character_tokenizer(count_characters(LINES), 200)
    tokens = tokenize_corpus(corpus, tokenizer, {})
    batches = Batches(tokens, SpanMasker(tokenizer, 0.2, [1.0]), Optim(steps=3 * 40, sequences=4, length=16), seed=1)
    assert 3 <= batches.per_epoch < 40  # several epochs
    whole = list(batches.steps(0, slice(None), pin=False))
    late = list(batches.steps(100, slice(None), pin=False))
    assert len(whole) == 120 and len(late) == 20
    assert all(a.inputs.equal(b.inputs) and a.targets.equal(b.targets) for a, b in zip(whole[100:], late, strict=True))
    first, second = (list(batches.steps(0, slice(which, None, 2), pin=False)) for which in (0, 1))
    for batch, one, two in zip(whole, first, second, strict=True):
        assert one.inputs.equal(batch.inputs[0::2]) and two.inputs.equal(batch.inputs[1::2])
        assert len(one.places) + len(two.places) == len(batch.places) == len(batch.targets) > 0
    hidden = whole[0].inputs.flatten()[whole[0].places]
    assert (hidden == tokenizer.mask_token_id).float().mean() > 0.5


def test_characters_of_like_company_get_like_embeddings() -> None:
    """Tokens 5 and 6 stand between the same neighbours, 7 between others."""
    text = [8, 5, 9, 8, 6, 9, 10, 7, 11] * 50
    vectors = svd_embeddings(np.asarray(text, dtype=np.uint16), 12, 4, window=1)
    assert vectors.shape == (12, 4) and abs(vectors.std().item() - 0.04) < 0.02
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    assert unit[5] @ unit[6] > unit[5] @ unit[7] + 0.2


def test_a_run_goes_on_to_the_same_encoder(corpus: Path, tmp_path: Path) -> None:
    """A run that breaks off at step 10 goes on from its checkpoint at 8: the same losses, the same weights."""
    whole = pretrain(settings(corpus, tmp_path / "whole"))
    broken = tmp_path / "broken"

    class Stop(Exception):
        pass

    import zhengling.pretraining.loop as loop

    original = loop._Run._one

    def stops(run: loop._Run, batch: MaskedBatch) -> torch.Tensor:
        if run.step == 10:
            raise Stop
        return original(run, batch)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
        patch.setattr(loop._Run, "_one", stops)
        pretrain(settings(corpus, broken))
    resumed = pretrain(settings(corpus, broken))
    losses = [[json.loads(line)["loss"] for line in (run.parent / "log.jsonl").open()] for run in (whole, resumed)]
    assert losses[0] == losses[1] and len(losses[0]) == 3
    weights = [AutoModel.from_pretrained(run).state_dict() for run in (whole, resumed)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
    assert AutoTokenizer.from_pretrained(whole)("要")["input_ids"][0] == AutoTokenizer.from_pretrained(whole).cls_token_id


def test_a_run_whose_loss_is_no_number_stops_before_it_is_saved(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"loss or gradient is nan by step 4"):
        pretrain(settings(corpus, tmp_path / "run", "optim.lr=1e30"))
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_the_rate_rises_stays_and_falls() -> None:
    optim = Optim(steps=10, warmup=2, decay=4)
    assert [rate_at(step, optim) for step in (0, 1, 5, 6, 8, 10)] == [0.5, 1.0, 1.0, 1.0, 0.5, 0.0]
