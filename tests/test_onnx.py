"""A model's ONNX graph answers as the model does, and is taken when it is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from zhengling.errors import ConfigError, ModelError, OutputError
from zhengling.extraction.engine import Engine
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.loading import load
from zhengling.files.sources import SourceDocument
from zhengling.hub.onnx_folder import export_onnx_folder
from zhengling.modeling import onnx_model
from zhengling.text import read

TEXTS = ["各村要在6月底前查完120处隐患。" * 9 + "\n不得瞒报漏报。\n来源：柳湾发布\n", "我们将启动“暖心”工程。\n" * 40, "要。"]


@pytest.fixture(scope="module")
def folder(extractor: Extractor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("onnx") / "model"
    assert 0 < export_onnx_folder(extractor, place) < 1e-3
    assert b"Loop" not in (place / onnx_model.FILE).read_bytes()  # a step per token
    return place


def test_the_graph_answers_as_the_model(folder: Path, extractor: Extractor) -> None:
    graph = load(folder, device="cpu", runtime="onnx")
    assert (graph.runtime, load(folder, device="cpu").runtime) == ("onnx", "torch")
    texts = [read(text) for text in TEXTS]
    documents = [extractor.tokenize(text) for text in texts]
    for ours, theirs in zip(extractor.predict(documents), graph.predict(documents), strict=True):
        for name in ("directives", "slots", "themes"):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-3)
    names = ["a", "b", "c"]
    for ours, theirs in zip(extractor.extract(texts, names), graph.extract(texts, names), strict=True):
        assert [(d.start, d.end, d.kind) for d in ours.directives] == [(d.start, d.end, d.kind) for d in theirs.directives]
        assert [p.themes for p in ours.paragraphs] == [p.themes for p in theirs.paragraphs] and theirs.paragraphs


def test_a_graph_of_another_model_is_not_written_as_good(make_extractor: Callable[..., Extractor], tmp_path: Path) -> None:
    """What is exported is run beside the model: a model that answers differently each time is refused."""
    model = make_extractor(seed=3).model
    model.directive_head.norm.register_forward_hook(lambda module, given, made: made + torch.rand(()) * 9)
    with pytest.raises(ModelError, match="differs from the model by"):
        onnx_model.export_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_window_that_the_graph_cannot_run_fails_alone(folder: Path) -> None:
    graph = load(folder, device="cpu", runtime="onnx")
    run = graph.forward.model.session.run

    class Session:
        def run(self, names, feed):  # type: ignore[no-untyped-def]
            if feed["input_ids"].shape[0] > 1 or feed["input_ids"].shape[1] > 20:
                raise onnxruntime.capi.onnxruntime_pybind11_state.Fail("no memory")
            return run(names, feed)

    graph.forward.model.session = Session()
    found = [record for _, record, _ in Engine(graph).records(SourceDocument(str(n), text) for n, text in enumerate(TEXTS))]
    assert [bool(record.error) for record in found] == [True, True, False]


def test_what_does_not_fit_is_refused(folder: Path, model_folder: Path, tmp_path: Path, extractor: Extractor) -> None:
    with pytest.raises(ModelError, match=r"no .*model\.onnx"):
        load(model_folder, device="cpu", runtime="onnx")
    with pytest.raises(ConfigError, match="onnx is for fp32 on a CPU, got bf16"):
        load(folder, device="cpu", runtime="onnx", precision="bf16")
    with pytest.raises(ConfigError, match="runtime: got 'tensorrt'"):
        load(folder, device="cpu", runtime="tensorrt")
    (model_folder / onnx_model.FILE).write_bytes(b"no graph")
    with pytest.raises(ModelError, match="Expected a graph that zhengling export-onnx wrote"):
        load(model_folder, device="cpu", runtime="onnx")
    with pytest.raises(OutputError, match="is not empty"):
        export_onnx_folder(extractor, model_folder)
    with pytest.raises(OutputError, match="cannot write"):
        export_onnx_folder(extractor, model_folder / onnx_model.FILE)
