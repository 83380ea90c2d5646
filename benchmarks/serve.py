"""How the service bears many clients at once: errors, latency, throughput.

Run:    python -m benchmarks.serve [--clients 64] [--seconds 60] [--model FOLDER_OR_NAME]
Reads:  data/zhenggao/test: each request is two paragraphs of it, drawn at random, so that the model's memory of equal
        windows does not help
Leaves: benchmarks/serve.json, benchmarks/SERVE.md

Starts `zhengling serve` with its defaults on a free port; each client sends its next request when it has its answer. An
error is a status other than 200, a broken connection, or a record that is not of the text that was sent.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from zhengling.gold.loading import load_gold

HERE = Path(__file__).parent
ROOT = HERE.parent
P99_BAR = 6.0
"""How many times the median the slowest hundredth may take."""


def main() -> None:
    """The command, see the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64, help="clients at once (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="how long they go on asking (default: %(default)s)")
    parser.add_argument("--model", help="folder or hub name (default: the model that ships with the package)")
    options = parser.parse_args()
    documents = load_gold([ROOT / "data" / "zhenggao" / "test"])
    texts = [document.text[p.start : p.end] for document in documents for p in document.paragraphs]
    with service(options.model) as port:
        ask(port, texts[0])
        load_before = os.getloadavg()[0]
        clients = run_clients(port, texts, options.clients, options.seconds)
        batches = scrape(port)
    threads = (
        f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}" if "OMP_NUM_THREADS" in os.environ else "torch's number of threads"
    )
    result = {
        "model": options.model or "the default model",
        "machine": f"{len(os.sched_getaffinity(0))} cores of {platform.machine()}, {threads} for the model, "
        f"load {load_before:.1f} before",
        **figures(clients, options.seconds),
        **batches,
    }
    (HERE / "serve.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (HERE / "SERVE.md").write_text(page(result), encoding="utf-8")
    print(page(result))


class Client(threading.Thread):
    """Asks for one text after another until the time is over; ``answers`` holds status or error, and seconds, of each."""

    def __init__(self, port: int, texts: Sequence[str], until: float, seed: int) -> None:
        super().__init__(daemon=True)
        self._port, self._texts, self._until, self._random = port, texts, until, random.Random(seed)
        self.answers: list[tuple[str, float]] = []
        self.characters = 0

    def run(self) -> None:
        """Ask."""
        while time.monotonic() < self._until:
            text = "\n".join(self._random.sample(self._texts, 2))
            started = time.perf_counter()
            status = ask(self._port, text)
            self.answers.append((status, time.perf_counter() - started))
            self.characters += len(text) if status == "200" else 0


def ask(port: int, text: str) -> str:
    """The status of the answer to one request, or the name of what went wrong."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        body = json.dumps({"texts": [text]}).encode()
        connection.request("POST", "/v1/extract", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        told = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return type(error).__name__
    finally:
        connection.close()
    if response.status == 200:
        [record] = told["records"]
        spans = [*record["directives"], *(slot for directive in record["directives"] for slot in directive["slots"])]
        right = record["characters"] == len(text) and all(text[s["start"] : s["end"]] == s["text"] for s in spans)
        return "200" if right and record["error"] is None else "wrong record"
    return str(response.status)


@contextmanager
def service(model: str | None) -> Iterator[int]:
    """The port of a service in a process of its own, which is stopped with SIGTERM."""
    code = "import sys; from zhengling.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "serve", "--port", "0", *(["--model", model] if model else [])]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                yield int(found[1])
                break
        else:
            sys.exit(f"the service did not start: exit status {process.wait()}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)


def run_clients(port: int, texts: Sequence[str], count: int, seconds: float) -> list[Client]:
    """The clients, after all have had their last answers."""
    until = time.monotonic() + seconds
    clients = [Client(port, texts, until, seed) for seed in range(count)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return clients


def scrape(port: int) -> dict[str, float]:
    """What the service's own metrics say of its batches."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read().decode()
    connection.close()
    value = {name: float(number) for name, number in re.findall(r"^(zhengling_\w+) (\S+)$", metrics, re.M)}
    return {
        "batches": value["zhengling_batch_documents_count"],
        "texts_per_batch": value["zhengling_batch_documents_sum"] / value["zhengling_batch_documents_count"],
        "batch_seconds": value["zhengling_batch_seconds_total"],
    }


def figures(clients: Sequence[Client], seconds: float) -> dict[str, Any]:
    """Counts, and latencies in seconds of the requests that were answered with 200."""
    answers = [answer for client in clients for answer in client.answers]
    statuses = Counter(status for status, _ in answers)
    good = np.array([taken for status, taken in answers if status == "200"] or [np.nan])
    p50, p99 = float(np.percentile(good, 50)), float(np.percentile(good, 99))
    return {
        "clients": len(clients),
        "seconds": seconds,
        "requests": len(answers),
        "errors": len(answers) - statuses["200"],
        "statuses": dict(statuses),
        "p50": p50,
        "p99": p99,
        "ratio": p99 / p50,
        "requests_per_second": statuses["200"] / seconds,
        "characters_per_second": sum(client.characters for client in clients) / seconds,
    }


def page(result: dict[str, Any]) -> str:
    """The table of ``SERVE.md``."""
    met = ["missed", "met"]
    rows = [
        ("requests", f"{result['requests']:,}", ""),
        ("errors", f"{result['errors']}", f"0: {met[result['errors'] == 0]}"),
        ("p50", f"{result['p50']:.2f} s", ""),
        ("p99", f"{result['p99']:.2f} s", ""),
        ("p99 / p50", f"{result['ratio']:.2f}", f"≤ {P99_BAR:g}: {met[result['ratio'] <= P99_BAR]}"),
        ("requests/s", f"{result['requests_per_second']:.1f}", ""),
        ("characters/s", f"{result['characters_per_second']:,.0f}", ""),
        ("texts in a run of the model", f"{result['texts_per_batch']:.1f}", ""),
    ]
    head = f"{result['clients']} clients for {result['seconds']:g} s, {result['model']}, {result['machine']}"
    lines = [f"| {name} | {value} | {bar} |" for name, value, bar in rows]
    return (
        "# The service under many clients\n\n"
        f"Made by `make bench-serve`: {head}; the clients share the cores. "
        "Each request is two paragraphs of data/zhenggao/test, drawn at random, so that hardly any text comes twice; "
        "a client sends the next one when it has its answer.\n\n| figure | measured | bar |\n|---|---|---|\n"
        + "\n".join(lines)
        + "\n"
    )


if __name__ == "__main__":
    main()
