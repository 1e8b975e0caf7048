"""Push prompts to a Podium and read back what people said, with nothing but Python's standard library (3.9 or newer).

    curl -O https://podium.example/static/podium.py

    project = podium.Project("https://podium.example", "helpful")  # the token is in PODIUM_TOKEN, or token="..."
    project.push(rows)                                             # dicts, a pandas DataFrame, a datasets.Dataset
    frame = project.rankings().to_pandas()
    pairs = project.pairs(split="train").to_dataset()
    project.export("pairs.parquet", version=project.freeze()["number"])

What fails on the way (no connection, a server that starts again or is busy) is tried again for `patience` seconds; what
the server refuses is not. The same push again changes nothing, so one that was broken off is simply begun anew.
See docs/client.md of Podium.
"""

from __future__ import annotations

import contextlib
import datetime
import gzip
import hashlib
import http.client
import importlib
import ipaddress
import json
import math
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

Row = dict[str, Any]

CHUNK_ROWS, CHUNK_BYTES = 2_000, 4 * 2**20  # of one request: the server stores a thousand rows at once
TABLE_ROWS = 1_000  # of a data frame that are made into rows at once
PAGE_ROWS = 1_000
MOST_IDS = 100  # that an address may name
MOST_ERRORS = 1_000  # kept of a push; the rest is counted
MOST_BAD = 10_000  # rows, with fewer good ones: then these are hardly rows for a Podium
TRY_AGAIN = (429, 502, 503, 504)
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0  # seconds
PIECE = 2**18  # bytes
FORMATS = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}
FREE_FORM = ("metadata", "flags")  # columns whose rows needn't be alike: JSON texts in a Dataset, as in versions


class PodiumError(Exception):
    """What the server said, or why it could not be asked. status is None where nothing was answered."""

    def __init__(self, detail: str, *, status: int | None = None, code: str = "") -> None:
        super().__init__(detail)
        self.status, self.code = status, code


class Refused(PodiumError):
    """The request is wrong, or not allowed: the same again would be refused again."""


class Unavailable(PodiumError):
    """Nothing was answered for as long as patience lasted."""


class BadRows(PodiumError):
    """Some rows were refused; the others went in. `report` has what became of all of them."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.in_words(), status=200, code="bad_rows")
        self.report = report


@dataclass
class Report:
    """What a push did. errors: {"row", "field", "value", "detail"} of the first thousand bad rows, counted from 0."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    rankings: int = 0
    n_errors: int = 0
    errors: list[Row] = field(default_factory=list)

    def in_words(self) -> str:
        """Says what is wrong, what is alike together."""
        rows: dict[str, list[int]] = {}
        for error in self.errors:
            rows.setdefault(f"{error['field']}: {error['detail']}", []).append(error["row"])
        good = self.created + self.updated + self.skipped
        lines = [f"{self.n_errors} of {good + self.n_errors} rows were refused:"]
        for words, numbers in sorted(rows.items(), key=lambda item: -len(item[1])):
            more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
            lines.append(f"  row {', '.join(map(str, numbers[:5]))}{more}: {words}")
        left = [f"  and {len(lines) - 11} kinds more; see report.errors"] if len(lines) > 11 else []
        return "\n".join(lines[:11] + left)


class Rows(Iterable[Row]):
    """Rows that are asked for while one reads them, page by page, and anew each time."""

    def __init__(self, read: Callable[[], Iterator[Row]], name: str, bar: Callable[[str], _Bar]) -> None:
        self._read, self._name, self._bar = read, name, bar

    def __iter__(self) -> Iterator[Row]:
        return self._read()

    def to_list(self) -> list[Row]:
        rows = []
        with self._bar(self._name) as bar:
            for row in self._read():
                rows.append(row)
                bar.add(1)
        return rows

    def to_pandas(self) -> Any:
        """A DataFrame; lists and objects stay in their cells."""
        return _library("pandas").DataFrame(self.to_list())

    def to_dataset(self) -> Any:
        """A datasets.Dataset; `metadata` and `flags`, which differ from row to row, are JSON texts in it."""
        library = _library("datasets")
        return library.Dataset.from_list([_alike(row) for row in self.to_list()])


class Project:
    """One project of a Podium."""

    def __init__(
        self,
        url: str,
        slug: str,
        token: str | None = None,
        *,
        timeout: float = 300.0,
        patience: float = 600.0,
        progress: bool | None = None,
        insecure: bool = False,
    ) -> None:
        """url: where the Podium is. token: what `manage.py create_token` printed; default: PODIUM_TOKEN's value.

        timeout: seconds for one answer. patience: seconds of trying again; 0 tries once. progress: whether there is a
        bar; default: on a terminal and in a notebook. insecure: lets the token travel by http to another machine.
        """
        self._server = _Server(url, token or os.environ.get("PODIUM_TOKEN") or "", timeout, patience, insecure)
        self._path = f"/api/v1/projects/{quote(slug, safe='')}"
        self.slug, self._progress = slug, progress

    def __repr__(self) -> str:
        return f"Project({self._server.address!r}, {self.slug!r})"

    def push(self, rows: Any, *, dry_run: bool = False, errors: str = "raise") -> Report:
        """Imports rows: dicts from a list or any iterator, a pandas DataFrame, a datasets.Dataset.

        Rows that are bad are refused one by one and the others go in; then BadRows is raised, or with errors="report"
        they stand in the report. The same rows again change nothing. Raises also ValueError for what is no JSON.
        """
        if errors not in ("raise", "report"):
            raise ValueError(f"errors is {errors!r}; it is 'raise' or 'report'")
        report = Report()
        query = {"dry_run": "1"} if dry_run else {}
        with self._bar("rows", _length(rows)) as bar:
            for first, lines in _chunks(_lines(rows)):
                body = gzip.compress(b"".join(lines), compresslevel=1)
                said = self._ask("POST", "/prompts/", query, body, "application/gzip")
                _merge(report, said, first)
                bar.add(len(lines), f"{report.n_errors} refused" if report.n_errors else "")
                if report.n_errors >= MOST_BAD and report.n_errors > report.created + report.updated + report.skipped:
                    break
        if report.n_errors and errors == "raise":
            raise BadRows(report)
        return report

    def prompts(
        self,
        *,
        split: str | None = None,
        state: str | None = None,
        since: int | None = None,
        ids: Sequence[str] | None = None,
    ) -> Rows:
        """Prompts with their texts, in the order of import. state: waiting, ranked or held. ids: as in the rows."""
        query = _given(split=split, state=state, since=since)
        if ids is None:
            return self._rows("/prompts/", [query], "prompts")
        parts = [{**query, "id": list(ids[at : at + MOST_IDS])} for at in range(0, len(ids), MOST_IDS)]
        return self._rows("/prompts/", parts, "prompts")

    def prompt(self, external_id: str) -> Row:
        """One prompt by its id in the rows, with its first hundred rankings. Raises Refused where there is none."""
        found: Row = self._ask("GET", f"/prompts/{quote(external_id, safe='')}/")
        return found

    def rankings(self, **filters: Any) -> Rows:
        """Rankings, oldest first; filters as docs/api.md has them: since=ID, labeler="ann", ..."""
        return self._rows("/rankings/", [_given(**filters)], "rankings")

    def provenance(self, **filters: Any) -> Rows:
        """Each pair with where it came from, without texts; filters: since=ID, labeler="ann", split="train", ..."""
        return self._rows("/pairs/", [_given(**filters)], "pairs")

    def pairs(self, *, split: str | None = None, version: int | None = None, **options: Any) -> Rows:
        """Pairs as models are trained on: prompt, chosen, rejected. Test prompts stay out unless split names them.

        version: a frozen one's number; default: as of now. options: layout="conversational", source="model", ...
        """
        query = _given(split=split, version=version, **options, format="jsonl")
        return Rows(lambda: self._streamed(query), "pairs", self._bar)

    def versions(self) -> Rows:
        """Frozen versions, newest first."""
        return self._rows("/datasets/", [{}], "versions")

    def freeze(self) -> Row:
        """Freezes the rankings into a version, {"number", "sha256", ...}; the last one where nothing is new."""
        version: Row = self._ask("POST", "/datasets/")
        return version

    def export(self, path: str, *, version: int | None = None, split: str | None = None, **options: Any) -> int:
        """Writes the pairs to a file, .jsonl, .csv or .parquet by its name, and gives its bytes.

        The file appears whole or not at all. What broke off is gone on with, where the server can.
        """
        ending = os.path.splitext(path)[1]
        if "format" not in options and ending not in FORMATS:
            raise ValueError(f"path is {path!r}; its name ends with {', '.join(FORMATS)}")
        query = {"format": FORMATS.get(ending), **_given(split=split, version=version, **options)}
        return self._file(path, "/export/", query, same=version is not None)

    def download(self, path: str, version: int) -> int:
        """Writes a frozen version's own file, a Parquet file with its prompts, rankings and pairs; gives its bytes.

        It appears whole, with the checksum that the version has, or not at all. Raises Unavailable if it has another.
        """
        sha256 = self._ask("GET", f"/datasets/{version}/")["sha256"]
        return self._file(path, f"/datasets/{version}/file/", {}, same=True, sha256=sha256)

    def _file(self, path: str, address: str, query: Mapping[str, Any], *, same: bool, sha256: str = "") -> int:
        part = f"{path}.part"
        try:
            with self._bar("bytes") as bar, open(part, "wb+") as file:
                self._server.download(f"{self._path}{address}", query, file, bar.add, same=same)
                size = file.tell()
                if sha256 and (found := _sha256(file)) != sha256:
                    raise Unavailable(f"The file came with the checksum {found}, the version's is {sha256}; ask again.")
            os.replace(part, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
        return size

    def _rows(self, path: str, queries: Sequence[Mapping[str, Any]], name: str) -> Rows:
        return Rows(lambda: self._paged(path, queries), name, self._bar)

    def _paged(self, path: str, queries: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
        for first in queries:
            query: Mapping[str, Any] | None = {**first, "page_size": PAGE_ROWS}
            while query is not None:
                page = self._ask("GET", path, query)
                yield from page["results"]
                # Of the link its parameters alone: whatever host it names, the token stays with ours.
                cursor = dict(parse_qsl(urlsplit(page["next"] or "").query)).get("cursor")
                query = {**first, "page_size": PAGE_ROWS, "cursor": cursor} if cursor else None

    def _streamed(self, query: Mapping[str, Any]) -> Iterator[Row]:
        done, left = 0, b""
        try:
            for piece in self._server.stream(f"{self._path}/export/", query):
                *lines, left = (left + piece).split(b"\n")
                for line in lines:
                    yield json.loads(line)
                    done += 1
        except Unavailable as error:
            if done:
                raise Unavailable(f"The export broke off after {done} pairs; ask again. {error}") from error
            raise

    def _ask(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: bytes = b"", kind: str = ""
    ) -> Any:
        return self._server.ask(method, self._path + path, query or {}, body, kind)

    def _bar(self, unit: str, total: int | None = None) -> _Bar:
        return _Bar(f"{self.slug}: {unit}", total, self._progress)


class _Server:
    """Where requests go: one host, which alone gets the token."""

    def __init__(self, url: str, token: str, timeout: float, patience: float, insecure: bool) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url must be like https://podium.example")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("url is an address alone, like https://podium.example; give the token as token=")
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("token is empty or no token: give what `manage.py create_token` printed, or PODIUM_TOKEN")
        if parts.scheme == "http" and not insecure and not _is_loopback(parts.hostname):
            raise ValueError(
                f"url is {url!r}: by http the token can be read on the way. Use https, or say insecure=True."
            )
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._base, self._timeout, self._patience = parts.path.rstrip("/"), timeout, patience
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "*/*"}
        self.address = f"{parts.scheme}://{parts.netloc}{self._base}"
        self._free: list[tuple[int, http.client.HTTPConnection]] = []  # with the process that opened it

    def ask(self, method: str, path: str, query: Mapping[str, Any], body: bytes, kind: str) -> Any:
        """The answer, read from JSON; asked again while patience lasts."""

        def once() -> Any:
            with self._answer(method, self._address(path, query), body, {"Content-Type": kind} if kind else {}) as got:
                return _json(got.read())

        return self._patiently(once)

    def stream(self, path: str, query: Mapping[str, Any]) -> Iterator[bytes]:
        """Yields the body in pieces."""
        with contextlib.ExitStack() as opened:
            got = self._patiently(lambda: opened.enter_context(self._answer("GET", self._address(path, query))))
            while piece := got.read(PIECE):
                yield piece

    def download(
        self, path: str, query: Mapping[str, Any], file: Any, add: Callable[[int], None], *, same: bool
    ) -> None:
        """Writes the body; what broke off goes on where it was, if it is the same whenever it is asked for."""

        def once() -> None:
            start = file.tell() if same else 0
            headers = {"Range": f"bytes={start}-"} if start else {}
            with self._answer("GET", self._address(path, query), headers=headers) as got:
                if file.tell() and not (start and got.status == 206):
                    add(-file.tell())
                    file.seek(0)
                    file.truncate()
                while piece := got.read(PIECE):
                    file.write(piece)
                    add(len(piece))

        self._patiently(once)

    def _patiently(self, once: Callable[[], Any]) -> Any:
        ends, pause = time.monotonic() + self._patience, FIRST_PAUSE
        while True:
            try:
                return once()
            except _Busy as error:
                if error.stale:
                    continue
                wait = max(pause * random.uniform(0.5, 1.0), error.wait)
                if time.monotonic() + wait > ends:
                    raise Unavailable(str(error), status=error.status, code=error.code) from error
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    @contextlib.contextmanager
    def _answer(
        self, method: str, address: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Iterator[_Answer]:
        """An answer that is none of an error. Raises Refused, _Busy. Its connection is kept if all of it was read."""
        connection, kept = self._connection()
        try:
            with _failing(f"{self._host}:{connection.port}", stale=kept):
                connection.request(method, address, body or None, {**self._headers, **(headers or {})})
                got = connection.getresponse()
            answer = _Answer(got, f"{self._host}:{connection.port}")
            if answer.status >= 300:
                raise _refusal(answer)
            yield answer
            if got.isclosed():
                self._free.append((os.getpid(), connection))
                connection = None
        finally:
            if connection:
                connection.close()

    def __del__(self) -> None:
        for _, connection in getattr(self, "_free", ()):
            connection.close()

    def _connection(self) -> tuple[Any, bool]:
        """One of this process's own, and whether it was used before: the server may have closed that."""
        while self._free:
            process, connection = self._free.pop()
            if process == os.getpid():
                return connection, True
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout), False

    def _address(self, path: str, query: Mapping[str, Any]) -> str:
        return self._base + path + (f"?{urlencode(query, doseq=True)}" if query else "")


class _Answer:
    """An answer whose reading says so where it breaks off."""

    def __init__(self, got: http.client.HTTPResponse, host: str) -> None:
        self._got, self._host, self.status = got, host, got.status

    def header(self, name: str) -> str:
        return self._got.getheader(name) or ""

    def read(self, most: int | None = None) -> bytes:
        with _failing(self._host):
            piece = self._got.read(most)
            if most and not piece and self._got.length:  # which Python leaves to us
                raise http.client.IncompleteRead(b"", self._got.length)
        return piece


class _Busy(Unavailable):
    """To be tried again, after `wait` seconds at the earliest; at once where only a kept connection was stale."""

    wait, stale = 0.0, False


@contextlib.contextmanager
def _failing(host: str, *, stale: bool = False) -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException) as failure:
        words = f"The Podium at {host} doesn't answer: {failure!r}"
        if type(failure).__name__ == "SSLCertVerificationError":
            raise Refused(words) from failure
        error = _Busy(words)
        error.stale = stale and not isinstance(failure, TimeoutError)
        raise error from failure


def _sha256(file: Any) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _refusal(got: _Answer) -> PodiumError:
    """What an answer of 300 or more says. No address that it sends on to is followed: the token would go there."""
    text = got.read(2**20)
    if got.status < 400:
        words = f"the server sends on to {got.header('Location')[:200]!r}; give that address if it is yours"
        return Refused(f"{got.status}: {words}", status=got.status)
    try:
        errors = json.loads(text)["errors"]
        code = str(errors[0]["code"])
        detail = "; ".join(f"{each['attr']}: {each['detail']}" if each["attr"] else each["detail"] for each in errors)
    except (ValueError, LookupError, TypeError):
        code, detail = "", f"no answer of a Podium: {text[:200].decode(errors='replace').strip()!r}"
    if got.status not in TRY_AGAIN:
        return Refused(f"{got.status}: {detail}", status=got.status, code=code)
    error = _Busy(f"{got.status}: {detail}", status=got.status, code=code)
    after = got.header("Retry-After")
    error.wait = float(after) if after.isdecimal() else 0.0
    return error


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Refused(f"no answer of a Podium: {text[:200].decode(errors='replace').strip()!r}", status=200) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _given(**values: Any) -> Row:
    return {name: value for name, value in values.items() if value is not None}


# --- Rows -------------------------------------------------------------------------------------------------------------


def _merge(report: Report, said: Mapping[str, Any], first: int) -> None:
    """Adds what became of one chunk, whose first row is this one of all."""
    for name in ("created", "updated", "skipped", "rankings", "n_errors"):
        setattr(report, name, getattr(report, name) + said[name])
    for error in said["errors"][: MOST_ERRORS - len(report.errors)]:
        place = {name: error[name] for name in ("field", "value", "detail")}
        report.errors.append({"row": first + error["line"] - 1, **place})


def _chunks(lines: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Lines for one request each, with the number of the first."""
    chunk: list[bytes] = []
    first = size = 0
    for line in lines:
        if chunk and (len(chunk) == CHUNK_ROWS or size + len(line) > CHUNK_BYTES):
            yield first, chunk
            first, chunk, size = first + len(chunk), [], 0
        chunk.append(line)
        size += len(line)
    if chunk:
        yield first, chunk


def _lines(rows: Any) -> Iterator[bytes]:
    """Each row as a line of JSON. Raises ValueError, which names row and column."""
    table = _table(rows)
    if table is None and (isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable)):
        words = "give one of its splits" if isinstance(rows, Mapping) else "push takes a list of dicts, or a table"
        raise ValueError(f"rows is a {type(rows).__name__}; {words}")
    for number, row in enumerate(rows if table is None else table):
        if not isinstance(row, Mapping):
            raise ValueError(f"row {number} is a {type(row).__name__}; a row is a dict")
        if table is not None:
            row = {name: value for name, value in row.items() if not _is_missing(value)}
        yield _line(row, number) + b"\n"


def _line(row: Mapping[str, Any], number: int) -> bytes:
    with contextlib.suppress(TypeError, ValueError, RecursionError):  # a lone surrogate is a ValueError too
        return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    try:
        return json.dumps(_plain(row, f"row {number}"), allow_nan=False, separators=(",", ":")).encode()
    except RecursionError:
        raise ValueError(f"row {number} is nested too deep") from None


def _table(rows: Any) -> Iterator[Row] | None:
    """The rows of a data frame or a dataset; None for anything else."""
    library = type(rows).__module__.partition(".")[0]
    if library == "pandas" and hasattr(rows, "iloc") and hasattr(rows, "columns"):
        return _of_frame(rows)
    if library == "datasets" and hasattr(rows, "iter"):
        return _of_dataset(rows)
    return None


def _of_frame(frame: Any) -> Iterator[Row]:
    twice = [str(name) for name in frame.columns[frame.columns.duplicated()]]
    if twice:
        raise ValueError(f"two columns are named {twice[0]!r}; rename one")
    for at in range(0, len(frame), TABLE_ROWS):
        yield from frame.iloc[at : at + TABLE_ROWS].to_dict("records")


def _of_dataset(dataset: Any) -> Iterator[Row]:
    for batch in dataset.with_format(None).iter(batch_size=TABLE_ROWS):
        for values in zip(*batch.values()):
            yield {name: _listed(value) for name, value in zip(batch, values)}


def _listed(value: Any) -> Any:
    """A list of objects, which older versions of datasets give as an object of lists."""
    if not isinstance(value, Mapping) or not {"text", "role", "labeler"} & value.keys():
        return value
    if not all(isinstance(each, list) for each in value.values()) or len(set(map(len, value.values()))) != 1:
        return value
    return [dict(zip(value, each)) for each in zip(*value.values())]


def _is_missing(value: Any) -> bool:
    """None, NaN, NaT or NA in a table's cell: the row doesn't say."""
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or type(value).__name__ in ("NaTType", "NAType")
    )


def _plain(value: Any, place: str) -> Any:
    """What JSON holds, of numbers and times of numpy and pandas too. Raises ValueError, which names the place."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{place}: {float(value)} is no number in JSON; leave it out, or say None")
        return float(value) if isinstance(value, float) else int(value)
    if isinstance(value, Mapping):
        return {_name(name, place): _plain(each, f"{place}, {name!r}") for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, f"{place}[{at}]") for at, each in enumerate(value)]
    if _is_missing(value):
        return None
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return _plain(value.tolist(), place) if type(value).__name__ != "datetime64" else str(value)
    raise ValueError(f"{place}: a {type(value).__name__} has no place in JSON; make it a text or a number")


def _name(name: Any, place: str) -> str:
    if isinstance(name, str):
        return name
    raise ValueError(f"{place}: {name!r} is no name of a column; names are texts")


def _length(rows: Any) -> int | None:
    try:
        return len(rows)
    except TypeError:
        return None


def _alike(value: Any) -> Any:
    """With JSON in place of what differs from row to row: a column has one type."""
    if isinstance(value, Mapping):
        return {
            name: json.dumps(each, ensure_ascii=False) if name in FREE_FORM else _alike(each)
            for name, each in value.items()
        }
    return [_alike(each) for each in value] if isinstance(value, list) else value


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise PodiumError(f"{name} is not installed: pip install {name}, or read the rows one by one") from None


# --- The bar ----------------------------------------------------------------------------------------------------------


class _Bar:
    """How far it is: tqdm's bar where that is installed, else a line on the terminal; nothing where nobody looks."""

    def __init__(self, name: str, total: int | None, wanted: bool | None) -> None:
        notebook = "ipykernel" in sys.modules
        self._name, self._total, self._done, self._drawn = name, total, 0, 0.0
        self._shown = (notebook or sys.stderr.isatty()) if wanted is None else wanted
        self._tqdm: Any = None
        if self._shown:
            with contextlib.suppress(ImportError):
                kind = importlib.import_module("tqdm.auto" if notebook else "tqdm").tqdm
                self._tqdm = kind(total=total, desc=name)

    def __enter__(self) -> _Bar:
        return self

    def add(self, n: int, note: str = "") -> None:
        self._done += n
        if self._tqdm is not None:
            self._tqdm.update(n)
            if note:
                self._tqdm.set_postfix_str(note)
        elif self._shown and time.monotonic() - self._drawn > 0.2:
            self._drawn = time.monotonic()
            self._draw(note)

    def _draw(self, note: str, end: str = "") -> None:
        of = f" of {self._total:,}" if self._total is not None else ""
        sys.stderr.write(f"\r{self._name} {self._done:,}{of} {note}{end}")
        sys.stderr.flush()

    def __exit__(self, *_error: object) -> None:
        if self._tqdm is not None:
            self._tqdm.close()
        elif self._shown:
            self._draw("", end="\n")
