"""Requests of a job: to the web's door, and to the bucket by addresses that the door has signed for one file each.

No message has such an address: whoever has it can use it, for a while.
"""

import hashlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from rewardtrain.core.errors import ConfigError, DiskFullError, Stopped, from_exception

SECONDS = 60  # of silence
PIECE = 2**20  # bytes
LARGEST_ANSWER = 16 * 2**20
_OVER = ("job_over", "bad_job_token")  # codes of the door: the run is not, or no longer, of who has this token
_REFUSED = (400, 413)


class Forgotten(OSError):
    """The bucket knows nothing of an upload in parts, or is none."""


def ask(address: str, token: str, values: dict[str, Any]) -> dict[str, Any]:
    """Asks the door. Raises Stopped where the run is not this job's, ConfigError for what it refuses, OSError."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(address, json.dumps(values).encode(), headers, method="POST")
    with _in_words("the web"):
        try:
            with _send(request) as answer:
                found = json.loads(answer.read(LARGEST_ANSWER))
        except urllib.error.HTTPError as error:
            code, detail = _refusal(error)
            if code in _OVER:
                raise Stopped(detail) from None
            if code and error.code in _REFUSED:
                raise ConfigError(f"the web refuses a request of this job: {detail}") from None
            raise  # a proxy's word, or the web has trouble of its own
        except ValueError:
            found = None
    if not isinstance(found, dict):
        raise OSError("the web's answer is none of Podium: is there another server at its address?")
    return found


def _refusal(error: urllib.error.HTTPError) -> tuple[str, str]:
    """Reads the code of Podium's own refusals, and what they say."""
    try:
        first = json.loads(error.read(10_000))["errors"][0]
        return str(first["code"]), str(first["detail"])[:500]
    except (ValueError, LookupError, TypeError, OSError, http.client.HTTPException):
        return "", ""


def download(address: str, to: Path) -> str:
    """Brings a file here, to the disk, and gives its sha256. Raises FileNotFoundError, DiskFullError, OSError."""
    digest = hashlib.sha256()
    with _in_words("the bucket"), _send(urllib.request.Request(address)) as answer, to.open("wb") as file:
        while piece := answer.read(PIECE):
            digest.update(piece)
            file.write(piece)
        file.flush()
        if getattr(answer, "length", 0):
            raise OSError("the bucket broke off")
    return digest.hexdigest()


def upload(address: str, content: bytes | IO[bytes], size: int) -> str:
    """Sends so many bytes, and gives what the bucket calls them. Raises Forgotten, OSError."""
    headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(address, content, headers, method="PUT")
    with _in_words("the bucket", missing=Forgotten), _send(request) as answer:
        return str(answer.headers.get("ETag", ""))


def _send(request: urllib.request.Request) -> Any:
    return urllib.request.urlopen(request, timeout=SECONDS)


@contextmanager
def _in_words(who: str, *, missing: type[OSError] = FileNotFoundError) -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        kind = missing if error.code == 404 and who != "the web" else OSError
        raise kind(f"{who} answers {error.code}") from None
    except urllib.error.URLError as error:
        raise OSError(f"{who} can't be reached: {error.reason}") from None
    except http.client.HTTPException as error:
        raise OSError(f"{who} broke off ({type(error).__name__})") from None
    except OSError as error:
        if isinstance(known := from_exception(error), DiskFullError):
            raise known from error
        raise


class Section:
    """Some bytes of an open file, read as if they were all of it."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._left = file, size
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(piece)
        return piece
