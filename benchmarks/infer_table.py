"""The figures of infer.json as the tables of INFER.md."""

from __future__ import annotations

from typing import Any

from benchmarks.infer_gpu_table import as_section

MB = 1_000_000
_SHAPES = {"compact": "the default model", "wide": "12 × 768 (BERT)"}


def as_markdown(result: dict[str, Any]) -> str:
    """The whole page."""
    machine = result.get("machine") or dict.fromkeys(("cpu", "torch", "python"), "none yet")
    parts = [
        "# Batch inference\n\n",
        f"Made by `make bench-infer`, its parts in runs of their own (`--only`): one thread, {machine['cpu']}, torch {machine['torch']}, Python {machine['python']}. Seconds are those of ",
        "the CPU, since other work ran on the machine; variants take turns, figures are medians over the rounds. The stock pipelines of ",
        "`transformers` get the clean text and do token classification over stretches of 512 tokens (stride 64) and text classification per ",
        "paragraph, with plain heads on an encoder of the same shape, in float32 as a user gets them; ours reads, repairs, finds directives, ",
        "slots and themes, and builds records, in the precision that a user gets on this machine. ",
        "A bar is the goal that was set beforehand.\n\n",
        _speed({name: result[name] for name in _SHAPES if name in result}),
        "\nThe share is of a 2048³ product in the same precision measured before and after; operations of the model: 2 × the weights of linear and ",
        "convolution layers per token, special tokens counted and padding not, and 4 × width × the tokens seen, per token and layer.\n",
        _share(result["share"]) if "share" in result else "",
        _agreement(result["agreement"]) if "agreement" in result else "",
        _equal(result["equal"]) if "equal" in result else "",
        _memory(result["memory"]) if "memory" in result else "",
        as_section(result["gpu"]) if "gpu" in result else "",
    ]
    return "".join(parts)


def _table(head: list[str], rows: list[list[str]]) -> str:
    return (
        "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(row) + " |" for row in rows)])
        + "\n"
    )


def _speed(shapes: dict[str, dict[str, Any]]) -> str:
    head = [
        "shape", "runtime", "characters × rounds", "characters/s", "stock, batch 1", "stock, batch 32", "× batch 1 (bar 3)",
        "× batch 32 (bar 6)", "× the stock in the same precision", "GFLOP/s", "of peak (bar 60 %)",
    ]  # fmt: skip
    rows = []
    for name, row in shapes.items():
        stock = [f"{row['stock'][variant]:,.0f}" for variant in ("stock_1", "stock_32")]
        for runtime, ours in row["ours"].items():
            ratios = [f"{ours[variant]:.1f}" for variant in ("stock_1", "stock_32")]
            same = (
                ["stock_1", "stock_32"] if ours["precision"] == "fp32" else [f"stock_{n}_{ours['precision']}" for n in (1, 32)]
            )
            share = f"{ours['share_of_peak']:.0%} of {ours['peak_gigaflops']:.0f}"
            size, speed = f"{row['characters']:,} × {row['rounds']}", f"{ours['characters_per_second']:,.0f}"
            alike = ", ".join(f"{ours[variant]:.1f}" for variant in same)
            engine = f"{runtime}, {ours['precision']}"
            rows.append([_SHAPES[name], engine, size, speed, *stock, *ratios, alike, f"{ours['gigaflops']:.0f}", share])
    return _table(head, rows)


def _share(row: dict[str, Any]) -> str:
    seconds = row["seconds"]
    return (
        f"\n## Small documents\n\n{row['documents']} documents of {row['characters'] / row['documents']:.0f} characters, default model in {row['precision']}: the model takes "
        f"{row['share']:.1%} of the CPU time (bar 85 %, the median of {row['rounds']} rounds; what lies above 100 % is noise). Medians of each part by itself, in seconds, "
        f"which need not add up: the whole {seconds['whole']:.2f}, the model {seconds['model']:.2f}, cleaning {seconds['cleaning']:.2f}, "
        f"with tokenizing {seconds['cleaning and tokenizing']:.2f}, decoding {seconds['decoding']:.2f}.\n"
    )


def _agreement(row: dict[str, Any]) -> str:
    rows = [
        [name, f"{each['directives']:.2%}", f"{each['slots']:.2%}", f"{each['themes']:.2%}", f"{each['time']:.2f}"]
        for name, each in row.items()
        if isinstance(each, dict)
    ]
    return (
        f"\n## Lower precision\n\nThe default model on {row['tokens']:,} tokens of data/zhenggao/test: what keeps its decoded tag, and its theme "
        "(bar 99.8 %), against float32, and the CPU time against float32's. A CPU without bf16 in hardware emulates it.\n\n"
        + _table(["precision", "directive tags", "slot tags", "themes", "time"], rows)
    )


def _equal(row: dict[str, Any]) -> str:
    if "skipped" in row:
        return f"\n## Equal windows\n\n{row['skipped']}\n"
    rows = [
        [name, f"{each['windows']:,}", f"{each['equal']:,}", f"{each['equal'] / max(each['windows'], 1):.1%}"]
        for name, each in row.items()
    ]
    return (
        "\n## Equal windows\n\nA window's answer depends on all its tokens, so that only equal windows are run once. In the first documents of each "
        "file of the corpus:\n\n" + _table(["texts", "windows", "equal to an earlier one", "saved"], rows)
    )


def _memory(cases: dict[str, dict[str, Any]]) -> str:
    rows = [
        [
            name, f"{each['megabytes']}", f"{each['documents']:,}", f"{each['loaded'] / MB:,.0f}", f"{each['peak'] / MB:,.0f}",
            f"{each['cached'] / max(each['windows'], 1):.1%}", " ".join(f"{rss / MB:.0f}" for rss in _some(each["over_time"])),
        ]
        for name, each in cases.items()
    ]  # fmt: skip
    return (
        "\n## Memory\n\nResident megabytes (bar 1,500). The texts repeat themselves, so that most windows are answered from memory and the run is "
        'short; "over time" are eight moments of the run, evenly.\n\n'
        + _table(["input", "MB", "documents", "model loaded", "peak", "windows from memory", "over time"], rows)
    )


def _some(values: list[int]) -> list[int]:
    """At most eight of them, evenly."""
    step = max(1, len(values) // 8)
    return values[::step]
