"""How fast the engine is, beside the stock pipelines of transformers and the matrix products of the machine; what it keeps in memory.

Run:    python -m benchmarks.infer [--characters 5000] [--wide-characters 1000] [--rounds 2] [--megabytes 8] [--only PART ...]
        python -m benchmarks.infer --only gpu gpu-compiled [--copies 30] [--cleaners 4] [--seconds 90]    (where there is a GPU)
Reads:  data/zhenggao/test, the default model; ../shared/corpus for the count of equal windows, if it is there
Leaves: benchmarks/infer.json, benchmarks/INFER.md, or those of another --folder, whose other figures are kept

Times are seconds of CPU on one thread, so that other work on the machine does not count; variants take turns. On a GPU they
are those of the clock.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

from benchmarks.infer_agreement import measure_agreement, measure_equal_windows
from benchmarks.infer_gpu import measure_compiled, measure_gpu
from benchmarks.infer_memory import measure_memory
from benchmarks.infer_speed import measure_share, measure_speed
from benchmarks.infer_table import as_markdown
from zhengling.gold.loading import load_gold

HERE = Path(__file__).parent
ROOT = HERE.parent
PARTS = ["compact", "wide", "share", "agreement", "equal", "memory"]
GPU_PARTS = ["gpu", "gpu-compiled"]


def main() -> None:
    """The command, see the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=5000, help="of the compact shape (default: %(default)s)")
    parser.add_argument("--wide-characters", type=int, default=1000, help="of the 12 × 768 shape (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="how often each variant runs (default: %(default)s)")
    parser.add_argument("--megabytes", type=int, default=8, help="of the stream whose memory is watched (default: %(default)s)")
    parser.add_argument("--copies", type=int, default=30, help="of the texts, on a GPU (default: %(default)s)")
    parser.add_argument("--cleaners", type=int, default=4, help="processes that clean, on a GPU (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=90, help="of each part on a GPU, after which nothing is begun (default: %(default)s)"
    )
    parser.add_argument("--remark", help="a sentence on the figures of a GPU that is kept with them")
    parser.add_argument("--folder", type=Path, default=HERE, help="of infer.json and INFER.md (default: %(default)s)")
    parser.add_argument(
        "--only", nargs="+", choices=[*PARTS, *GPU_PARTS], default=PARTS, help="measure these anew and keep the other figures"
    )
    options = parser.parse_args()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(1)
    texts = [document.text for document in load_gold([ROOT / "data" / "zhenggao" / "test"])]
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / "infer.json"
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def save(part: str, figures: dict[str, Any]) -> None:
        result[part] = figures
        path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        (options.folder / "INFER.md").write_text(as_markdown(result), encoding="utf-8")

    measures = {
        "compact": lambda: measure_speed("compact", first(texts, options.characters), options.rounds),
        "wide": lambda: measure_speed("wide", first(texts, options.wide_characters), options.rounds),
        "share": lambda: measure_share(first(texts, options.characters), options.rounds),
        "agreement": lambda: measure_agreement(first(texts, options.characters)),
        "equal": lambda: measure_equal_windows(ROOT.parent / "shared" / "corpus"),
        "memory": lambda: measure_memory(options.megabytes),
    }

    def of_gpu(figures: dict[str, Any]) -> None:
        save("gpu", {**figures, "remark": options.remark} if options.remark else figures)

    gpu_measures = {
        "gpu": lambda: measure_gpu(texts, options.copies, options.cleaners, options.seconds, of_gpu),
        "gpu-compiled": lambda: measure_compiled(texts, options.seconds, of_gpu, result.get("gpu", {})),
    }
    for part in options.only:
        if part in measures:
            save("machine", this_machine())
            save(part, measures[part]())
            print(part, json.dumps(result[part], ensure_ascii=False), flush=True)
        else:
            gpu_measures[part]()


def this_machine() -> dict[str, str]:
    """What the figures of a CPU depend on."""
    cpu = torch.backends.cpu.get_cpu_capability()
    return {"cpu": cpu, "torch": torch.__version__, "python": platform.python_version()}


def first(texts: list[str], characters: int) -> list[str]:
    """The first texts that together have so many characters, the last one cut at a line."""
    chosen: list[str] = []
    for text in texts:
        room = characters - sum(map(len, chosen))
        if room <= 0:
            break
        chosen.append(text if len(text) <= room else text[: text.find("\n", room) + 1 or len(text)])
    return chosen


if __name__ == "__main__":
    main()
