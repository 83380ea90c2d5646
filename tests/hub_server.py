"""A hub on loopback: answers the real ``huggingface_hub`` client as the Hugging Face hub does, from memory.

Repositories with a history, branches and visibility; ``resolve`` with its headers and the redirect of large files; ranges;
pointers; creation, the batch upload of large files, commits. ``HubServer.cut_after`` breaks off downloads.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_test_token"
LARGE = (".safetensors", ".bin")
"""Suffixes of files that are kept as large files."""


@dataclass
class Repository:
    """Commits by hash, oldest first, each all files of that state; branches by name."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """A new state of a branch: ``files`` is all of it. Returns the hash."""
        number = f"{len(self.commits)}{branch}".encode()
        digest = hashlib.sha1(number + b"".join(k.encode() + v for k, v in sorted(files.items()))).hexdigest()
        self.commits[digest] = dict(files)
        self.branches[branch] = digest
        return digest

    def find(self, revision: str) -> str | None:
        """The commit that a branch or a hash names."""
        return self.branches.get(revision, revision if revision in self.commits else None)


@dataclass
class HubServer:
    """What the hub holds, and what it was asked for."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    """New names of repositories, by their old names."""
    large: dict[str, bytes] = field(default_factory=dict)
    """Large files by SHA-256."""
    requests: list[str] = field(default_factory=list)
    """``METHOD path`` and, in brackets, the range asked for."""
    cut_after: int | None = None
    """Break the next download of a large file off after so many bytes."""
    endpoint: str = ""
    storage: str = ""
    """Where large files are: another origin than ``endpoint``, as on the hub."""

    def add(self, name: str, files: dict[str, bytes], *, private: bool = False, branch: str = "main") -> str:
        """Commit ``files`` to a repository, made if it is not there; returns the commit's hash."""
        self.large |= {hashlib.sha256(data).hexdigest(): data for path, data in files.items() if path.endswith(LARGE)}
        return self.repositories.setdefault(name, Repository(private)).commit(files, branch)


class _Stop(Exception):
    """An answer that ends the handling of a request."""

    def __init__(self, status: int, code: str = "", message: str = "", headers: dict[str, str] | None = None) -> None:
        named = {"X-Error-Code": code, "X-Error-Message": message}
        self.status, self.headers = status, {**{k: v for k, v in named.items() if v}, **(headers or {})}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the requests are in ``HubServer.requests``."""

    def handle_request(self) -> None:
        wanted = self.headers.get("Range")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) if self.command != "GET" else b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.body = self._chunks()
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}" + (f" [{wanted}]" if wanted else ""))
        try:
            for pattern, method, handler in _ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in method:
                    return handler(self, *match.groups())
            raise _Stop(404, message=f"no such page: {path}")
        except _Stop as stop:
            self._send(stop.status, b"" if stop.status < 400 else b"{}", stop.headers)

    do_GET = do_HEAD = do_POST = do_PUT = handle_request

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, content: Any, status: int = 200) -> None:
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _known(self) -> bool:
        """Whether the request bears our token; raises for a wrong one."""
        given = self.headers.get("Authorization")
        if given not in (None, f"Bearer {TOKEN}"):
            raise _Stop(401, message="Invalid credentials in Authorization header")
        return given is not None

    def _writer(self) -> None:
        if not self._known():
            raise _Stop(401, message="Invalid username or password.")

    def _repository(self, name: str) -> Repository:
        known = self._known()
        if name in self.hub.moved:
            raise _Stop(307, headers={"Location": self.path.replace(name, self.hub.moved[name], 1)})
        found = self.hub.repositories.get(name)
        if found is None or (found.private and not known):
            raise _Stop(404 if known else 401, "RepoNotFound", "Repository not found")
        return found

    def _state(self, name: str, revision: str) -> tuple[str, dict[str, bytes]]:
        repository = self._repository(name)
        commit = repository.find(revision)
        if commit is None:
            raise _Stop(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit, repository.commits[commit]

    def resolve(self, name: str, revision: str, path: str) -> None:
        """A file; a large one is somewhere else."""
        commit, files = self._state(name, revision)
        if path not in files:
            raise _Stop(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
        data, headers = files[path], {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if path.endswith(LARGE):
            oid = hashlib.sha256(data).hexdigest()
            linked = {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(data)), "Location": f"{self.hub.storage}/cdn/{oid}"}
            raise _Stop(302, headers=headers | linked)
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        self._ranged(data, headers | {"ETag": f'"{blob}"'})

    def raw(self, name: str, revision: str, path: str) -> None:
        """A file as git has it: a pointer for a large one."""
        data = self._state(name, revision)[1][path]
        if path.endswith(LARGE):
            oid = hashlib.sha256(data).hexdigest()
            data = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n".encode()
        self._send(200, data)

    def cdn(self, oid: str) -> None:
        """The bytes of a large file, broken off once if the hub is told to."""
        cut, self.hub.cut_after = (self.hub.cut_after, None) if self.command == "GET" else (None, self.hub.cut_after)
        self._ranged(self.hub.large[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"}, cut)

    def _ranged(self, data: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        status, part = 200, data
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted:
            first, last = int(wanted[1]), int(wanted[2] or len(data) - 1)
            status, part = 206, data[first : last + 1]
            headers = headers | {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(data)}"}
        if cut is None:
            self._send(status, part, headers)
        else:
            self._send(status, part[:cut], headers | {"Content-Length": str(len(part))})
            self.close_connection = True

    def info(self, name: str, revision: str | None = None) -> None:
        """What the hub says of a repository at a revision."""
        commit, files = self._state(name, revision or "main")
        self._json(
            {
                "id": name,
                "modelId": name,
                "sha": commit,
                "private": self.hub.repositories[name].private,
                "siblings": [{"rfilename": path} for path in sorted(files)],
                "tags": [],
            }
        )

    def tree(self, name: str, revision: str, path: str = "") -> None:
        """The files of a repository, or of a folder in it."""
        _, files = self._state(name, revision)
        inside = [item for item in sorted(files) if item.startswith(path)]
        if not inside:
            raise _Stop(404, "EntryNotFound", "Entry not found")
        self._json([{"type": "file", "path": item, "size": len(files[item]), "oid": "0" * 40} for item in inside])

    def create(self) -> None:
        """A new repository."""
        self._writer()
        wanted = json.loads(self.body)
        name = f"{wanted.get('organization') or 'tester'}/{wanted['name']}"
        if name in self.hub.repositories:
            return self._json({"error": "You already created this model repo", "url": f"{self.hub.endpoint}/{name}"}, 409)
        self.hub.add(name, {".gitattributes": b"*.safetensors filter=lfs\n"}, private=wanted.get("visibility") == "private")
        self._json({"url": f"{self.hub.endpoint}/{name}", "id": name})

    def branch(self, name: str, branch: str) -> None:
        """A new branch where ``main`` is."""
        self._writer()
        repository = self._repository(name)
        if branch in repository.branches:
            raise _Stop(409, message="Reference already exists")
        repository.branches[branch] = repository.branches["main"]
        self._json({})

    def preupload(self, name: str, revision: str) -> None:
        """How each file is to be sent."""
        self._writer()
        self._state(name, revision)
        files = [item["path"] for item in json.loads(self.body)["files"]]
        modes = {path: "lfs" if path.endswith(LARGE) else "regular" for path in files}
        self._json({"files": [{"path": path, "uploadMode": modes[path], "shouldIgnore": False, "oid": None} for path in files]})

    def batch(self, name: str) -> None:
        """Where each large file is to be put; nothing for those that are there."""
        self._writer()
        self._repository(name)
        objects = json.loads(self.body)["objects"]
        for item in objects:
            if item["oid"] not in self.hub.large:
                item["actions"] = {"upload": {"href": f"{self.hub.storage}/upload/{item['oid']}"}}
        self._json({"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        """The bytes of a large file, which must be those announced."""
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise _Stop(400, message="not the bytes that were announced")
        self.hub.large[oid] = self.body
        self._send(200)

    def commit(self, name: str, revision: str) -> None:
        """Files added and deleted, one JSON object a line."""
        self._writer()
        _, before = self._state(name, revision)
        files = dict(before)
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif item["key"] == "deletedFile":
                del files[value["path"]]
        oid = self.hub.repositories[name].commit(files, revision)
        self._json({"commitUrl": f"{self.hub.endpoint}/{name}/commit/{oid}", "commitOid": oid, "hookOutput": ""})

    def validate(self) -> None:
        """A card is always fine."""
        self._json({"errors": [], "warnings": []})


_NAME = r"([^/]+/[^/]+)"
_ROUTES: tuple[tuple[str, tuple[str, ...], Any], ...] = (
    (r"/api/validate-yaml", ("POST",), _Handler.validate),
    (r"/api/repos/create", ("POST",), _Handler.create),
    (rf"/api/models/{_NAME}/branch/(.+)", ("POST",), _Handler.branch),
    (rf"/api/models/{_NAME}/preupload/(.+)", ("POST",), _Handler.preupload),
    (rf"/api/models/{_NAME}/commit/(.+)", ("POST",), _Handler.commit),
    (rf"/api/models/{_NAME}/revision/(.+)", ("GET",), _Handler.info),
    (rf"/api/models/{_NAME}/tree/([^/]+)/?(.*)", ("GET",), _Handler.tree),
    (rf"/api/models/{_NAME}", ("GET",), _Handler.info),
    (r"/cdn/(\w+)", ("GET", "HEAD"), _Handler.cdn),
    (r"/upload/(\w+)", ("PUT",), _Handler.upload),
    (rf"/{_NAME}\.git/info/lfs/objects/batch", ("POST",), _Handler.batch),
    (rf"/{_NAME}/resolve/([^/]+)/(.+)", ("GET", "HEAD"), _Handler.resolve),
    (rf"/{_NAME}/raw/([^/]+)/(.+)", ("GET",), _Handler.raw),
)


@contextmanager
def serve() -> Iterator[HubServer]:
    """A hub on two free ports of loopback; what it holds and is told can be changed while it runs."""
    hub = HubServer()
    handler = type("Handler", (_Handler,), {"hub": hub})
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
    hub.endpoint, hub.storage = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()
