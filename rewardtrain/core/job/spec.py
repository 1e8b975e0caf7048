"""What a job is to do, as it stands in the storage: names of what it reads, each with its sha256."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from rewardtrain.core.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", re.ASCII)
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Input:
    """A file, or a folder by the sha256 of its manifest."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Comparison:
    """A report that is made once the model is there: where in the run's folder, and beside whom."""

    report: str
    champion: Input | None


@dataclass(frozen=True)
class Spec:
    """All that a job is given. Names are below the storage's root, those of reports below the run's folder."""

    data: Input
    settings: dict[str, Any]
    backbone: Input | None  # where it is a model of the project's own
    champion: Input | None
    formerly: list[str]
    comparisons: list[Comparison]


def read_spec(text: bytes, sha256: str) -> Spec:
    """Raises ConfigError where the text is another than was meant, or says what can't be done."""
    seen = hashlib.sha256(text).hexdigest()
    if seen != sha256:
        raise ConfigError(f"the job's description was changed: its sha256 is {seen[:16]}..., not {sha256[:16]}...")
    try:
        values = json.loads(text)
        return Spec(
            data=_input(values["data"]),
            settings=dict(values["settings"]),
            backbone=_optional(values["backbone"]),
            champion=_optional(values["champion"]),
            formerly=[_sha256(each) for each in values["formerly"]],
            comparisons=[
                Comparison(_name(each["report"]), _optional(each["champion"])) for each in values["comparisons"]
            ],
        )
    except (ValueError, LookupError, TypeError) as error:
        raise ConfigError(f"the job's description can't be read: {error!r:.200}; it is of another version") from error


def _comparison(value: Any) -> Comparison:
    return Comparison(_name(value["report"]), _optional(value["champion"]))


def _optional(value: Any) -> Input | None:
    return None if value is None else _input(value)


def _input(value: Any) -> Input:
    return Input(_name(value["name"]), _sha256(value["sha256"]))


def _name(value: str) -> str:
    if len(value) > 300 or not _NAME.fullmatch(value):
        raise ValueError(f"{value[:100]!r} is no name of a file in the storage")
    return value


def _sha256(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError(f"{value[:100]!r} is no sha256")
    return value
