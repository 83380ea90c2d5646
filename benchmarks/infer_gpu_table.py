"""The figures of infer_gpu as a section of INFER.md."""

from __future__ import annotations

from typing import Any

SHAPES = {"wide": "12 × 768 (BERT)", "compact": "the default model"}
STAGES = ("reading", "cleaning", "model", "decoding")


def as_section(figures: dict[str, Any]) -> str:
    """The whole section; a step that was skipped or failed says so in its row."""
    machine, peak = figures["machine"], figures.get("peak", {})
    shapes = {name: figures[name] for name in SHAPES if name in figures}
    parts = [
        f'\n## On a GPU\n\nMade by `make bench-infer ARGS="--only gpu gpu-compiled"`: {machine["gpu"]}, torch {machine["torch"]}, transformers ',
        f"{machine['transformers']}, Python {machine['python']}; seconds are those of the clock. An 8192³ product in bf16: ",
        f"{peak['teraflops']:.0f} TFLOP/s.\n" if "teraflops" in peak else f"{_trouble(peak)}.\n",
        "\nFrom texts to records, equal windows run again each time, spans rare in the random weights of both; the stock pipelines in ",
        "bf16 on a part of the texts. Steady: behind the first third, when the cleaning processes are there.\n\n",
        _whole(shapes),
        *(_where(SHAPES[name], shape["ours"]) for name, shape in shapes.items() if "stats" in shape.get("ours", {})),
        f"\n{figures['remark']}\n" if "remark" in figures else "",
        "\nThe forward pass alone, from arrays of windows to logits on the GPU, in several ways (benchmarks/infer_gpu_variants.py):\n\n",
        _passes(shapes),
        _agreement(figures["agreement"]) if "agreement" in figures else "",
    ]
    return "".join(parts)


def _trouble(row: dict[str, Any]) -> str:
    return f"skipped: {row['skipped']}" if "skipped" in row else f"failed: {row.get('failed', 'not measured')}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _whole(shapes: dict[str, dict[str, Any]]) -> str:
    head = [
        "shape",
        "characters",
        "characters/s",
        "steady",
        "stock, best batch",
        "× stock (bar 5)",
        "× steady",
        "packed, of peak (bar 40 %)",
    ]
    rows = []
    for name, shape in shapes.items():
        ours, stock = shape.get("ours", {}), shape.get("stock", {})
        if "characters" not in ours or "best" not in stock:
            rows.append([SHAPES[name], f"ours {_trouble(ours)}; stock {_trouble(stock)}", *[""] * (len(head) - 2)])
            continue
        by_batch = {speed: batch for batch, speed in stock["by_batch"].items()}
        packed = (row for way, row in shape["forward"].items() if way.startswith("packed ") and "share_of_peak" in row)
        share = max((row["share_of_peak"] for row in packed), default=0.0)
        rows.append([
            SHAPES[name], f"{ours['characters']:,}", f"{ours['characters_per_second']:,.0f}", f"{ours['steady']:,.0f}",
            f"{stock['best']:,.0f} ({by_batch[stock['best']]})", f"{ours['characters_per_second'] / stock['best']:.1f}",
            f"{ours['steady'] / stock['best']:.1f}", f"{share:.0%}",
        ])  # fmt: skip
    return _table(head, rows)


def _where(shape: str, ours: dict[str, Any]) -> str:
    stats = ours["stats"]
    stages = ", ".join(f"{name} {stats[name]:.1f} s" for name in STAGES)
    return (
        f"\n{shape}: of {ours['seconds']:.1f} s, stages that overlap, {stages}; {ours['cleaners']} cleaning processes, "
        f"{ours['budget']:,} tokens at a time, {stats['cached']} of {stats['windows']:,} windows from memory, "
        f"{ours['directives']:,} directives, {stats['errors']} errors.\n"
    )


def _passes(shapes: dict[str, dict[str, Any]]) -> str:
    rows = []
    for name, shape in shapes.items():
        for variant, row in shape.get("forward", {}).items():
            way, _, budget = variant.rpartition(" ")
            if "share_of_peak" not in row:
                rows.append([SHAPES[name], way, f"{int(budget):,}", _trouble(row), "", "", "", "", ""])
                continue
            rows.append([
                SHAPES[name], way, f"{int(budget):,}", f"{row['tokens_per_second']:,.0f}", f"{row['teraflops']:.0f}",
                f"{row['share_of_peak']:.0%}", f"{row['encoder']:.0%}" if "encoder" in row else "",
                f"{row['memory'] / 1e9:.1f}", f"{row['warming']:.1f}",
            ])  # fmt: skip
    head = ["shape", "way", "tokens at a time", "tokens/s", "TFLOP/s", "of peak", "encoder's share", "GB", "warming, s"]
    return _table(head, rows)


def _agreement(row: dict[str, Any]) -> str:
    if "tokens" not in row:
        return f"\nAgreement with fp32 {_trouble(row)}.\n"
    rows = [
        [name, *(f"{each[label]:.2%}" for label in ("directives", "slots", "themes"))]
        for name, each in row.items()
        if isinstance(each, dict)
    ]
    return (
        f"\nThe default model on {row['tokens']:,} tokens of data/zhenggao/test: what keeps its decoded tag, and its theme (bar 99.8 %), "
        "against padded float32 on the same GPU:\n\n" + _table(["pass", "directive tags", "slot tags", "themes"], rows)
    )
