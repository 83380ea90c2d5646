"""Peak resident memory over a long stream of documents and over one line of 10 MB, each in a process of its own.

Run:    python -m benchmarks.infer_memory stream MEGABYTES | line MEGABYTES      (prints JSON)

The texts repeat themselves, so that most windows are answered from memory and the run is short; cleaning, tokenizing,
laying out, decoding and writing have all of the text to do.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from zhengling.extraction.engine import Engine
from zhengling.extraction.loading import load
from zhengling.files.sinks import json_parts

ROOT = Path(__file__).parent.parent
SENTENCES = ("会议要求，各村要在六月底前查完隐患，不得瞒报漏报。", "全县上半年新建渠道十二公里。", "我们将启动老旧小区改造，")
LINE = 10
"""Megabytes of the one line."""
MOMENTS = 40
"""About so many are kept of the moments at which memory is measured."""


def measure_memory(megabytes: int) -> dict[str, Any]:
    """What both processes say."""
    return {"stream": _apart("stream", megabytes), "line": _apart("line", LINE)}


def _apart(case: str, megabytes: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.infer_memory", case, str(megabytes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


class Text:
    """A document for the engine."""

    error = None

    def __init__(self, number: int, content: str) -> None:
        self.name, self.content = str(number), content


def stream(megabytes: int) -> Iterator[Text]:
    """Documents of three kilobytes, each a run of paragraphs out of a hundred different ones."""
    paragraphs = [SENTENCES[i % 3] * (1 + i % 4) + str(i) for i in range(100)]
    size = 0
    for number in itertools.count():
        text = "\n".join(paragraphs[(number * 7 + i) % 100] for i in range(20))
        size += len(text.encode())
        yield Text(number, text)
        if size >= megabytes * 1_000_000:
            return


def line(megabytes: int) -> Iterator[Text]:
    """One document without a line break whose windows, 190 tokens apart, are equal."""
    unit = "".join(itertools.islice(itertools.cycle(SENTENCES[0] + SENTENCES[2]), 190))
    yield Text(0, unit * (megabytes * 1_000_000 // len(unit.encode())))


def _peak() -> int:
    """The most that this process ever had; ``ru_maxrss`` begins with what its parent had, a whole benchmark."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def main() -> None:
    """The command, see the head of this file."""
    case, megabytes = sys.argv[1], int(sys.argv[2])
    documents = {"stream": stream, "line": line}[case](megabytes)
    process = psutil.Process()
    engine = Engine(load(device="cpu"))
    loaded = process.memory_info().rss
    began, seen = time.process_time(), [loaded]
    with Path("/dev/null").open("w", encoding="utf-8") as out:
        for number, (_, record, _) in enumerate(engine.records(documents)):
            out.writelines(json_parts(record))
            if number % 250 == 249:
                seen.append(process.memory_info().rss)
    stats = engine.stats
    result = {
        "megabytes": megabytes,
        "peak": _peak(),
        "loaded": loaded,
        "over_time": seen[:: max(1, len(seen) // MOMENTS)],
        "seconds": time.process_time() - began,
        "documents": stats.documents,
        "characters": stats.characters,
        "windows": stats.windows,
        "cached": stats.cached,
        "errors": stats.errors,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
