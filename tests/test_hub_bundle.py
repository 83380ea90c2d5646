"""The remote code of a repository is the package's own, made flat."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

import pytest
from transformers.dynamic_module_utils import get_imports, get_relative_import_files

from zhengling.hub.bundle import bundle
from zhengling.hub.repository import ENTRIES
from zhengling.text.frequencies import PATH


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    for name, text in bundle(ENTRIES).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_transformers_finds_every_file_from_the_pipeline(files: Path) -> None:
    entry = files / "pipeline_zhengling.py"
    assert {entry, *map(Path, get_relative_import_files(entry))} == set(files.glob("*.py"))


def test_only_three_packages_are_needed(files: Path) -> None:
    from_outside = {name for path in files.glob("*.py") for name in get_imports(path)}
    import sys

    assert from_outside - set(sys.stdlib_module_names) == {"huggingface_hub", "numpy", "torch", "transformers"}


def test_a_module_differs_from_the_package_in_its_imports_only(files: Path) -> None:
    import zhengling.modeling.decoding as ours

    def rest(path: Path) -> list[str]:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        return [ast.unparse(node) for node in body if not isinstance(node, ast.ImportFrom)]

    assert rest(files / "zhengling_modeling_decoding.py") == rest(Path(str(ours.__file__)))


def test_a_data_file_goes_along(files: Path) -> None:
    held = runpy.run_path(str(files / "zhengling_text_frequencies_data.py"))["FILE"]
    assert held.read_bytes() == PATH.read_bytes()


def test_an_import_without_a_relative_form_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stray.py").write_text("import re\nfrom zhengling.text import reader\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"stray, line 2: expected from zhengling\.ROOM\.MODULE import NAME"):
        bundle({"stray": "stray"})
