"""Whether a JSON value has the shape that core's types say, field by field."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from formats.evaluation_report.report import PairlessReport, PairReport


def misshapen(report: Any) -> list[str]:
    """Names what a report lacks, has too much, or has of another type."""
    return _flaws(report, PairReport if report["n_pairs"] else PairlessReport, "report")


def _flaws(value: Any, kind: Any, path: str) -> list[str]:
    if isinstance(kind, UnionType):
        [inner] = [each for each in get_args(kind) if each is not NoneType]
        return [] if value is None else _flaws(value, inner, path)
    if is_typeddict(kind):
        return _flaws_of_fields(value, kind, path) if isinstance(value, dict) else [f"{path} is {value!r}"]
    if get_origin(kind) is list:
        [inner] = get_args(kind)
        return [flaw for place, each in enumerate(value) for flaw in _flaws(each, inner, f"{path}[{place}]")]
    if get_origin(kind) is dict:
        inner = get_args(kind)[1]
        return [flaw for key, each in value.items() for flaw in _flaws(each, inner, f"{path}.{key}")]
    fits = type(value) in (int, float) if kind is float else type(value) is kind
    return [] if fits else [f"{path} is {value!r}"]


def _flaws_of_fields(value: dict[str, Any], kind: Any, path: str) -> list[str]:
    hints = get_type_hints(kind)
    flaws = [f"{path}.{key} is lacking" for key in sorted(kind.__required_keys__ - set(value))]
    flaws += [f"{path}.{key} has no type" for key in sorted(set(value) - set(hints))]
    return flaws + [flaw for key in hints if key in value for flaw in _flaws(value[key], hints[key], f"{path}.{key}")]
