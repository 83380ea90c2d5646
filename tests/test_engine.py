"""The engine: records in input order that depend on nothing but their document, whatever fails beside them."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from test_extraction import _without_scores
from transformers import BertConfig, BertModel

from zhengling.errors import ConfigError, ZhenglingError
from zhengling.extraction import cleaning
from zhengling.extraction.cleaning import clean_ahead
from zhengling.extraction.engine import Engine
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.forward import gpu_budget
from zhengling.extraction.loading import load
from zhengling.modeling.inference import for_inference
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.precision import choose_precision, mixed_precision
from zhengling.modeling.windows import LONG, tokenize_paragraphs
from zhengling.text import read


@dataclass(frozen=True)
class Given:
    name: str
    content: bytes | str
    error: str | None = None


def some_documents(count: int = 12, seed: int = 3) -> list[Given]:
    words = ["各村", "要", "不得瞒报", "，", "我们将启动", "。", "隐患\n", "會(huì )議"]
    generator = random.Random(seed)
    texts = ["各村要" + "".join(generator.choices(words, k=generator.randint(1, 60))) for _ in range(count)]
    return [Given(f"{i}.txt", text if i % 2 else text.encode()) for i, text in enumerate(texts)]


def answers(engine: Engine, documents: list[Given]) -> list[tuple[str, dict, str]]:
    return [(document.name, _without_scores(record), text) for document, record, text in engine.records(documents)]


@pytest.mark.parametrize(("buffer", "budget"), [(1, 1), (300, 64), (10**6, 4096)])
def test_buffers_and_batches_do_not_change_records(make_extractor: Callable[..., Extractor], buffer: int, budget: int) -> None:
    documents = some_documents()
    cleaned = [read(document.content) for document in documents]
    straight = make_extractor().extract(cleaned, [document.name for document in documents])
    extractor = make_extractor()
    extractor.forward.budget = budget
    found = answers(Engine(extractor, buffer=buffer), documents)
    wanted = [(d.name, _without_scores(r), c.source) for d, r, c in zip(documents, straight, cleaned, strict=True)]
    assert found == wanted
    assert any(record["directives"] for _, record, _ in found)


def test_cleaning_processes_do_not_change_records(make_extractor: Callable[..., Extractor]) -> None:
    documents = [*some_documents(6), Given("empty", ""), Given("broken", b"", "it is gone")]
    alone, helped = (answers(Engine(make_extractor(), cleaners=cleaners), documents) for cleaners in (0, 1))
    assert helped == alone


def test_what_waits_for_cleaning_is_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def documents(length: int) -> Iterator[tuple[int, str]]:
        for number in range(9):
            drawn.append(number)
            yield number, "要" * length

    monkeypatch.setattr(cleaning, "LARGEST_AHEAD", 1000)
    with ThreadPoolExecutor(1) as pool:
        few = clean_ahead(pool, 4, documents(10), None, ())
        assert next(few)[0] == 0 and len(drawn) == 5
        assert [number for number, _ in few] == list(range(1, 9))
        drawn.clear()
        large = clean_ahead(pool, 4, documents(600), None, ())
        assert next(large)[0] == 0 and len(drawn) == 2
        assert [number for number, _ in large] == list(range(1, 9))


def test_a_cleaning_process_that_dies_is_told_in_one_line() -> None:
    with ProcessPoolExecutor(1) as pool, pytest.raises(ZhenglingError, match="a process that cleans texts was killed"):
        pool.submit(os._exit, 1)
        list(clean_ahead(pool, 4, iter([(1, "要整改。")] * 9), None, ()))


def test_decoding_in_a_thread_of_its_own_does_not_change_records(make_extractor: Callable[..., Extractor]) -> None:
    documents = [*some_documents(), Given("broken", b"", "it is gone")]
    apart = Engine(make_extractor(), buffer=300)
    apart.decodes_apart = True
    assert answers(apart, documents) == answers(Engine(make_extractor(), buffer=300), documents)
    running = apart.records(iter(documents))
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("reading", "model", "decoding"))]


def test_a_document_that_fails_is_a_record_with_its_error(
    make_extractor: Callable[..., Extractor], monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor = make_extractor()
    built = extractor.record

    def record(clean, source, *rest):  # type: ignore[no-untyped-def]
        if source == "unlucky":
            raise KeyError("here")
        return built(clean, source, *rest)

    monkeypatch.setattr(extractor, "record", record)
    documents = [
        Given("good", "各村要查完隐患。"),
        Given("gone", b"", "cannot read gone"),
        Given("binary", bytes(range(256)) * 8),
        Given("blank", " \n"),
        Given("unlucky", "各村要查完隐患。"),
        Given("better", "各村不得瞒报。"),
    ]
    engine = Engine(extractor)
    found = {record.source: record for _, record, _ in engine.records(documents)}
    assert list(found) == [document.name for document in documents]
    errors = {name: record.error for name, record in found.items()}
    assert errors.pop("binary", "").startswith("the input is binary")
    assert errors == {
        "good": None, "gone": "cannot read gone", "blank": "the document holds no text",
        "unlucky": "KeyError: 'here'", "better": None,
    }  # fmt: skip
    assert (engine.stats.documents, engine.stats.errors, engine.stats.characters) == (6, 4, 15)


def test_a_window_too_large_for_the_memory_fails_alone(make_extractor: Callable[..., Extractor]) -> None:
    extractor = make_extractor()
    whole = extractor.forward.logits

    def logits(rows):  # type: ignore[no-untyped-def]
        if len(rows) > 1 or len(rows[0][0]) > 40:
            raise RuntimeError("out of memory")
        return whole(rows)

    extractor.forward.logits = logits  # type: ignore[method-assign]
    documents = [Given("short", "各村要查完隐患。"), Given("long", "各村要查完隐患，" * 5), Given("other", "各村不得瞒报。")]
    found = answers(Engine(extractor), documents)
    assert [record["error"] for _, record, _ in found] == [
        None, "ModelError: the model failed on 1 windows of 'long'; the log says how", None,
    ]  # fmt: skip
    assert found[::2] == answers(Engine(make_extractor()), documents[::2])


def test_tokens_at_a_time_go_by_the_memory_and_are_halved_when_it_does_not_suffice(
    make_extractor: Callable[..., Extractor],
) -> None:
    sizes = [(80, 768), (24, 768), (24, 256), (2, 1024)]
    assert [gpu_budget(gigabytes * 10**9, width) for gigabytes, width in sizes] == [131_072, 32_768, 131_072, 4096]
    extractor = make_extractor()
    whole, passes = extractor.forward.logits, []

    def logits(rows):  # type: ignore[no-untyped-def]
        passes.append(sum(len(ids) for ids, _ in rows))
        if passes[-1] > 100:
            raise torch.OutOfMemoryError("too little")
        return whole(rows)

    extractor.forward.logits = logits  # type: ignore[method-assign]
    extractor.forward.budget = 256
    documents = some_documents()
    assert answers(Engine(extractor), documents) == answers(Engine(make_extractor()), documents)
    assert extractor.forward.budget in (64, 128) and max(passes) > 100
    assert [size > 100 for size in passes[-4:]] == [False] * 4


def test_equal_windows_are_run_again_if_they_are_to(make_extractor: Callable[..., Extractor]) -> None:
    extractor = make_extractor()
    extractor.forward.reuse = False
    engine = Engine(extractor, buffer=1)
    assert len(answers(engine, [Given(str(i), "各村要查完隐患。") for i in range(4)])) == 4
    assert (engine.stats.windows, engine.stats.cached) == (4, 0)


def test_a_loaded_model_can_be_trained_on_where_it_is(model_folder: Path) -> None:
    assert load(model_folder, device="cpu").model.encoder.config._attn_implementation == "eager"


def test_equal_windows_are_run_once(make_extractor: Callable[..., Extractor]) -> None:
    texts = ["各村要查完隐患。", "各村不得瞒报。", "各村要查完隐患。"]
    engine = Engine(make_extractor(), buffer=1)
    documents = [Given(str(i), text) for i, text in enumerate(texts * 2)]
    found = answers(engine, documents)
    assert (engine.stats.windows, engine.stats.cached) == (6, 4)
    assert [record["paragraphs"] for _, record, _ in found[:3]] == [record["paragraphs"] for _, record, _ in found[3:]]


class Endless:
    """Documents of one content, counted as they are read."""

    def __init__(self, content: str | bytes) -> None:
        self.content, self.read_so_far = content, 0

    def __iter__(self) -> Iterator[Given]:
        while True:
            self.read_so_far += 1
            yield Given(str(self.read_so_far), self.content)


def test_no_more_is_read_than_three_buffers_hold(make_extractor: Callable[..., Extractor]) -> None:
    documents = Endless("各村要查完隐患。")
    engine = Engine(make_extractor(), buffer=90)  # ten documents of eight characters
    running = engine.records(documents)
    names = [next(running)[1].source for _ in range(25)]
    assert names == [str(i) for i in range(1, 26)]
    running.close()  # type: ignore[attr-defined]
    assert documents.read_so_far <= 10 * 6
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("reading", "model"))]


def test_what_is_no_text_takes_as_much_of_a_buffer(make_extractor: Callable[..., Extractor]) -> None:
    documents = Endless(bytes(80))
    running = Engine(make_extractor(), buffer=90).records(documents)
    assert next(running)[1].error
    running.close()  # type: ignore[attr-defined]
    assert documents.read_so_far <= 6


@pytest.mark.parametrize("buffer", [1, 20, 1000])
def test_what_the_source_raises_comes_after_the_records_before_it(
    make_extractor: Callable[..., Extractor], buffer: int
) -> None:
    def failing() -> Iterator[Given]:
        yield from (Given(str(i), "各村要查完隐患。") for i in range(3))
        raise OSError("the disk is gone")

    names = []
    with pytest.raises(OSError, match="the disk is gone"):
        for _, record, _ in Engine(make_extractor(), buffer=buffer).records(failing()):
            names.append(record.source)
    assert names == ["0", "1", "2"]


@pytest.mark.parametrize("encoder", ["modernbert", "bert"])
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 0.3), ("int8", 2.0)])
def test_the_copy_for_inference_says_what_the_model_says(
    make_extractor: Callable[..., Extractor], encoder: str, precision: str, tolerance: float
) -> None:
    """Local layers in blocks, padding in the batch; lower precisions are near and leave the model as it was."""
    model = make_extractor().model
    if encoder == "bert":
        small = BertConfig(vocab_size=200, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12)
        model = ZhenglingModel(model.config, BertModel(small)).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fast = for_inference(model, torch.device("cpu"), precision)
    mask = torch.ones(2, 190, dtype=torch.long)
    mask[1, 100:] = 0
    ids = torch.randint(5, 60, mask.shape, generator=torch.Generator().manual_seed(1)) * mask
    pieces = torch.where(mask > 0, 0, -1)
    with torch.inference_mode():
        wanted = model(ids, mask, pieces, piece_count=1)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            found = fast(ids, mask, pieces, piece_count=1)
    for name in ("directives", "slots"):
        assert torch.allclose(wanted[name][mask > 0], found[name][mask > 0].float(), atol=tolerance)
    assert torch.allclose(wanted.themes, found.themes.float(), atol=tolerance)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_long_paragraph_is_tokenized_in_stretches(extractor: Extractor) -> None:
    text = "各村要查完隐患，不得瞒报漏报。" * (2 * LONG // 15) + "各" * 2 * LONG
    document = tokenize_paragraphs(text, [(0, 3), (3, len(text))], extractor.tokenizer)
    assert document.paragraphs == ((0, 3), (3, len(text)))
    assert document.starts.tolist() == list(range(len(text)))
    vocabulary = extractor.tokenizer.get_vocab()
    assert document.ids.tolist() == [vocabulary[character] for character in text]


def test_an_unknown_repair_is_told_at_once(extractor: Extractor) -> None:
    with pytest.raises(ValueError, match="unknown repairs"):
        Engine(extractor, off=["paint"])


def test_int8_is_for_inference_on_a_cpu() -> None:
    assert choose_precision("int8", torch.device("cpu")) == "int8"
    with pytest.raises(ConfigError, match="int8 runs on a CPU, got the device cuda"):
        choose_precision("int8", torch.device("cuda"))
    with pytest.raises(ConfigError, match="int8 is for inference"):
        mixed_precision("int8")
