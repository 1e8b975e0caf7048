"""The storage as a job sees it where that is a bucket: by the door of the web, which signs an address for each file.

What is published is known to the web by name and sha256, and lies in the bucket by its sha256: so what a start has sent
that was thought dead harms nobody, and a name changes all at once, by one request to the door.
"""

import hashlib
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from rewardtrain.core.errors import Stopped
from rewardtrain.core.job import storage, transfers
from rewardtrain.core.job.names import CHECKPOINTS, INFO, MANIFEST, METRICS, MODEL, REPORT, step_of
from rewardtrain.core.job.spec import Input

T = TypeVar("T")

ASK_SECONDS = 10.0  # between two questions whether the run is still ours
BYTES_A_SECOND = 10**6  # of lines, which are sent whole each time

About = dict[str, Any]  # sha256 and bytes of a file


class Door:
    """Reads what a job needs, and writes what its run is to have: see Storage for what each does.

    address: of the door for this job. patience: seconds it, or the bucket, may be away for.
    """

    def __init__(self, address: str, token: str, *, patience: float, should_stop: Callable[[], bool]) -> None:
        self.taken_over = threading.Event()
        self._address, self._token = address.rstrip("/"), token
        self._patience, self._should_stop = patience, should_stop
        self._start = ""  # which start of the job this is, by the web's word
        self._files: dict[str, About] = {}  # what the run has there, by name
        self._begun: dict[str, tuple[str, list[str]]] = {}  # uploads in parts that broke off, by sha256
        self._asked = 0.0

    def patiently(self, do: Callable[[], T]) -> T:
        return storage.again_and_again(
            do,
            patience=self._patience,
            should_stop=self._should_stop,
            is_there=lambda: True,
            where="the web, or its bucket,; see whether this node reaches both",
        )

    def _ask(self, act: str, **values: Any) -> dict[str, Any]:
        try:
            return transfers.ask(f"{self._address}/{act}/", self._token, {"start": self._start, **values})
        except Stopped:
            self.taken_over.set()
            raise

    # --- Whose the run is -------------------------------------------------------------------------------------------

    def description(self) -> bytes:
        return str(self.patiently(lambda: self._ask("description"))["text"]).encode()

    def begin(self) -> None:
        begun = self.patiently(lambda: self._ask("begin"))
        self._start, self._files = begun["start"], begun["files"]
        self._asked = time.monotonic()

    def require_ours(self) -> None:
        if time.monotonic() - self._asked > ASK_SECONDS:
            self._ask("still")
            self._asked = time.monotonic()

    def end(self, code: int, manifest_sha256: str | None) -> None:
        self.patiently(lambda: self._ask("end", code=code, manifest_sha256=manifest_sha256 or ""))

    def ended(self) -> int | None:
        code = self._ask("ended")["code"]
        return None if code is None else int(code)

    # --- What is there ----------------------------------------------------------------------------------------------

    def bring_back(self, scratch: Path) -> None:
        self._bring(METRICS, scratch / METRICS)
        for name in sorted(self.children(CHECKPOINTS), key=step_of):
            self._bring_folder(f"{CHECKPOINTS}/{name}", scratch, INFO)
        if REPORT in self._files and self._bring_folder(MODEL, scratch, MANIFEST):
            self._bring(REPORT, scratch / REPORT)

    def _bring_folder(self, name: str, scratch: Path, last: str) -> bool:
        """Brings a folder here, the file `last` at last. What is not whole there is of no use, and goes."""
        names = [each for each in self._files if each.startswith(f"{name}/")]
        is_whole = bool(names) and all(
            self._bring(each, scratch / each) for each in sorted(names, key=lambda each: each == f"{name}/{last}")
        )
        if names and not is_whole:
            shutil.rmtree(scratch / name, ignore_errors=True)
            self.patiently(lambda: self.remove(name))
        return is_whole

    def _bring(self, name: str, to: Path) -> bool:
        """Brings a file here. False where it is lost or was changed: it is not there then."""
        if name not in self._files:
            return False
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            seen = self.patiently(lambda: transfers.download(self._ask("read", name=name)["address"], to))
        except FileNotFoundError:
            to.unlink(missing_ok=True)
            return False
        if seen == (self._files[name]["sha256"] or seen):
            return True
        to.unlink()
        return False

    def fetch(self, wanted: Input, to: Path) -> Path:
        def copy() -> str:
            return transfers.download(self._ask("input", name=wanted.name)["address"], to)

        storage.fetch_checked(self, wanted, copy)
        return to

    def is_same(self, path: Path, name: str) -> bool:
        return bool(self._files.get(name, {}).get("sha256") == about(path)["sha256"])

    def children(self, name: str) -> list[str]:
        below = [each.removeprefix(f"{name}/") for each in self._files if each.startswith(f"{name}/")]
        return list(dict.fromkeys(each.partition("/")[0] for each in below))

    # --- What is written --------------------------------------------------------------------------------------------

    def growing(self, source: Path, name: str) -> "GrowingObject":
        return GrowingObject(source, name, self._ask)

    def put(self, path: Path, name: str) -> None:
        self._publish(name, {name: self._send(path)})

    def put_folder(self, folder: Path, name: str, *, last: str) -> None:
        self._publish(name, {f"{name}/{path.name}": self._send(path) for path in sorted(folder.iterdir())})

    def remove(self, name: str) -> None:
        self._publish(name, {})

    def _publish(self, name: str, files: dict[str, About]) -> None:
        """Has the web know these in place of what there was of this name, or below it."""
        self._ask("publish", name=name, files=files)
        kept = {each: seen for each, seen in self._files.items() if each != name and not each.startswith(f"{name}/")}
        self._files = kept | files

    def _send(self, path: Path) -> About:
        """Sends a file unless it is there."""
        file_is = about(path)
        place = self._ask("write", **file_is)
        if "address" in place:
            with path.open("rb") as file:
                transfers.upload(place["address"], file, file_is["bytes"])
        elif "part_bytes" in place:
            self._send_in_parts(path, file_is, place["part_bytes"])
        return file_is

    def _send_in_parts(self, path: Path, file_is: About, part_bytes: int) -> None:
        """Goes on with what broke off. A part is sent by an address of its own, asked for when it is its turn."""
        sha256, size = file_is["sha256"], file_is["bytes"]
        if sha256 not in self._begun:
            self._begun[sha256] = (self._ask("parts", **file_is)["upload"], [])
        upload, seen = self._begun[sha256]
        try:
            with path.open("rb") as file:
                for start in range(len(seen) * part_bytes, size, part_bytes):
                    address = self._address_of_part(file_is, upload, len(seen) + 1)
                    length = min(part_bytes, size - start)
                    section = cast(IO[bytes], transfers.Section(file, start, length))
                    seen.append(transfers.upload(address, section, length))
            is_whole = self._ask("whole", sha256=sha256, upload=upload, parts=seen)["whole"]
        except transfers.Forgotten:
            is_whole = False
        del self._begun[sha256]
        if not is_whole:
            raise OSError("the bucket has forgotten what was sent; it is sent again")

    def _address_of_part(self, file_is: About, upload: str, part: int) -> str:
        return str(self._ask("part", **file_is, upload=upload, part=part)["address"])


class GrowingObject:
    """A file that grows here, and its copy in the bucket, which is sent whole: the larger, the less often."""

    def __init__(self, source: Path, name: str, ask: Callable[..., dict[str, Any]]) -> None:
        self._source, self._name, self._ask = source, name, ask
        self._sent: tuple[int, int] | None = None
        self._not_before = 0.0
        self._is_known = False

    def copy(self, *, last: bool = False) -> None:
        try:
            seen = self._source.stat()
        except FileNotFoundError:
            return
        now = (seen.st_size, seen.st_mtime_ns)
        if now == self._sent or not (last or time.monotonic() >= self._not_before):
            return
        content = self._source.read_bytes()
        transfers.upload(self._ask("lines", name=self._name, bytes=len(content))["address"], content, len(content))
        self._not_before = time.monotonic() + len(content) / BYTES_A_SECOND
        if not self._is_known:
            self._ask("sent", name=self._name)
            self._is_known = True
        self._sent = now


def about(path: Path) -> About:
    """Gives a file's sha256 and bytes."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return {"sha256": sha256, "bytes": file.tell()}
