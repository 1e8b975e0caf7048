"""Files of a dataset from a hub: tables and records alone, as many bytes as were allowed, into a folder that is given.

Nothing of a repository is run or believed: no script is fetched, and a file is what an import finds it to be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from formats.files.folders import MOST_BYTES, MOST_FILES, data_names, is_data
from labeling.data.hub.names import Fetched
from labeling.data.hub.talk import address, talking
from labeling.errors import Conflict, Invalid


@dataclass(frozen=True)
class Remote:
    """A file of a dataset."""

    name: str
    size: int


@dataclass(frozen=True)
class Found:
    """A dataset at a commit, and its files that an import may read, in their order."""

    what: Fetched
    commit: str
    files: list[Remote]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def find(
    what: Fetched,
    *,
    token: str | None,
    pattern: str = "",
    most_bytes: int = MOST_BYTES,
    advice: str = "name some of its files by --files",
) -> Found:
    """Looks at what a dataset holds. pattern: of the names to take. advice: what to do where that is too much.

    Raises PodiumError before anything is fetched.
    """
    with talking(what.name, token, revision=what.revision) as api:
        info = api.dataset_info(what.name, revision=what.revision, files_metadata=True)
        listed = [Remote(str(one.rfilename), int(one.size or 0)) for one in info.siblings or ()]
        commit = str(info.sha or "")
    found = Found(what, commit, _chosen(what, listed, pattern))
    if found.size > most_bytes:
        message = f"{what.name} has {_gibibytes(found.size)} GiB to read, and {_gibibytes(most_bytes)} are taken"
        raise Invalid("hub_too_large", f"{message}: {advice}.")
    if len(found.files) > MOST_FILES:
        message = f"{what.name} has {len(found.files)} files to read, and {MOST_FILES} are taken"
        raise Invalid("hub_too_many", f"{message}: {advice}.")
    return found


def fetch(
    found: Found, file: Remote, into: Path, *, token: str | None, told: Callable[[int], None] | None = None
) -> Path:
    """Fetches one file of what was found. told: is called with the bytes that have come, and may raise to break off.

    Raises PodiumError, as soon as more comes than was listed.
    """
    with talking(found.what.name, token, revision=found.commit) as api:
        path = api.hf_hub_download(
            found.what.name,
            file.name,
            repo_type="dataset",
            revision=found.commit,
            local_dir=into,
            token=token or False,
            tqdm_class=partial(_Coming, file=file, told=told) if told else None,  # type: ignore[arg-type]
        )
    fetched = Path(path)
    if fetched.stat().st_size != file.size:
        raise _another(file)
    return fetched


class _Coming:
    """What the package takes for a bar on a terminal: it hears of every piece before that is written."""

    def __init__(self, *, file: Remote, told: Callable[[int], None], **_of_a_bar: object) -> None:
        self._file, self._told, self._n = file, told, 0

    def __enter__(self) -> _Coming:
        return self

    def __exit__(self, *_error: object) -> None:
        """Leaves nothing on a terminal."""

    def update(self, n: int) -> None:
        self._n += n
        if self._n > self._file.size:
            raise _another(self._file)
        self._told(self._n)


def _another(file: Remote) -> Conflict:
    return Conflict("hub_strange", f"{address()} sent another {file.name} than it listed: do it again.")


def _chosen(what: Fetched, listed: Sequence[Remote], pattern: str) -> list[Remote]:
    safe = {file.name: file for file in listed if is_data(file.name)}
    names = [name for name in safe if fnmatchcase(name, pattern)] if pattern else data_names(safe)
    chosen = [safe[name] for name in sorted(names)]
    if not chosen:
        some = ", ".join(list(safe or [file.name for file in listed])[:5]) or "nothing"
        wanted = f"no file named {pattern!r}" if pattern else "no Parquet, Arrow, JSON or CSV file"
        raise Invalid("hub_no_data", f"{what.name} has {wanted} to import; there is: {some[:300]}.")
    return chosen


def _gibibytes(size: int) -> Any:
    return f"{size / 2**30:.1f}"
