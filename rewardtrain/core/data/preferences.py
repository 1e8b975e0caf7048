"""Any local file to measure models on: the import format, or rows of a chosen and a rejected answer. No torch.

Such rows are TRL's preference formats, standard (text) or conversational (messages), with the prompt in a column of its
own or as what both answers begin with, and RewardBench's, which have a subset too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from formats.prompts import SPLITS
from rewardtrain.core.data.groups import Group, parse_preference, read_groups, read_rows
from rewardtrain.core.errors import DataError

COLUMNS = ("prompt", "chosen", "rejected", "subset", "split")
LABELER = "the file"


@dataclass(frozen=True)
class Table:
    """Prompts to measure on, the subset of each where the file names subsets, and how many rows were of no use."""

    groups: list[Group]
    subsets: list[str] | None
    left_out: dict[str, int]


def read_table(path: Path, *, split: str) -> Table:
    """Reads the prompts of a split, or of split 'all'. Rows of preferences that name no split are all for testing.

    Left out and counted are rows whose answers are equal or of which one is empty, as public files have some. Raises
    DataError.
    """
    if not _has_preferences(path):
        groups = [group for group in read_groups(path) if split in ("all", group.split)]
        return Table(groups, None, {})
    groups, subsets, left_out = list[Group](), list[str](), {"equal": 0, "empty": 0}
    for place, row in read_rows(path, COLUMNS):
        fields = _fields(place, row)
        prompt, chosen, rejected = _answers(place, fields)
        reason = _useless(chosen, rejected)
        if reason:
            left_out[reason] += 1
            continue
        group = _group(place, fields, prompt, chosen, rejected)
        if split in ("all", group.split):
            groups.append(group)
            subsets.append(str(fields.get("subset") or ""))
    return Table(groups, subsets if any(subsets) else None, left_out)


def _has_preferences(path: Path) -> bool:
    """Tells by the first row."""
    first: object = next((row for _, row in read_rows(path, (*COLUMNS, "completions"))), None)
    return isinstance(first, dict) and "chosen" in first and "completions" not in first


def _fields(place: str, row: object) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise DataError(f"{place}: the row is {row!r}; it must be an object with chosen and rejected")
    for name in ("chosen", "rejected"):
        value = row.get(name)
        if not isinstance(value, str) and not _is_dialogue(value):
            seen = str(type(value).__name__) if name in row else "missing"
            raise DataError(f"{place}: {name} is {seen}; it must be text or a list of messages")
    if type(row["chosen"]) is not type(row["rejected"]):
        raise DataError(f"{place}: one of chosen and rejected is text, the other messages; write both the same way")
    return row


def _is_dialogue(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(turn, dict) for turn in value)


def _answers(place: str, fields: dict[str, Any]) -> tuple[Any, str, str]:
    """Reads the prompt (text or messages) and the two answers."""
    prompt, chosen, rejected = fields.get("prompt"), fields["chosen"], fields["rejected"]
    if isinstance(chosen, list):
        return _from_dialogues(place, prompt, chosen, rejected)
    if prompt is not None:
        return prompt, chosen, rejected
    end = _end_of_prompt(chosen, rejected)
    return chosen[:end], chosen[end:], rejected[end:]


def _end_of_prompt(chosen: str, rejected: str) -> int:
    """Finds where two texts part, back to the space before, so that no word is split."""
    end = 0
    for place, (one, other) in enumerate(zip(chosen, rejected, strict=False)):
        if one != other:
            break
        if one.isspace():
            end = place
    return end


def _from_dialogues(
    place: str, prompt: Any, chosen: Sequence[dict[str, Any]], rejected: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], str, str]:
    """Of messages the last is the answer; what stands before it in both is the prompt, or its end."""
    shared = [
        one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(chosen[:-1], rejected[:-1], strict=False))
    ]
    for name, turns in (("chosen", chosen), ("rejected", rejected)):
        if len(turns) != len(shared) + 1 or turns[-1].get("role") != "assistant":
            roles = [turn.get("role") for turn in turns[len(shared) :]]
            raise DataError(f"{place}: {name} differs from the other in {roles}; it must differ in one assistant turn")
    before = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt or [])
    if shared[: len(before)] == before or (isinstance(prompt, str) and shared):
        before = []  # the answers repeat the prompt
    answers = [str(turns[-1].get("content") or "") for turns in (chosen, rejected)]
    return [*before, *shared], answers[0], answers[1]


def _useless(chosen: str, rejected: str) -> str | None:
    if not chosen.strip() or not rejected.strip():
        return "empty"
    return "equal" if chosen == rejected else None


def _group(place: str, fields: dict[str, Any], prompt: Any, chosen: str, rejected: str) -> Group:
    split = fields["split"] if fields.get("split") in SPLITS else "test"
    return parse_preference(place, split, prompt, chosen, rejected, labeler=LABELER)
