"""What is read of a request: its token, its body, the project and version in its address."""

import base64
import binascii
import re

from starlette.requests import Request

from formats import values
from rewardtrain.core.errors import DataError
from rewardtrain.core.serving.problems import Refused

MOST_BYTES = 32 * 2**20
LONGEST_NAME = 200  # of a project
_VERSION = re.compile(r"(.+)@([1-9][0-9]{0,9})", re.DOTALL)


def place_of(request: Request) -> tuple[str, int | None]:
    """Gives the project of an address, and the version: of PROJECT@3 it is 3. Raises Refused."""
    name = request.path_params["project"]
    if "\0" in name or len(name) > LONGEST_NAME:  # which no database looks up
        raise Refused(404, "not_found", "There is no such project that you can see.")
    match = _VERSION.fullmatch(name)
    return (match[1], int(match[2])) if match else (name, None)


def named_version(name: str | None, project: str) -> int | None:
    """Reads what a body calls the model: PROJECT, or PROJECT@3; None is the champion. Raises Refused.

    A path, or a hub's name, has a slash: clients of servers that read a folder send where they have the tokenizer from.
    """
    if not name or name == project or "/" in name:
        return None
    match = _VERSION.fullmatch(name)
    if not match or match[1] != project:
        words = (
            f"The model {name[:80]!r} is not served at this address; send {project}, a version as in {project}@3, or"
        )
        raise Refused(404, "not_found", f"{words} no model.")
    return int(match[2])


def one_version(*versions: int | None) -> int | None:
    """Gives the version that is asked for, in the address or the body. Raises DataError where they differ."""
    found = sorted({version for version in versions if version is not None})
    if len(found) > 1:
        raise DataError(f"versions {found[0]} and {found[1]} are asked for at once; leave one of them out")
    return found[0] if found else None


def credential(request: Request) -> str | None:
    """Reads a token: `Authorization: Bearer TOKEN`, or the password of `http://any:TOKEN@host/`, which clients that
    take nothing but an address send as Basic."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[2].replace("\0", "")  # which no database knows
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


async def body_of(request: Request) -> object:
    """Raises DataError, and Refused over MOST_BYTES."""
    read, parts = 0, []
    async for part in request.stream():
        read += len(part)
        if read > MOST_BYTES:
            raise Refused(413, "too_large", f"The body is over {MOST_BYTES // 2**20} MiB; send it in several requests.")
        parts.append(part)
    try:
        body = values.parse(b"".join(parts).decode("utf-8-sig", "surrogatepass"))  # which the texts are asked for
    except ValueError as error:  # UnicodeDecodeError is one
        raise DataError(f"the body is not JSON in UTF-8 ({error}); send one object") from error
    if slip := values.slip_of(body):
        raise DataError(f"the body can't be read: {slip}; send it once, and as it is meant")
    return body


async def disconnected(request: Request) -> None:
    """Ends when the caller has gone; the body has been read, so there is nothing else to come."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
