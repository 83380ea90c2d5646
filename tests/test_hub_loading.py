"""Models by their hub names, through the real client: pushed, loaded four ways, pinned, offline, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import GOLD
from hub_client import run_client
from hub_server import TOKEN, HubServer, serve
from test_hub_repository import without_model

from zhengling.extraction.extractor import Extractor
from zhengling.gold.inline import parse_inline
from zhengling.hub.plain import export_plain
from zhengling.hub.repository import write_repository
from zhengling.hub.teaching import PlainSettings
from zhengling.text import read

SOURCE = parse_inline(GOLD, "x").text
PUSH = """
import zhengling
from zhengling.cli import main
model, plain, text = (ARGUMENTS[name] for name in ("model", "plain", "text"))
done = [
    main(["push", model, "org/tiny", "--private", "--plain", plain]),
    main(["push", model, "org/tiny", "--revision", "bare"]),
]
names = {"main": "org/tiny", "pinned": "org/tiny@" + ARGUMENTS["first"], "branch": "org/tiny@bare", "moved": "before/tiny"}
print(json.dumps({"done": done, **{k: zhengling.load(name, precision="fp32")(text).as_dict() for k, name in names.items()}}))
"""
REMOTE = """
from transformers import AutoModel, pipeline
text, name = ARGUMENTS["text"], "org/tiny"
answers = {
    "record": pipeline("directive-extraction", model=name, trust_remote_code=True, device="cpu", precision="fp32")(text),
    "model": type(AutoModel.from_pretrained(name, trust_remote_code=True)).__name__,
}
for task in ("directives", "slots"):
    kwargs = {"model_kwargs": {"subfolder": task}, "aggregation_strategy": "simple", "device": "cpu"}
    answers[task] = pipeline("token-classification", model=name, **kwargs).model.config.id2label
themes = pipeline("text-classification", model=name, model_kwargs={"subfolder": "themes"}, top_k=None, device="cpu")
answers["themes"] = sorted(item["label"] for item in themes([text], truncation=True)[0])
print(json.dumps(answers))
"""
OFFLINE = """
import zhengling
from zhengling.errors import ModelError
answers = [zhengling.load(name, precision="fp32")(ARGUMENTS["text"]).as_dict() for name in ARGUMENTS["names"]]
try:
    zhengling.load("org/never-seen")
except ModelError as error:
    answers.append(str(error))
print(json.dumps(answers))
"""
WRONG = """
import zhengling
from zhengling.cli import main
from zhengling.errors import ModelError
from zhengling.modeling.encoders import EncoderSettings, load_encoder
def told(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ModelError as error:
        return str(error)
answers = {name: told(zhengling.load, name) for name in ARGUMENTS["names"]}
answers["base"] = told(load_encoder, EncoderSettings(base="org/nothing"))
answers["push"] = main(["push", ARGUMENTS["model"], "org/new"])
print(json.dumps(answers))
"""


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with serve() as running:
        yield running


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_pushed_model_loads_four_ways_pinned_and_offline(
    hub: HubServer, model_folder: Path, extractor: Extractor, tmp_path: Path
) -> None:
    plain, home = tmp_path / "plain", tmp_path / "home"
    home.mkdir()
    export_plain(extractor, [read(SOURCE)], plain, PlainSettings(epochs=1))
    first = hub.add("org/tiny", files_of(model_folder) | {"zhengling_stale.py": b""}, private=True)
    hub.moved["before/tiny"] = "org/tiny"
    hub.cut_after = 1000
    arguments: dict[str, Any] = {"model": str(model_folder), "plain": str(plain), "text": SOURCE, "first": first}
    pushed = run_client(PUSH, home, hub=hub, token=TOKEN, arguments=arguments)
    assert pushed.value.pop("done") == [0, 0]
    ours = without_model([json.loads(json.dumps(extractor(SOURCE).as_dict()))])
    by_name = {name: without_model([record]) for name, record in pushed.value.items()}
    assert by_name == dict.fromkeys(("main", "pinned", "branch", "moved"), ours)
    assert "Trying to resume download" in pushed.stderr

    repository = hub.repositories["org/tiny"]
    write_repository(model_folder, tmp_path / "repo", "org/tiny", plain)
    assert repository.commits[repository.branches["main"]] == files_of(tmp_path / "repo")
    assert "directives/config.json" not in repository.commits[repository.branches["bare"]]

    remote = run_client(REMOTE, home, hub=hub, token=TOKEN, hidden=("zhengling",), arguments=arguments).value
    assert without_model([remote.pop("record")]) == ours
    names = ["O", "B-require", "I-require", "B-prohibit", "I-prohibit", "B-pledge", "I-pledge"]
    tags = {str(number): name for number, name in enumerate(names)}
    assert (remote["model"], remote["directives"]) == ("ZhenglingModel", tags)
    assert remote["themes"] == ["boilerplate", "economy", "livelihood", "party", "safety"]

    arguments["names"] = ["org/tiny", f"org/tiny@{first}"]
    *records, missing = run_client(OFFLINE, home, arguments=arguments).value
    assert without_model(records) == ours * 2
    assert missing == (
        "cannot load the model 'org/never-seen': 'org/never-seen' is not in the cache, and HF_HUB_OFFLINE is set"
    )


def test_what_goes_wrong_is_told_in_one_line(hub: HubServer, model_folder: Path, tmp_path: Path) -> None:
    files = files_of(model_folder)
    hub.add("org/tiny", files)
    hub.add("org/secret", files, private=True)
    hub.add("org/pickled", {**files, "pytorch_model.bin": b"x"})
    del hub.repositories["org/pickled"].commits[hub.repositories["org/pickled"].branches["main"]]["model.safetensors"]
    hub.add("org/short", {**files, "model.safetensors": files["model.safetensors"][:-100]})
    names = ["org/nothing", "org/secret", "org/tiny@v9", "org/pickled", "org/short"]
    answer = run_client(WRONG, tmp_path, hub=hub, arguments={"model": str(model_folder), "names": names})
    access = "or it is private and there is no token that may read it (HF_TOKEN, or hf auth login)"
    short = answer.value.pop("org/short")
    assert short.startswith("cannot load the model 'org/short': its weights are damaged or cut short (")
    assert answer.value == {
        "org/nothing": f"cannot load the model 'org/nothing': there is no 'org/nothing' on {hub.endpoint}, {access}",
        "org/secret": f"cannot load the model 'org/secret': there is no 'org/secret' on {hub.endpoint}, {access}",
        "org/tiny@v9": "cannot load the model 'org/tiny': 'org/tiny' has no revision 'v9'. "
        "Expected a branch, a tag or a commit of its history",
        "org/pickled": "cannot load the model 'org/pickled': it has no model.safetensors, and weights in other formats "
        "are not loaded",
        "base": f"encoder.base: cannot load 'org/nothing': there is no 'org/nothing' on {hub.endpoint}, {access}. "
        "Expected a folder or a hub name such as hfl/chinese-roberta-wwm-ext",
        "push": 2,
    }
    assert f"zhengling: cannot push to 'org/new': {hub.endpoint} refuses the request without a token" in answer.stderr
