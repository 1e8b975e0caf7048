"""A hub on loopback that speaks what huggingface_hub asks of one: repositories, large files, commits, and reading.

It keeps everything in memory, checks what it is sent as the real one does (tokens, sizes, checksums), and can be told
to refuse.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

TOKEN = "hf_" + "sEcReT0123456789" * 2
LFS_FROM = 1_000  # bytes; the real one goes by the names besides


@dataclass
class Repository:
    kind: str
    private: bool
    gated: bool = False  # whoever may not read it sees that it is there and what it holds
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)

    @property
    def sha(self) -> str:
        return self.commits[-1] if self.commits else "0" * 40


@dataclass
class Hub:
    """What there is, what was asked, and what is to go wrong: refuse gives a request's status and headers."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)  # by kind/owner/name
    objects: dict[str, bytes] = field(default_factory=dict)  # large files by sha256
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)  # sha256 of every large file that arrived
    refuse: Callable[[str, str], tuple[int, dict[str, str]] | None] = lambda method, path: None
    authorizations: set[str] = field(default_factory=set)  # all that were ever sent
    sends: Callable[[str, bytes], Iterator[bytes]] = lambda path, data: iter((data,))  # a file's bytes, in its time
    lists_as: Callable[[str, int], int] = lambda name, size: size
    lock: threading.Lock = field(default_factory=threading.Lock)

    def repository(self, kind: str, name: str) -> Repository:
        return self.repositories[f"{kind}/{name}"]

    def add(
        self, kind: str, name: str, files: dict[str, bytes], *, private: bool = False, gated: bool = False
    ) -> Repository:
        """Puts a repository there without asking."""
        made = Repository(kind, private, gated, dict(files), [hashlib.sha1(name.encode()).hexdigest()])
        self.repositories[f"{kind}/{name}"] = made
        return made


@contextmanager
def running() -> Iterator[Hub]:
    hub = Hub()

    class OfHub(Handler):
        of = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), OfHub)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def named(patched: pytest.MonkeyPatch, home: Path) -> Iterator[Hub]:
    """A hub that HF_ENDPOINT names, also to processes that are started, and a token that it knows."""
    with running() as hub:
        for name, value in {"ENDPOINT": hub.url, "TOKEN": TOKEN, "HOME": str(home), "HUB_OFFLINE": "0"}.items():
            patched.setenv(f"HF_{name}", value)
        patched.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # the tests' own setting
        # The library tries five times and waits 23 s in all, which nobody asks of it here.
        patched.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=lambda seconds: None))
        yield hub


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    of: Hub
    _later: tuple[str, bytes, dict[str, str]] | None = None

    def do_GET(self) -> None:
        self._answer("GET")

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""

    def _answer(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) if method in ("POST", "PUT") else b""
        address = urlsplit(self.path)
        path = unquote(address.path)
        with self.of.lock:
            self.of.asked.append((method, path))
            self.of.authorizations.add(self.headers.get("Authorization", ""))
            refused = self.of.refuse(method, path)
            if refused is not None:
                self._send(refused[0], {"error": f"no: {self.headers.get('Authorization')}"}, refused[1])
                return
            for pattern, methods, act in ROUTES:
                if method in methods and (found := re.fullmatch(pattern, path)):
                    act(self, body, parse_qs(address.query), *found.groups())
                    break
            else:
                self._send(404, {"error": f"no such address: {method} {path}"}, {"X-Error-Code": "RepoNotFound"})
        if self._later:
            self._send_file(*self._later)

    def _send_file(self, path: str, data: bytes, about: dict[str, str]) -> None:
        self._later = None
        self.send_response(200)
        for name, text in {"Content-Length": str(len(data)), **about}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(ConnectionError):  # who is killed reads no further
                for piece in self.of.sends(path, data):
                    self.wfile.write(piece)

    # --- Answers ------------------------------------------------------------------------------------------------------

    def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(value, bytes) else "application/json"
        for name, text in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    @property
    def _is_known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _may_write(self) -> bool:
        if not self._is_known:
            self._send(401, {"error": f"Invalid credentials {self.headers.get('Authorization')}"})
        return self._is_known

    def _found(self, kind: str, name: str) -> Repository | None:
        """The real one tells nobody of private ones."""
        there = self.of.repositories.get(f"{kind}/{name}")
        if there is None or (there.private and not self._is_known):
            self._send(
                404 if self._is_known else 401, {"error": "Repository Not Found"}, {"X-Error-Code": "RepoNotFound"}
            )
            return None
        return there

    # --- What is asked ------------------------------------------------------------------------------------------------

    def create(self, body: bytes, query: dict[str, list[str]]) -> None:
        if not self._may_write():
            return
        said = json.loads(body)
        kind, name = said.get("type", "model"), f"{said['organization']}/{said['name']}"
        url = f"{self.of.url}/{'' if kind == 'model' else kind + 's/'}{name}"
        if f"{kind}/{name}" in self.of.repositories:
            self._send(409, {"error": "You already created this repo", "url": url})
            return
        private = said.get("private", False) or said.get("visibility") == "private"
        self.of.repositories[f"{kind}/{name}"] = Repository(kind, private)
        self._send(200, {"url": url, "name": name})

    def validate(self, body: bytes, query: dict[str, list[str]]) -> None:
        assert json.loads(body)["content"].startswith("---\n")
        self._send(200, {"errors": [], "warnings": []})

    def info(self, body: bytes, query: dict[str, list[str]], kind: str, name: str, revision: str | None) -> None:
        if (there := self._found(kind, name)) is None:
            return
        if revision not in (None, "main", *there.commits):
            self._send(404, {"error": "Revision Not Found"}, {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = [
            {"rfilename": path, "size": self.of.lists_as(path, len(data)), "blobId": git_hash(data)}
            for path, data in there.files.items()
        ]
        about = {
            "id": name,
            "sha": there.sha,
            "private": there.private,
            "siblings": siblings,
            "tags": [],
            "downloads": 0,
        }
        self._send(200, {**about, "modelId": name, "likes": 0, "disabled": False, "gated": there.gated and "manual"})

    def tree(self, body: bytes, query: dict[str, list[str]], kind: str, name: str, *of: str | None) -> None:
        if (there := self._found(kind, name)) is None:
            return
        files = [
            {"type": "file", "path": path, "size": len(data), "oid": git_hash(data)}
            for path, data in there.files.items()
            if not of[1] or path.startswith(f"{of[1]}/")
        ]
        if of[1] and not files:
            self._send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        else:
            self._send(200, files)

    def preupload(self, body: bytes, query: dict[str, list[str]], kind: str, name: str) -> None:
        if not self._may_write() or (there := self._found(kind, name)) is None:
            return
        answers = []
        for one in json.loads(body)["files"]:
            large = one["size"] >= LFS_FROM
            answer = {"path": one["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            if (data := there.files.get(one["path"])) is not None:
                answer["oid"] = hashlib.sha256(data).hexdigest() if large else git_hash(data)
            answers.append(answer)
        self._send(200, {"files": answers})

    def batch(self, body: bytes, query: dict[str, list[str]], kinds: str | None, name: str) -> None:
        if not self._may_write():
            return
        objects = []
        for one in json.loads(body)["objects"]:
            answer: dict[str, Any] = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.of.objects:
                at = f"{self.of.url}/objects/{one['oid']}/{one['size']}"
                answer["actions"] = {"upload": {"href": at}, "verify": {"href": f"{self.of.url}/verify"}}
            objects.append(answer)
        self._send(200, {"transfer": "basic", "objects": objects})

    def upload(self, body: bytes, query: dict[str, list[str]], oid: str, size: str) -> None:
        assert self.headers.get("Authorization") is None, "the address itself is the right to write there"
        if (hashlib.sha256(body).hexdigest(), len(body)) != (oid, int(size)):
            self._send(400, {"error": "another file"})
            return
        self.of.objects[oid] = body
        self.of.sent.append(oid)
        self._send(200, {})

    def verify(self, body: bytes, query: dict[str, list[str]]) -> None:
        said = json.loads(body)
        whole = len(self.of.objects.get(said["oid"], b"")) == said["size"]
        self._send(200 if whole else 404, {})

    def commit(self, body: bytes, query: dict[str, list[str]], kind: str, name: str) -> None:
        if not self._may_write() or (there := self._found(kind, name)) is None:
            return
        files = dict(there.files)
        for line in body.splitlines():
            one = json.loads(line)
            value = one["value"]
            if one["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif one["key"] == "lfsFile":
                files[value["path"]] = self.of.objects[value["oid"]]
            elif one["key"] == "deletedFile":
                del files[value["path"]]
        there.files = files
        there.commits.append(hashlib.sha1(body + there.sha.encode()).hexdigest())
        at = f"{self.of.url}/{name}/commit/{there.sha}"
        self._send(200, {"success": True, "commitOid": there.sha, "commitUrl": at, "hookOutput": ""})

    def resolve(self, body: bytes, query: dict[str, list[str]], kinds: str | None, *of: str) -> None:
        name, revision, path = of
        if (there := self._found((kinds or "models/")[:-2], name)) is None:
            return
        if revision not in ("main", *there.commits):
            self._send(404, {"error": "Revision Not Found"}, {"X-Error-Code": "RevisionNotFound"})
        elif path not in there.files:
            self._send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        elif there.gated and not self._is_known:
            self._send(401, {"error": f"Access to dataset {name} is restricted"}, {"X-Error-Code": "GatedRepo"})
        else:
            data = there.files[path]
            about = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": there.sha}
            self._later = (path, data, about)  # without the lock, for it may take its time


def git_hash(data: bytes) -> str:
    digest = hashlib.sha1(b"blob %d\0" % len(data))
    digest.update(data)  # without a copy: tests look at memory
    return digest.hexdigest()


_NAME = r"([\w.-]+/[\w.-]+)"
_OF_KIND = rf"/api/(model|dataset)s/{_NAME}"
ROUTES: list[tuple[str, tuple[str, ...], Callable[..., None]]] = [
    (r"/api/repos/create", ("POST",), Handler.create),
    (r"/api/validate-yaml", ("POST",), Handler.validate),
    (rf"{_OF_KIND}(?:/revision/(.+))?", ("GET",), Handler.info),
    (rf"{_OF_KIND}/tree/([^/]+)(?:/(.*))?", ("GET",), Handler.tree),
    (rf"{_OF_KIND}/preupload/main", ("POST",), Handler.preupload),
    (rf"{_OF_KIND}/commit/main", ("POST",), Handler.commit),
    (rf"/(datasets/)?{_NAME}\.git/info/lfs/objects/batch", ("POST",), Handler.batch),
    (r"/objects/(\w+)/(\d+)", ("PUT",), Handler.upload),
    (r"/verify", ("POST",), Handler.verify),
    (rf"/(datasets/)?{_NAME}/resolve/([^/]+)/(.+)", ("GET", "HEAD"), Handler.resolve),
]
