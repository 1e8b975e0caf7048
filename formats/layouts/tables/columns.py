"""Columns of tables: what each is for, guessed by its name or said by a map from purposes to names.

A purpose is such as `prompt` or `winner`, or has the label of one of several completions: completion_a, rank_a.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from formats.layouts.layout import Columns
from formats.refusals import Refused

# Names of columns as people write them, the likelier first; compared in small letters and with `_` for other signs.
NAMES = {
    "prompt": (
        "prompt", "prompt_text", "question", "instruction", "query", "user_prompt", "user_message", "user", "input",
        "task", "context",
    ),
    "system": ("system", "system_prompt", "system_message"),
    "id": ("id", "prompt_id", "question_id", "row_id", "item_id", "task_id", "uid", "uuid", "key"),
    "labeler": (
        "labeler", "labeller", "labeler_id", "annotator", "annotator_id", "rater", "rater_id", "worker", "worker_id",
        "judge",
    ),
    "winner": ("winner", "preferred", "preference", "best", "choice", "chosen_response", "better", "vote", "label"),
    "strength": ("strength",),
    "split": ("split",),
    "tags": ("tags",),
}  # fmt: skip
ANSWERS = (
    "completion",
    "response",
    "answer",
    "output",
    "generation",
    "candidate",
    "reply",
    "text",
    "summary",
    "content",
)
PAIRS = (("chosen", "rejected"), ("chosen_response", "rejected_response"))
RANKS = ("rank", "ranking", "position", "place")
SCORES = ("score", "rating", "reward", "points", "grade")
MODELS = ("model", "model_name", "source_model", "generator")
# Of one completion a row, in long tables.
ONE = {"completion": ANSWERS, "rank": RANKS, "score": SCORES, "model": MODELS}
MOST_NAMES, MOST_CHARACTERS = 10_000, 1_000_000  # of a table's columns; what is guessed of 64 tables is remembered
LABELLED = ("completion", "rank", "score", "model")

_other_signs = re.compile(r"[^0-9a-z]+")
_label = r"(?P<label>[a-z]|\d{1,3})"
_kinds = {kind: "|".join(names) for kind, names in ONE.items()}
_answers = _kinds["completion"]
_shapes = [
    *((kind, re.compile(rf"(?:{names})_?{_label}")) for kind, names in _kinds.items()),
    ("completion", re.compile(rf"(?:model|assistant|system)_?{_label}_(?:{_answers})")),
    *((kind, re.compile(rf"(?:{_answers})_?{_label}_(?:{_kinds[kind]})")) for kind in ("rank", "score", "model")),
]


def plain(name: str) -> str:
    return _other_signs.sub("_", name.casefold()).strip("_")


def labels_of(columns: Iterable[str], kind: str = "completion") -> list[str]:
    """Gives the labels that a map has for a purpose: a, b, c; 2 before 10."""
    return list(_labels(tuple(columns), kind))


@lru_cache(maxsize=64)
def _labels(columns: tuple[str, ...], kind: str) -> tuple[str, ...]:
    found = [purpose.removeprefix(f"{kind}_") for purpose in columns if purpose.startswith(f"{kind}_")]
    return tuple(sorted(found, key=lambda label: (len(label), label) if label.isdecimal() else (0, label)))


def guess_wide(names: Sequence[str]) -> dict[str, str]:
    """Guesses the map of a table with a prompt's completions side by side; empty where it hasn't got them."""
    found = dict(likely_wide(tuple(names)))
    return found if "prompt" in found and len(labels_of(found)) > 1 else {}


def likely_wide(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Gives what the names say, be it enough or not; of more than anybody names nothing."""
    return _likely_wide(names) if is_few(names) else ()


def is_few(names: Sequence[str]) -> bool:
    """Tells whether a table has no more columns than can be looked at, and remembered."""
    return len(names) <= MOST_NAMES and sum(len(name) for name in names if isinstance(name, str)) <= MOST_CHARACTERS


@lru_cache(maxsize=64)
def _likely_wide(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    by_plain = _by_plain(names)
    found = _named(by_plain, NAMES)
    for name in by_plain:
        for kind, shape in _shapes:
            if match := shape.fullmatch(name):
                found.setdefault(f"{kind}_{match['label']}", by_plain[name])
                break
    pair = next((pair for pair in PAIRS if by_plain.keys() >= set(pair)), None)
    if pair and not labels_of(found):
        found |= {"completion_chosen": by_plain[pair[0]], "completion_rejected": by_plain[pair[1]]}
        found.pop("winner", None)
    if by_plain.get("instruction") == found.get("prompt") and "input" in by_plain:
        found["input"] = by_plain["input"]
    return tuple(found.items())


def guess_long(names: Sequence[str]) -> dict[str, str]:
    """Guesses the map of a table with a row for each completion; empty where it hasn't got them."""
    found = dict(likely_long(tuple(names)))
    told = {"rank", "score"} & found.keys()
    return found if {"prompt", "completion"} <= found.keys() and told and not guess_wide(names) else {}


def likely_long(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Gives what the names say, be it enough or not; of more than anybody names nothing."""
    return _likely_long(names) if is_few(names) else ()


@lru_cache(maxsize=64)
def _likely_long(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    by_plain = _by_plain(names)
    by_plain = {name: column for name, column in by_plain.items() if name not in ("chosen", "rejected")}
    found = _named(by_plain, {key: NAMES[key] for key in ("prompt", "system", "id", "labeler", "split", "tags")} | ONE)
    return tuple(found.items())


def _by_plain(names: Sequence[str]) -> dict[str, str]:
    """Gives the columns under their names as they are compared, the first of those that are alike."""
    found: dict[str, str] = {}
    for name in names:
        if isinstance(name, str):
            found.setdefault(plain(name), name)
    return found


def _named(by_plain: Mapping[str, str], known: Mapping[str, Sequence[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for purpose, likely in known.items():
        column = next((by_plain[name] for name in likely if name in by_plain), None)
        if column is not None and column not in found.values():
            found[purpose] = column
    return found


def completed(columns: Columns, likely: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Gives a map that somebody gave, and of what it leaves out what the names say; of what it calls "" nothing."""
    said = {purpose: column for purpose, column in likely if column not in columns.values()}
    return {purpose: column for purpose, column in {**said, **columns}.items() if column}


def checked(columns: Columns, purposes: Iterable[str], labelled: Iterable[str], there: Iterable[object]) -> Columns:
    """Checks a map that somebody gave: purposes that are known, and columns that are there, or "". Raises Refused."""
    names, kinds, present = tuple(purposes), tuple(labelled), list(map(str, there))
    for purpose, column in columns.items():
        kind, _, label = purpose.partition("_")
        if purpose not in names and not (kind in kinds and label):
            known = ", ".join((*names, *(f"{kind}_a" for kind in kinds)))
            raise Refused("columns", purpose, "one_of", known=known)
        if column and column not in present:
            raise Refused(f"columns.{purpose}", column, "no_column", known=", ".join(present))
    return columns
