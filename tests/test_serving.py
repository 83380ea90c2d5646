"""The service, over real sockets: a server in a thread, once in a process of its own."""

from __future__ import annotations

import datetime
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from zhengling.cli import main
from zhengling.errors import ConfigError
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.records import DirectiveRecord, Record
from zhengling.extraction.valuing import with_values
from zhengling.modeling.windows import TokenizedDocument
from zhengling.serving.server import GracefulServer
from zhengling.serving.settings import ServeSettings, parse_size
from zhengling.text import CleanText

TEXTS = ("各村要在6月底前查完120处隱患。\n不得瞒报漏报。", "我们将启动“暖心”工程。", "会议要求，各村(cūn)要值守。")


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    port: int
    server: GracefulServer

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return Answer(response.status, response.read(), response.headers)
        finally:
            connection.close()

    def post(self, content: object) -> Answer:
        return self.ask("POST", "/v1/extract", json.dumps(content).encode())

    def metric(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.ask("GET", "/metrics").body.decode(), re.M)
        return float(found[1]) if found else 0.0


@contextmanager
def served(extractor: Extractor, **settings: float) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = GracefulServer(extractor, ServeSettings(**settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield Served(listener.getsockname()[1], server)
        finally:
            server.handle_exit(signal.SIGTERM, None)
            thread.join(20)
    assert not thread.is_alive()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class HeldExtractor:
    """Works only once it is let, and remembers what it was given."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self.begun, self.let = threading.Event(), threading.Event()
        self.seen: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._extractor, name)

    def tokenize(self, clean: CleanText) -> TokenizedDocument:
        self.seen.append(clean.source)
        self.begun.set()
        assert self.let.wait(20)
        return self._extractor.tokenize(clean)


class ChokingExtractor:
    """Fails on every text about floods, and whatever is run with it."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor

    def __getattr__(self, name: str) -> object:
        return getattr(self._extractor, name)

    def tokenize(self, clean: CleanText) -> TokenizedDocument:
        if "汛" in clean.text:
            raise ValueError("a text about floods")
        return self._extractor.tokenize(clean)


@pytest.fixture(scope="module")
def service(extractor: Extractor) -> Iterator[Served]:
    with served(extractor, max_body=100_000, batch_characters=40) as running:
        yield running


@pytest.fixture
def held(extractor: Extractor) -> Iterator[HeldExtractor]:
    extractor = HeldExtractor(extractor)
    yield extractor
    extractor.let.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


def expected(extractor: Extractor, texts: Sequence[str]) -> list[dict]:
    return [extractor(text, f"texts[{i}]").as_dict() for i, text in enumerate(texts)]


def test_texts_give_the_records_of_the_extractor_in_order(service: Served, extractor: Extractor) -> None:
    answer = service.post({"texts": TEXTS * 3})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert without_scores(answer.json["records"]) == without_scores(expected(extractor, TEXTS * 3))
    assert any(record["directives"] for record in answer.json["records"])


def without_scores(value: object) -> object:
    """Scores differ in the last digit with the company a text has in its batch."""
    if isinstance(value, dict):
        return {key: without_scores(part) for key, part in value.items() if key not in ("score", "scores")}
    return [without_scores(part) for part in value] if isinstance(value, list) else value


def test_documents_keep_their_ids_and_times_are_read_by_their_dates(service: Served, extractor: Extractor) -> None:
    documents = [{"id": "甲", "text": TEXTS[0], "date": "2021-03-01"}, {"id": "乙", "text": TEXTS[1]}]
    records = service.post({"documents": documents}).json["records"]
    first = with_values(extractor(TEXTS[0], "documents[0]"), datetime.date(2021, 3, 1)).as_dict()
    second = extractor(TEXTS[1], "documents[1]").as_dict()
    assert without_scores(records) == without_scores([first | {"id": "甲"}, second | {"id": "乙"}])


def test_no_texts_give_no_records(service: Served) -> None:
    assert service.post({"texts": []}).json == {"records": []}


def test_a_text_without_words_is_a_record_with_its_error(service: Served) -> None:
    [first, second] = service.post({"texts": [" \n", TEXTS[1]]}).json["records"]
    assert (first["error"], first["paragraphs"], first["directives"]) == ("the document holds no text", [], [])
    assert second["error"] is None


def test_a_text_that_cannot_be_processed_does_not_fail_its_batch(extractor: Extractor) -> None:
    with served(ChokingExtractor(extractor)) as service:
        records = service.post({"texts": [TEXTS[0], "防汛要值守。", TEXTS[1]]}).json["records"]
    wanted = expected(extractor, TEXTS)
    assert [record["error"] for record in records] == [None, "the text could not be processed: ValueError", None]
    assert without_scores(records[0]) == without_scores(wanted[0])
    assert records[1]["source"] == "texts[1]"


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ('{"texts": "各村"}', [("texts", "'各村'", "Input should be a valid list")]),
        ('{"texts": ["各村", 3]}', [("texts[1]", "3", "Input should be a valid string")]),
        ('{"texts": ["\\ud800"]}', [("texts[0]", "'\\ud800'", "Unicode text, not half of a surrogate pair at 0")]),
        ('{"texts": [], "text": 1}', [("text", "1", "Extra inputs are not permitted")]),
        ("{}", [("the body", "{}", 'either "texts" or "documents"')]),
        ('{"documents": [{"text": "各村"}]}', [("documents[0].id", "nothing", "Field required")]),
        (
            '{"documents": [{"id": "1", "text": "", "date": 20210101}]}',
            [("documents[0].date", "20210101", "a date such as 2021-06-30, as a string")],
        ),
        (
            '{"documents": [{"id": "1", "text": "", "date": "6月"}]}',
            [("documents[0].date", "'6月'", "a date such as 2021-06-30")],
        ),
        ('{"texts": [', [("the body, character 11", "Expecting value", "JSON in UTF-8")]),
    ],
)  # fmt: skip
def test_a_malformed_request_is_told_where_and_what(service: Served, body: str, faults: list[tuple[str, ...]]) -> None:
    answer = service.ask("POST", "/v1/extract", body.encode())
    assert answer.status == 422
    assert [(f["where"], f["got"], f["expected"]) for f in answer.json["faults"]] == faults


def test_a_body_in_gbk_is_told_to_be_no_utf_8(service: Served) -> None:
    answer = service.ask("POST", "/v1/extract", '{"texts": ["各村"]}'.encode("gbk"))
    assert (answer.status, answer.json["error"]) == (422, "the body: got byte 0xb8 at 12. Expected JSON in UTF-8")


def test_a_body_beyond_the_limit_is_refused_and_its_sender_comes_to_know(service: Served) -> None:
    answer = service.post({"texts": ["a" * 300_000]})
    assert answer.status == 413
    assert answer.json["error"] == "the body is too long. Expected at most 100,000 bytes: send fewer texts at a time"


def test_a_full_queue_pushes_back(held: HeldExtractor, pool: ThreadPoolExecutor) -> None:
    with served(held, queue=1, gather=0) as service:
        first, second = fill(service, held, pool)
        refused = service.post({"texts": ["third"]})
        held.let.set()
        assert [first.result().status, second.result().status] == [200, 200]
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert refused.json["error"] == "too many requests wait for the model"


def fill(service: Served, held: HeldExtractor, pool: ThreadPoolExecutor) -> tuple[Future[Answer], Future[Answer]]:
    """Two requests of which one is being worked on and one waits."""
    first = pool.submit(service.post, {"texts": ["first"]})
    assert held.begun.wait(20)
    second = pool.submit(service.post, {"texts": ["second"]})
    wait_until(lambda: service.metric("zhengling_queue_length") == 1)
    return first, second


def test_what_takes_too_long_is_answered_and_dropped_if_not_begun(held: HeldExtractor, pool: ThreadPoolExecutor) -> None:
    with served(held, timeout=1, gather=0) as service:
        answers = [request.result() for request in fill(service, held, pool)]
        held.let.set()
        assert service.post({"texts": ["third"]}).status == 200
        assert service.metric('zhengling_requests_total{status="504"}') == 2
    assert [answer.status for answer in answers] == [504, 504]
    assert answers[0].json["error"] == "no answer within 1 seconds; what was not started has been dropped"
    assert held.seen == ["first", "third"]


def test_a_stopping_service_finishes_what_it_accepted_and_refuses_more(held: HeldExtractor, pool: ThreadPoolExecutor) -> None:
    with served(held, gather=0) as service:
        assert service.ask("GET", "/readyz").status == 200
        accepted = fill(service, held, pool)
        service.server.handle_exit(signal.SIGTERM, None)
        refused, ready = service.post({"texts": ["third"]}), service.ask("GET", "/readyz")
        assert service.ask("GET", "/healthz").json == {"status": "ok", "version": "0.1.0", "model": "tiny"}
        held.let.set()
        assert [request.result().status for request in accepted] == [200, 200]
    assert (refused.status, refused.json["error"]) == (503, "the service is stopping")
    assert (ready.status, ready.json["error"]) == (503, "the service is stopping")
    assert held.seen == ["first", "second"]


def test_concurrent_clients_get_their_own_answers(service: Served, extractor: Extractor, pool: ThreadPoolExecutor) -> None:
    texts = [f"各村要在{month}月底前查完{count}处隐患。" for month in range(1, 9) for count in range(20, 24)]
    answers = list(pool.map(lambda text: service.post({"texts": [text]}), texts))
    assert [answer.status for answer in answers] == [200] * len(texts)
    told = [without_scores(answer.json["records"]) for answer in answers]
    assert told == [without_scores(expected(extractor, [text])) for text in texts]


def test_the_metrics_move(extractor: Extractor) -> None:
    names = [
        'zhengling_requests_total{status="200"}', 'zhengling_requests_total{status="422"}', "zhengling_request_seconds_count",
        "zhengling_batch_documents_count", "zhengling_batch_documents_sum", "zhengling_characters_total",
        "zhengling_queue_length",
    ]  # fmt: skip
    with served(extractor) as service:
        assert [service.metric(name) for name in names] == [0] * len(names)
        service.post({"texts": TEXTS})
        service.post({"texts": None})
        assert [service.metric(name) for name in names] == [1, 1, 2, 1, 3, sum(map(len, TEXTS)), 0]


def test_the_openapi_page_describes_the_records(service: Served) -> None:
    described = service.ask("GET", "/openapi.json").json
    schemas = described["components"]["schemas"]
    assert list(schemas["Record"]["properties"]) == [field.name for field in fields(Record)]
    assert list(schemas["DirectiveRecord"]["properties"]) == [field.name for field in fields(DirectiveRecord)]
    assert set(described["paths"]["/v1/extract"]["post"]["responses"]) == {"200", "413", "422", "429", "503", "504"}
    assert b"swagger" in service.ask("GET", "/docs").body


def test_an_unknown_path_is_a_problem_like_others(service: Served) -> None:
    answer = service.ask("GET", "/v1/extracts")
    assert (answer.status, answer.json) == (404, {"error": "Not Found", "faults": []})


def test_the_command_serves_until_sigterm(model_folder: Path, extractor: Extractor) -> None:
    code = "import sys; from zhengling.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "serve", "--model", str(model_folder), "--port", "0", "--precision", "fp32"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        lines = iter(process.stderr.readline, "")
        port = next(int(found[1]) for line in lines if (found := re.search(r"http://127\.0\.0\.1:(\d+)", line)))
        answer = Served(port, GracefulServer(extractor, ServeSettings())).post({"texts": TEXTS})
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    wanted = [record | {"model": str(model_folder)} for record in expected(extractor, TEXTS)]
    assert without_scores(answer.json["records"]) == without_scores(wanted)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "zhengling.serving.server")
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == (
        "zhengling: zhengling serve needs uvicorn, which is not installed. Expected: pip install 'zhengling[serve]'\n"
    )


def test_a_port_in_use_is_said(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--model", str(model_folder), "--port", str(port)]) == 2
    assert capsys.readouterr().err.endswith(f"zhengling: cannot listen on 127.0.0.1:{port}: the line above says why\n")


def test_all_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        ServeSettings(port=70_000, queue=0)
    wrong = "port: got 70000. Expected a number from 0 to 65535; queue: got 0. Expected a number above 0"
    assert str(raised.value) == wrong


@pytest.mark.parametrize(("words", "size"), [("10MB", 10_000_000), ("1.5 kB", 1500), ("77", 77), ("2GB", 2_000_000_000)])
def test_sizes_are_read(words: str, size: int) -> None:
    assert parse_size(words) == size


@pytest.mark.parametrize("words", ["", "10 mb", "-1", "MB"])
def test_a_size_that_is_none_is_told(words: str) -> None:
    with pytest.raises(ConfigError, match=f"size: got '{words}'"):
        parse_size(words)
