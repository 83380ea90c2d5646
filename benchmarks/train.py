"""Tokens per second of fine-tuning: the stock recipe of the ``transformers`` examples and ours, in turns, in one run.

Run:    python -m benchmarks.train [--shape compact|base] [--device auto|cpu|cuda] [--steps 3] [--rounds 3]
        [--batches 8 16 32] [--fixed 8 16 32] [--compile]
Reads:  60 documents of data/zhenggao/train; all weights are random
Leaves: benchmarks/train.json (a run of another shape, device or precision stands beside the others), benchmarks/TRAIN.md
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch
from accelerate import Accelerator

from benchmarks.train_machine import matrix_peak
from benchmarks.train_recipes import Ours, Slot, Stock, our_collator, paragraph_rows, stock_collator, stock_model, stock_rows
from zhengling.gold.loading import load_gold
from zhengling.modeling.precision import choose_precision, first_device, mixed_precision
from zhengling.scheme.labels import DEFAULT_SCHEME
from zhengling.settings import load_settings
from zhengling.training.building import build_model
from zhengling.training.examples import Alignment, LabelledWindow, build_example
from zhengling.training.settings import TrainSettings
from zhengling.training.trainer import Trainer

HERE = Path(__file__).parent
ROOT = HERE.parent
SHAPES = {
    "compact": ["encoder.layers=6", "encoder.width=256", "encoder.inner=384", "encoder.heads=4"],
    "base": ["encoder.layers=12", "encoder.width=768", "encoder.inner=1152", "encoder.heads=12"],
}
DOCUMENTS = 60
HEAD = """# How fast fine-tuning is

Made by `make bench-train` (12 × 768 on a GPU: `make bench-train ARGS="--shape base --device cuda --steps 20"`). The
same 60 documents, the same encoder with random weights, the same precision. Ours: `train.py`. Stock:
`transformers.Trainer` on shuffled rows, each a paragraph cut at 512 tokens; once with our model and its three heads,
so that the recipe alone differs, and once as the token-classification example has it: one linear layer for the tags
of directives, which is less work, `DataCollatorForTokenClassification`, attention `sdpa`. Tokens are those learnt
from: no padding, no special ones, none twice. The recipes take turns; medians over the rounds, the ratio of two
recipes within each round. Operations: 3 × the forward pass of real tokens (2 per weight and token, 4 × width × tokens
seen for attention), against a square matrix product just before. Memory: the most held beyond what was held before
the turn (the weights were there already). On a CPU the seconds are those in which it worked for the run, per thread:
other programs on the machine do not count.
"""
BUDGET = {"cpu": 2048, "cuda": 16384}
"""Tokens per batch of ours; on a CPU that of configs/compact.yaml."""


def main() -> None:
    """The command, see the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=list(SHAPES), default="compact", help="6 × 256 or 12 × 768 (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=3, help="timed steps of ours and of batches of 16 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each recipe (default: %(default)s)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--precision", default="auto", help="auto, bf16, fp16 or fp32 (default: %(default)s)")
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 16, 32], help="batch sizes, dynamic padding")
    parser.add_argument("--fixed", type=int, nargs="+", default=[8, 16, 32], help="batch sizes, padding to 512")
    parser.add_argument("--compile", action="store_true", help="also time ours with compile=true")
    options = parser.parse_args()
    device = first_device() if options.device == "auto" else torch.device(options.device)
    precision = choose_precision(options.precision, device)
    with tempfile.TemporaryDirectory() as folder:
        recipes = build_recipes(options, device, precision, Path(folder))
        rounds: list[dict[str, dict[str, float]]] = []
        for number in range(options.rounds):
            rounds.append(measure_round(recipes, options.steps, number, device, precision))
            record(f"{options.shape}, {device.type}, {precision}", options, device, rounds)
    print((HERE / "TRAIN.md").read_text(encoding="utf-8"))


def build_recipes(options: argparse.Namespace, device: torch.device, precision: str, folder: Path) -> list[Ours | Stock]:
    """Ours, the stock one with a model like ours, and the stock one with the stock head over the same encoder."""
    trainer, rows = build_trainer(options, device, precision, folder)
    recipes: list[Ours | Stock] = [Ours(trainer)]
    if options.compile:
        compiled = Ours(build_trainer(options, device, precision, folder, "compile=true")[0])
        compiled.name = "ours, compiled"
        recipes.append(compiled)
    tokenizer = trainer.tokenizer
    how: dict[str, Any] = {"device": device, "precision": precision}
    same = build_trainer(options, device, precision, folder)[0].model
    for size in options.batches:
        name = f"stock with our model, dynamic padding, batch {size}"
        recipes.append(Stock(name, same, rows, our_collator(tokenizer.pad_token_id), batch=size, **how))
    model, plain = stock_model(trainer), stock_rows(rows)
    for padding, sizes in (("dynamic padding", options.batches), ("padded to 512", options.fixed)):
        collator = stock_collator(tokenizer, fixed=padding == "padded to 512")
        recipes += [Stock(f"stock, {padding}, batch {size}", model, plain, collator, batch=size, **how) for size in sizes]
    return recipes


def build_trainer(
    options: argparse.Namespace, device: torch.device, precision: str, folder: Path, *more: str
) -> tuple[Trainer, list[LabelledWindow]]:
    """A trainer as ``train.py`` makes it, and the paragraphs of the same gold."""
    places = [f"data.train=[{ROOT / 'data' / 'zhenggao' / 'train'}]", f"output={folder}", "report=[]"]
    budget = f"optim.batch_tokens={BUDGET[device.type]}"
    settings = load_settings(TrainSettings, None, [*SHAPES[options.shape], *places, budget, "optim.average=0.98", *more])
    gold, scheme = load_gold(settings.data.train)[:DOCUMENTS], DEFAULT_SCHEME
    torch.manual_seed(settings.seed)
    model, tokenizer = build_model(settings, scheme, gold)
    examples = [build_example(d, tokenizer, scheme, settings.model.window, Alignment()) for d in gold]
    accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision=mixed_precision(precision, device))
    return Trainer(settings, accelerator, model, tokenizer, examples), paragraph_rows(examples, tokenizer)


def measure_round(
    recipes: list[Ours | Stock], steps: int, number: int, device: torch.device, precision: str
) -> dict[str, dict[str, float]]:
    """Each recipe once, by its name, with the peak of the machine measured just before it."""
    result = {}
    for recipe in recipes:
        peak = matrix_peak(device, precision)
        slot: Slot = recipe.run(steps, number + 1)
        result[recipe.name] = {
            "tokens_per_second": slot.tokens / slot.seconds,
            "share_of_peak": slot.operations / slot.seconds / peak,
            "peak_operations": peak,
            "memory": slot.memory,
        }
        print(f"round {number + 1}  {recipe.name:48} {slot.tokens / slot.seconds:9,.0f} tokens/s", flush=True)
    return result


def record(key: str, options: argparse.Namespace, device: torch.device, rounds: list[dict[str, dict[str, float]]]) -> None:
    """Put the run beside the earlier ones of other shapes and devices, and write the page of all."""
    path = HERE / "train.json"
    runs: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    runs[key] = {
        "machine": f"{machine}, threads: {torch.get_num_threads()}" if device.type == "cpu" else machine,
        "torch": torch.__version__,
        "steps": options.steps,
        "rounds": rounds,
    }
    path.write_text(json.dumps(runs, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (HERE / "TRAIN.md").write_text(as_markdown(runs), encoding="utf-8")


def as_markdown(runs: dict[str, Any]) -> str:
    """All runs as tables."""
    parts = [HEAD]
    for key, run in runs.items():
        parts += [
            f"\n## {key}\n\n{run['machine']}, torch {run['torch']}; {len(run['rounds'])} rounds of {run['steps']} steps.\n\n"
        ]
        parts += [_table(run["rounds"])]
    return "".join(parts)


def _table(rounds: list[dict[str, dict[str, float]]]) -> str:
    lines = ["| recipe | tokens/s | share of matrix peak | peak memory, MB | ours is faster by |", "|---|---|---|---|---|"]
    for name in rounds[0]:
        middle = {key: median(turn[name][key] for turn in rounds) for key in rounds[0][name]}
        ratios = [turn["ours"]["tokens_per_second"] / turn[name]["tokens_per_second"] for turn in rounds]
        spread = f"{median(ratios):.2f} × ({min(ratios):.2f}–{max(ratios):.2f})" if name != "ours" else ""
        lines.append(
            f"| {name} | {middle['tokens_per_second']:,.0f} | {middle['share_of_peak']:.0%} "
            f"| {middle['memory'] / 1e6:,.0f} | {spread} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
