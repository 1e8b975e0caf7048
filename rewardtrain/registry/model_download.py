"""A model's folder as it leaves: the files that its manifest lists, whole, and their checksums. Nothing of torch.

What else lies in the folder stays. Under one folder's name in the zip, so that it unpacks beside what is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from formats import zips
from labeling.errors import Conflict
from rewardtrain.models import RewardModel
from rewardtrain.registry.model_files import MANIFEST, model_folder

SUMS = "SHA256SUMS"  # as `sha256sum --check` reads it


@dataclass(frozen=True)
class ModelFile:
    """One of the folder's. path: where it lies."""

    name: str
    path: Path
    size: int
    sha256: str


@dataclass(frozen=True)
class Download:
    """A model that can leave. name: of the folder that it becomes."""

    name: str
    files: list[ModelFile]

    @property
    def size(self) -> int:
        """Counts the files' bytes."""
        return sum(file.size for file in self.files)

    @property
    def filename(self) -> str:
        return f"{self.name}.zip"

    @property
    def length(self) -> int:
        """Counts the zip's bytes."""
        length = zips.length_of(self._members())
        assert length is not None, "the manifest says how large each file is"
        return length

    def stream(self) -> Iterator[bytes]:
        """Yields the zip in pieces."""
        return zips.stream(self._members())

    def sums(self) -> str:
        """Writes the checksums of all files."""
        return "".join(f"{file.sha256}  {file.name}\n" for file in self.files)

    def _members(self) -> list[zips.Member]:
        files = [zips.of_file(file.path, f"{self.name}/{file.name}", file.size) for file in self.files]
        return [*files, zips.of_text(f"{self.name}/{SUMS}", self.sums())]


def download_of(model: RewardModel) -> Download:
    """Looks the folder through. Raises Conflict('model_files_gone') where a file is missing or of another size, or the
    manifest is another than when the model was made; a changed text of equal size shows in SHA256SUMS."""
    folder = model_folder(model)
    files = _listed(model, folder)
    for file in files:
        if not file.path.is_file() or file.path.stat().st_size != file.size:
            raise _gone(model, file.name)
    return Download(f"{model.project.slug}-model-{model.version}", files)


def _listed(model: RewardModel, folder: Path) -> list[ModelFile]:
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _gone(model, MANIFEST) from error
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != model.manifest_sha256:
        raise _gone(model, MANIFEST)
    listed = json.loads(data)["files"]  # the checksum says that it is ours
    files = [ModelFile(name, folder / name, said["bytes"], said["sha256"]) for name, said in listed.items()]
    return [*files, ModelFile(MANIFEST, path, len(data), sha256)]


def _gone(model: RewardModel, name: str) -> Conflict:
    message = _(
        "Model %(version)s can't leave: its file %(name)s is missing or was changed on the server. Have its folder "
        "restored from a backup, or train again."
    )
    return Conflict("model_files_gone", message % {"version": model.version, "name": name})
