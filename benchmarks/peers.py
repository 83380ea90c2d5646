"""zhengling beside what else one would take: trained on the same documents, scored on the same documents, in one table.

Run:    make bench-peers [ARGS="--only zhengling"], or python -m benchmarks.peers [--train PLACE ...] [--gold PLACE]
        [--only PEER ...] [--models FOLDER ...] [--output FOLDER]
Reads:  the gold that configs/default-model.yaml names (a place that is not there is left out, which is said);
        ../shared/annotation/dev; the default model
Leaves: benchmarks/peers.json, benchmarks/RESULTS.md; a peer that is not run anew keeps its row of an earlier run on the
        same data. Without the packages of the dependency group `peers`, those peers are skipped
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import logging
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.peers_table import as_markdown
from benchmarks.peers_texts import Annotator
from benchmarks.peers_zhengling import load_model
from zhengling.errors import GoldError, ZhenglingError
from zhengling.gold.loading import load_gold
from zhengling.scheme.annotation import Document, documents_hash
from zhengling.scheme.labels import DEFAULT_SCHEME
from zhengling.scoring.report import report
from zhengling.settings import load_settings
from zhengling.text import read
from zhengling.training.settings import TrainSettings

HERE = Path(__file__).parent
ROOT = HERE.parent
MODULES = {name: f"benchmarks.peers_{name}" for name in ("rules", "crf", "spacy", "fasttext")}
"""The peers that are trained here, by their modules."""
PEERS = (*MODULES, "zhengling")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Data:
    """What the peers learn from and are scored on."""

    train: Sequence[Document]
    gold: Sequence[Document]

    def hashes(self) -> dict[str, str]:
        """What a row must share with others to stand beside them."""
        return {"train": documents_hash(self.train), "gold": documents_hash(self.gold)}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a peer takes; seconds are those of the processor, all threads together."""

    training_seconds: float | None
    """None where it was not trained here."""
    characters_per_second: float
    """Of clean text, paragraphs given; cleaning is the same for all and not counted."""
    bytes: int
    """Of the files that inference needs; 0 for rules."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command, see the head of this file; exit status 2 with what the user can mend."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    options = _parser().parse_args(arguments)
    try:
        data = Data(train=load_gold(options.train or default_places()), gold=load_gold([options.gold]))
        for peer in options.only:
            for name, row in _rows(peer, options.models, data):
                rows = keep_row(options.output / "peers.json", name, row, data)
    except ZhenglingError as error:
        print(f"peers: {error}", file=sys.stderr)
        return 2
    table = as_markdown(rows)
    (options.output / "RESULTS.md").write_text(table, encoding="utf-8")
    print(table)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", nargs="+", metavar="PLACE", help="gold to learn from (default: that of the default model)")
    parser.add_argument("--gold", default="../shared/annotation/dev", metavar="PLACE", help="(default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=PEERS, default=PEERS, help="run these and keep the other rows")
    parser.add_argument("--models", nargs="+", default=[], metavar="FOLDER", help="further models of zhengling")
    parser.add_argument("--output", type=Path, default=HERE, metavar="FOLDER", help="(default: %(default)s)")
    return parser


def default_places() -> list[str]:
    """The training gold of the default model, as far as it is there; raises :class:`GoldError` if none is."""
    named = load_settings(TrainSettings, ROOT / "configs" / "default-model.yaml").data.train
    there = [place for place in named if Path(place).exists()]
    for place in sorted(set(named) - set(there)):
        logger.info("left out: %s is not there, though the default model learnt from it", place)
    if not there:
        raise GoldError(f"none of {', '.join(named)} is there. Expected some of it, or --train PLACE")
    return there


def _rows(peer: str, models: Sequence[str], data: Data) -> list[tuple[str, dict[str, Any]]]:
    """The row of a peer; of zhengling, one for the default model and for each of ``models``."""
    if peer in MODULES:
        return [(peer, trained_row(peer, data))]
    found = []
    for folder in (None, *models):
        annotate, size = load_model(folder)
        name = "zhengling" if folder is None else f"zhengling {Path(folder).name}"
        found.append((name, _row(name, annotate, None, size, ("torch", "transformers", "zhengling"), data)))
    return found


def trained_row(peer: str, data: Data) -> dict[str, Any]:
    """Train a peer and score it; where a package of it is missing, a row that says so."""
    module = importlib.import_module(MODULES[peer])
    missing = [package for package in module.PACKAGES if not _version(package)]
    if missing:
        reason = f"not installed: {', '.join(missing)}. Expected: pip install --group peers"
        logger.info("%s skipped: %s", peer, reason)
        return {"skipped": reason}
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        annotate = module.train(data.train, Path(folder))
        seconds = time.process_time() - start
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        return _row(peer, annotate, seconds, size, module.PACKAGES, data)


def _row(
    name: str, annotate: Annotator, seconds: float | None, size: int, packages: Sequence[str], data: Data
) -> dict[str, Any]:
    texts, names = [read(document.text) for document in data.gold], [document.id for document in data.gold]
    annotate(texts[:1], names[:1])  # what is done once only is not counted as speed
    start = time.process_time()
    predicted = annotate(texts, names)
    speed = sum(len(clean.text) for clean in texts) / max(1e-9, time.process_time() - start)
    result = report(predicted, data.gold, DEFAULT_SCHEME, model=name).as_dict()
    logger.info("%s: directives exact %.1f", name, 100 * result["figures"]["directives exact"]["value"])
    cost = Cost(training_seconds=seconds and round(seconds, 1), characters_per_second=round(speed), bytes=size)
    versions = {package: _version(package) for package in packages}
    made = {"date": date.today().isoformat(), "python": platform.python_version(), "machine": platform.machine()}
    return {**result, "cost": asdict(cost), "versions": versions, "made": made, "data": data.hashes()}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def keep_row(path: Path, name: str, row: dict[str, Any], data: Data) -> dict[str, dict[str, Any]]:
    """Write a row beside those of the same data that the file holds; returns all of them."""
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows = {key: kept for key, kept in earlier.items() if kept.get("data") == data.hashes()} | {name: row}
    rows = {key: rows[key] for key in sorted(rows, key=lambda key: (PEERS.index(key.split(" ")[0]), key))}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return rows


if __name__ == "__main__":
    sys.exit(main())
