"""Files to a hub, as one commit: what breaks off shows nothing there, and goes on where it is begun again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labeling.data.hub.talk import talking
from labeling.errors import Conflict

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Kind = Literal["model", "dataset"]


@dataclass(frozen=True)
class Outgoing:
    """A file by the name that it gets."""

    name: str
    path: Path


@dataclass(frozen=True)
class Pushed:
    """Where it is. commit: the newest there. is_public: who may see it."""

    address: str
    commit: str
    is_public: bool


def push(
    files: Sequence[Outgoing], name: str, *, kind: Kind, public: bool, token: str, message: str, owned: Sequence[str]
) -> Pushed:
    """Sends files to the repository of this name, which is made where there is none, private unless `public`.

    owned: patterns of names; what there is of these and not among the files goes. Raises PodiumError; where the
    repository is public and `public` was not said, nothing is sent.
    """
    with talking(name, token) as api:
        url = api.create_repo(name, repo_type=kind, private=not public, exist_ok=True)
        info = api.repo_info(name, repo_type=kind, files_metadata=False)
        if not info.private and not public:
            raise Conflict(
                "hub_public", f"{name} is public there, so nothing was sent: say --public if everybody may see it."
            )
        commit = _commit(api, files, name, kind, message, gone=_gone(api, files, name, kind, owned))
    return Pushed(str(url), commit, is_public=not info.private)


def _gone(api: HfApi, files: Sequence[Outgoing], name: str, kind: Kind, owned: Sequence[str]) -> list[str]:
    """Lists what an earlier push left there and this one no longer has."""
    there = set(api.list_repo_files(name, repo_type=kind)) - {file.name for file in files}
    return sorted(one for one in there if any(fnmatchcase(one, pattern) for pattern in owned))


def _commit(api: HfApi, files: Sequence[Outgoing], name: str, kind: Kind, message: str, *, gone: Sequence[str]) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationDelete(one) for one in gone),
        *(CommitOperationAdd(file.name, str(file.path)) for file in files),
    ]
    return str(api.create_commit(name, operations, commit_message=message, repo_type=kind).oid)
