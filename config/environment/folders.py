"""Reads folders: one rule for what may be written, whoever reads it and wherever the command is run.

`~` is the home of who runs Podium. What is relative is below Podium's own folder, as `.podium` is: a command that is
run elsewhere, by cron say, would else start servers of its own on a folder of its own. An option of the command line
is relative to where it is typed. Links are followed, so that two ways to write one folder are one folder.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from config.environment.variables import refuse, text

REPOSITORY = Path(__file__).resolve().parents[2]
_UNWRITABLE = re.compile("[\0-\x1f\x7f\ud800-\udfff]")  # in a URL or a line of the servers' own files
_UNREPLACED = re.compile(r"(^|/)\$(\w|\{)")  # a file of systemd's or Docker's is read by no shell


def data_directory(environ: Mapping[str, str] | None = None) -> Path:
    """Returns where everything is kept. Makes nothing."""
    return folder("PODIUM_DATA_DIR", REPOSITORY / ".podium", environ=environ)


def folder(name: str, default: Path, *, environ: Mapping[str, str] | None = None) -> Path:
    value = text(name, environ=environ)
    return as_folder(name, value) if value else default.resolve()


def as_folder(name: str, value: str, *, base: Path = REPOSITORY) -> Path:
    """Checks as `folder` does, for an option of the command line too, whose `base` is the working directory."""
    example = "write it in full, e.g. /srv/podium."
    if _UNWRITABLE.search(value) or re.match("[a-z][a-z0-9+.-]*://", value, re.IGNORECASE):
        refuse(name, value, "it is a folder of this machine, e.g. /srv/podium.")
    if _UNREPLACED.search(value):
        refuse(name, value, f"no shell has replaced the variable in it: {example}")
    try:
        path = Path(value).expanduser()
    except RuntimeError:
        refuse(name, value, f"there is no such home folder: {example}")
    try:
        return Path(base, path).resolve()
    except (OSError, RuntimeError) as error:  # links in a circle
        refuse(name, value, f"it can't be followed ({getattr(error, 'strerror', None) or error}): {example}")
