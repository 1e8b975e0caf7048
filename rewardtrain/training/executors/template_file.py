"""Reads the templates of jobs that an administrator may write, as files of a bounded size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LARGEST = 100_000  # bytes


def text_of(path: str) -> str:
    """Reads one. Raises OSError, ValueError."""
    with Path(path).open("rb") as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError(f"the file has more than {LARGEST} bytes")
    return text.decode("utf-8")


def yaml_of(text: str) -> Any:
    """Reads YAML of plain values. Raises ValueError, which says what is wrong."""
    import yaml

    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            raise ValueError("it has an alias (*name); write what it stands for")  # a few make gigabytes
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ValueError(f"it is no YAML{where}: {getattr(error, 'problem', None) or type(error).__name__}") from error
