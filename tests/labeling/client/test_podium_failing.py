"""podium.py where the network or the server fails it, and to whom it gives the token."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import podium
import pytest
from podium import Refused, Unavailable

TOKEN = "a-secret-token"
Said = tuple[int, dict[str, str], bytes]  # status, headers, body: cut short where it is longer than Content-Length says


@dataclass
class Server:
    url: str
    said: list[Said | None] = field(default_factory=list)  # None: the connection is closed without a word
    got: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    yield from serving()


def serving() -> Iterator[Server]:
    """A server in whose mouth these answers are put."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.got.append((self.command, self.path, dict(self.headers.items())))
            said = found.said.pop(0)
            if said is None:
                self.close_connection = True
                return
            status, headers, body = said
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = "Content-Length" in headers

        do_POST = do_GET

        def log_message(self, format: str, *values: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    found = Server(f"http://127.0.0.1:{listening.server_address[1]}")
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    listening.shutdown()
    thread.join()
    listening.server_close()


def ok(value: object) -> Said:
    return 200, {}, json.dumps(value).encode()


def page(*results: object, following: str | None = None) -> Said:
    return ok({"next": following, "previous": None, "results": results})


def project_of(server: Server, patience: float = 60) -> podium.Project:
    return podium.Project(server.url, "helpful", TOKEN, patience=patience)


REPORT = {"created": 1, "updated": 0, "skipped": 0, "rankings": 0, "n_errors": 0, "errors": []}
BUSY: Said = (503, {"Retry-After": "0"}, b'{"errors": [{"code": "busy", "detail": "Later.", "attr": null}]}')


def test_what_is_busy_or_lost_is_tried_again_and_the_push_goes_on(server: Server) -> None:
    server.said += [None, BUSY, (502, {}, b"<h1>Bad Gateway</h1>"), (429, {}, b""), ok(REPORT)]
    assert project_of(server).push([{"id": "q1"}]).created == 1
    assert [(method, path) for method, path, _ in server.got] == [("POST", "/api/v1/projects/helpful/prompts/")] * 5


def test_what_is_refused_is_asked_once(server: Server) -> None:
    for status in (400, 401, 403, 404, 409, 500):
        server.said += [(status, {}, b'{"errors": [{"code": "no", "detail": "Not so.", "attr": "split"}]}')]
        with pytest.raises(Refused, match=f"{status}: split: Not so.") as refused:
            project_of(server).freeze()
        assert (refused.value.status, refused.value.code) == (status, "no")
    server.said += [(404, {}, b"<h1>Not here</h1>"), (200, {}, b"<h1>Sign in</h1>")]
    for words in ("404: no answer of a Podium: '<h1>Not here", "no answer of a Podium: '<h1>Sign in"):
        with pytest.raises(Refused, match=words):
            project_of(server).freeze()
    assert len(server.got) == 8


def test_patience_ends_with_what_was_the_matter(server: Server) -> None:
    server.said += [BUSY] * 20
    with pytest.raises(Unavailable, match="503: Later") as busy:
        project_of(server, patience=0.3).freeze()
    assert busy.value.code == "busy"
    assert 1 < len(server.got) < 6
    server.said[:] = [(503, {"Retry-After": "3600"}, b"")]
    with pytest.raises(Unavailable):
        project_of(server).freeze()  # at once: an hour is more than patience
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9 doesn't answer: ConnectionRefusedError"):
        podium.Project("http://127.0.0.1:9", "helpful", TOKEN, patience=0).freeze()


def test_a_kept_connection_that_died_costs_no_patience(server: Server) -> None:
    server.said += [ok({"number": 1}), None, ok({"number": 2})]
    project = project_of(server, patience=0)
    assert [project.freeze()["number"], project.freeze()["number"]] == [1, 2]


class TestExport:
    BODY = bytes(range(256)) * 4096

    def cut(self, start: int, stop: int, status: int = 200) -> Said:
        return status, {"Content-Length": str(len(self.BODY) - start)}, self.BODY[start:stop]

    def test_a_frozen_one_goes_on_where_it_broke_off(self, server: Server, tmp_path: Path) -> None:
        server.said += [self.cut(0, 600_000), self.cut(600_000, 700_000, 206), self.cut(700_000, 2**20, 206)]
        assert project_of(server).export(str(tmp_path / "pairs.jsonl"), version=1) == len(self.BODY)
        assert (tmp_path / "pairs.jsonl").read_bytes() == self.BODY
        assert [headers.get("Range") for _, _, headers in server.got] == [None, "bytes=600000-", "bytes=700000-"]

    def test_it_begins_anew_where_the_server_does(self, server: Server, tmp_path: Path) -> None:
        server.said += [self.cut(0, 600_000), self.cut(0, 2**20)]
        project_of(server).export(str(tmp_path / "pairs.jsonl"), version=1)
        assert (tmp_path / "pairs.jsonl").read_bytes() == self.BODY

    def test_one_of_now_always_begins_anew(self, server: Server, tmp_path: Path) -> None:
        """It may be another by then."""
        server.said += [self.cut(0, 600_000), self.cut(0, 2**20)]
        project_of(server).export(str(tmp_path / "pairs.jsonl"))
        assert (tmp_path / "pairs.jsonl").read_bytes() == self.BODY
        assert [headers.get("Range") for _, _, headers in server.got] == [None, None]

    def test_what_never_comes_leaves_no_file_and_the_old_one_stays(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "pairs.jsonl").write_text("old")
        server.said += [self.cut(0, 600_000)]
        with pytest.raises(Unavailable, match="IncompleteRead"):
            project_of(server, patience=0).export(str(tmp_path / "pairs.jsonl"))
        assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("pairs.jsonl", "old")]

    def test_a_frozen_file_with_another_checksum_is_not_kept(self, server: Server, tmp_path: Path) -> None:
        server.said += [ok({"sha256": "ab"}), self.cut(0, 2**20)]
        with pytest.raises(Unavailable, match="the version's is ab; ask again"):
            project_of(server).download(str(tmp_path / "v1.parquet"), 1)
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk_is_no_fault_of_the_network(self, server: Server) -> None:
        server.said += [self.cut(0, 2**20)]
        with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
            project_of(server)._server.download("/x/", {}, full, lambda n: None, same=False)
        assert len(server.got) == 1

    def test_pairs_that_break_off_say_after_how_many(self, server: Server) -> None:
        server.said += [(200, {"Content-Length": "100"}, b'{"chosen": "a"}\n{"chosen": "b"}\n{"cho')]
        read = []
        with pytest.raises(Unavailable, match="The export broke off after 2 pairs; ask again"):
            read += [pair["chosen"] for pair in project_of(server).pairs()]


def test_the_token_goes_nowhere_that_an_answer_names(server: Server) -> None:
    [other] = [serving()]
    elsewhere = next(other)
    for status in (301, 302, 307, 308):
        server.said += [(status, {"Location": f"{elsewhere.url}/api/"}, b"")]
        with pytest.raises(Refused, match=f"{status}: the server sends on to '{elsewhere.url}/api/'"):
            project_of(server).freeze()
    server.said += [page(1, following=f"{elsewhere.url}/api/v1/?cursor=cD0x&page_size=7&x=y"), page(2)]
    assert project_of(server).rankings(labeler="ann").to_list() == [1, 2]
    assert server.got[-1][1] == "/api/v1/projects/helpful/rankings/?labeler=ann&page_size=1000&cursor=cD0x"
    assert elsewhere.got == []
    next(other, None)


@pytest.mark.parametrize("url", ["http://podium.example", "http://10.0.0.1:8000", "http://127.0.0.1.example"])
def test_the_token_does_not_travel_by_http_unless_that_is_said(url: str) -> None:
    with pytest.raises(ValueError, match="by http the token can be read on the way"):
        podium.Project(url, "helpful", TOKEN)
    podium.Project(url, "helpful", TOKEN, insecure=True)
    for safe in ("http://localhost:8000", "http://127.0.0.1", "http://[::1]:8000", "https://podium.example"):
        podium.Project(safe, "helpful", TOKEN)


@pytest.mark.parametrize("url", ["podium.example", "ftp://podium.example", "", "https://x:y@podium.example"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url "):
        podium.Project(url, "helpful", TOKEN)


@pytest.mark.parametrize("token", ["", "secret\r\nX: y", "sëcret", "sec ret", None])
def test_a_token_that_is_none_is_refused_without_being_shown(
    token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PODIUM_TOKEN", raising=False)
    with pytest.raises(ValueError, match="token is empty or no token") as refused:
        podium.Project("https://podium.example", "helpful", token)
    assert not token or token not in str(refused.value)


def test_the_token_is_in_no_error_no_log_and_no_name(
    server: Server, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server.said += [None, (403, {}, b"no")]
    project = podium.Project(server.url, "helpful", TOKEN, progress=True)
    with pytest.raises(Refused) as refused:
        project.push([{"id": "q"}])
    told = [repr(project), str(project), repr(refused.value), caplog.text, *capsys.readouterr()]
    assert not [words for words in told if TOKEN in words]
    assert {headers["Authorization"] for _, _, headers in server.got} == {f"Bearer {TOKEN}"}


def test_ids_and_names_of_projects_are_one_part_of_an_address(server: Server) -> None:
    server.said += [ok({}), ok({})]
    project_of(server).prompt("a/../b ?#ü")
    podium.Project(server.url + "/podium/", "../x", TOKEN).freeze()
    assert [path for _, path, _ in server.got] == [
        "/api/v1/projects/helpful/prompts/a%2F..%2Fb%20%3F%23%C3%BC/", "/podium/api/v1/projects/..%2Fx/datasets/"
    ]  # fmt: skip
