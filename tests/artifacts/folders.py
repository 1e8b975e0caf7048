"""Folders as training leaves them: files, and a manifest of them."""

import hashlib
import json
import os
from pathlib import Path


def write_folder(folder: Path, files: dict[str, bytes], *, linked: dict[str, Path] | None = None) -> str:
    """Writes files and links, and the manifest, whose checksum is given."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for name, path in (linked or {}).items():
        os.link(path, folder / name)
    about = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
    }
    manifest = json.dumps({"format": 3, "files": about}).encode()
    (folder / "manifest.json").write_bytes(manifest)
    return hashlib.sha256(manifest).hexdigest()
