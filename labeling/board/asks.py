"""What a project asks beyond an order, on the board: its fields, how they are shown, and the answer that they give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.answers.asks.asked import FURTHEST, Asked, Attribute
from labeling.answers.asks.rewrite import MAX_REWRITE
from labeling.board.cards import YES

Value = Callable[[str], str]  # of a field by its name, as the form shows it


@dataclass(frozen=True)
class Option:
    value: int
    label: str
    checked: bool
    words: str = ""  # for who can't see where it stands


@dataclass(frozen=True)
class Scale:
    """One question with one answer of a row: a rating of a completion, a comparison of two, the acceptable line."""

    field: str
    label: str
    name: str
    options: list[Option]
    low: str = ""
    high: str = ""


@dataclass(frozen=True)
class Reason:
    field: str
    label: str
    checked: bool


def fields(asked: Asked, ids: Sequence[str], n_slots: int, placed: Sequence[str]) -> dict[str, forms.Field]:
    """Makes the form's fields. What must be answered is required: ratings of what is placed."""
    made: dict[str, forms.Field] = {}
    if asked.acceptable:
        made["acceptable"] = choice(range(n_slots + 1))
    for reason in asked.reasons:
        made[f"reason-{reason['name']}"] = forms.BooleanField(required=False)
    if asked.rewrite:
        made["rewrite_of"] = forms.ChoiceField(required=False, choices=[("", ""), *((pk, pk) for pk in ids)])
        made["rewrite"] = forms.CharField(required=False, max_length=MAX_REWRITE, strip=False)
    for each in asked.ratings:
        scale = range(1, each.scale + 1)
        made |= {f"rate-{pk}-{each.name}": choice(scale, required=pk in placed) for pk in ids}
    for each in asked.comparisons:
        made[f"compare-{each.name}"] = choice(range(-FURTHEST, FURTHEST + 1))
    return made


def choice(values: Iterable[int], *, required: bool = True) -> forms.Field:
    return forms.TypedChoiceField(choices=[(value, value) for value in values], coerce=int, required=required)


def ratings(asked: Asked, pk: str, letter: str, value: Value) -> list[Scale]:
    """Shows the ratings of one completion, none chosen until somebody chooses."""
    return [_rating(each, f"rate-{pk}-{each.name}", letter, value) for each in asked.ratings]


def _rating(each: Attribute, field: str, letter: str, value: Value) -> Scale:
    ends = {1: each.low, each.scale: each.high}
    options = [
        Option(n, str(n), value(field) == str(n), f"{n}, {ends[n]}" if ends.get(n) else str(n))
        for n in range(1, each.scale + 1)
    ]
    label = _("%(label)s: %(letter)s") % {"label": each.label, "letter": letter}
    return Scale(field, label, each.label, options, each.low, each.high)


AHEAD = {
    1: gettext_lazy("%(letter)s slightly"),
    2: gettext_lazy("%(letter)s clearly"),
    3: gettext_lazy("%(letter)s much"),
}


def comparisons(asked: Asked, value: Value) -> list[Scale]:
    """Shows on one row who of A and B is ahead, the first on the left; the value is towards the first."""
    scales = []
    for each in asked.comparisons:
        field = f"compare-{each.name}"
        scales.append(Scale(field, each.label, each.label, of_two(field, value), "A", "B"))
    return scales


def of_two(field: str, value: Value) -> list[Option]:
    return [
        Option(ahead, _beside(ahead), value(field) == str(ahead), ahead_in_words(ahead))
        for ahead in range(FURTHEST, -FURTHEST - 1, -1)
    ]


def _beside(ahead: int) -> str:
    return str(abs(ahead)) if ahead else "="


def ahead_in_words(ahead: int) -> str:
    """Says 'A clearly' of 2, 'B slightly' of -1 and 'equal' of 0."""
    if not ahead:
        return _("equal")
    return str(AHEAD[abs(ahead)]) % {"letter": "A" if ahead > 0 else "B"}


def line(asked: Asked, k: int, value: Value) -> Scale | None:
    """Shows where the acceptable ones end: under which of k slots. Of a rest below these nothing is asked."""
    if not asked.acceptable:
        return None
    words = {0: _("none"), k: str(k) if asked.top_k else _("all")}
    options = [
        Option(
            slot, words.get(slot, str(slot)), value("acceptable") == str(slot), _under(slot, 0 if asked.top_k else k)
        )
        for slot in range(k + 1)
    ]
    return Scale("acceptable", _("Acceptable down to"), _("Acceptable down to"), options)


def _under(slot: int, k: int) -> str:
    if slot == 0:
        return _("None is acceptable")
    if slot == k:
        return _("All are acceptable")
    return _("Acceptable down to slot %(slot)d") % {"slot": slot}


def reasons(asked: Asked, value: Value) -> list[Reason]:
    return [Reason(field := f"reason-{each['name']}", each["label"], value(field) == YES) for each in asked.reasons]


@dataclass(frozen=True)
class Rewrite:
    of: str
    text: str


def rewrite(asked: Asked, value: Value) -> Rewrite | None:
    """Shows what was written so far; None where it isn't asked."""
    return Rewrite(value("rewrite_of"), value("rewrite")) if asked.rewrite else None


def draft(asked: Asked, ids: Sequence[str], value: Value) -> dict[str, Any]:
    """Gives what is chosen so far, as a draft has it; nothing where nothing is asked."""
    said: dict[str, Any] = {}
    if asked.acceptable and value("acceptable") in map(str, range(len(ids) + 1)):
        said["acceptable"] = int(value("acceptable"))
    if picked := [reason["name"] for reason in asked.reasons if value(f"reason-{reason['name']}") == YES]:
        said["reasons"] = picked
    if asked.rewrite and value("rewrite"):
        said["rewrite"] = {"of": value("rewrite_of"), "text": value("rewrite")[:MAX_REWRITE]}
    rated = {pk: named for pk in ids if (named := _rated(asked, pk, value))}
    if rated:
        said["attributes"] = rated
    towards = map(str, range(-FURTHEST, FURTHEST + 1))
    compared = {
        each.name: int(value(f"compare-{each.name}"))
        for each in asked.comparisons
        if value(f"compare-{each.name}") in set(towards)
    }
    if compared:
        said["comparisons"] = {ids[0]: compared}
    return said


def _rated(asked: Asked, pk: str, value: Value) -> dict[str, int]:
    chosen = {each: value(f"rate-{pk}-{each.name}") for each in asked.ratings}
    return {each.name: int(said) for each, said in chosen.items() if said in map(str, range(1, each.scale + 1))}


def fields_of_draft(said: Mapping[str, Any]) -> dict[str, str]:
    """Gives a draft's part as the form's fields. What it doesn't know it leaves out."""
    found: dict[str, str] = {}
    if isinstance(said.get("acceptable"), int):
        found["acceptable"] = str(said["acceptable"])
    reasons = said.get("reasons")
    found |= {f"reason-{name}": YES for name in (reasons if isinstance(reasons, list) else ())}
    for name, value in _items(said.get("rewrite")):
        found |= {{"of": "rewrite_of", "text": "rewrite"}.get(name, ""): str(value)}
    for pk, named in _items(said.get("attributes")):
        found |= {f"rate-{pk}-{name}": str(value) for name, value in _items(named)}
    return found


def compared_of_draft(said: Mapping[str, Any], first: str) -> dict[str, str]:
    """Gives a draft's comparisons as the form's fields: towards the completion that is shown first."""
    found: dict[str, str] = {}
    for pk, named in _items(said.get("comparisons")):
        for name, ahead in _items(named):
            if isinstance(ahead, int):
                found[f"compare-{name}"] = str(ahead if pk == first else -ahead)
    return found


def _items(value: object) -> list[tuple[str, Any]]:
    return [(str(key), item) for key, item in value.items()] if isinstance(value, Mapping) else []


def payload(
    asked: Asked, texts: Mapping[str, str], ranks: Mapping[str, int], cleaned: Mapping[str, Any]
) -> dict[str, Any]:
    """Gives the answer's part as the API takes it. The line is under a slot, and counts the tiers above it; a text that
    was left as it is is no rewrite. texts: by the completions' ids."""
    ids = list(texts)
    said: dict[str, Any] = {}
    if asked.acceptable:
        said["acceptable"] = len({rank for rank in ranks.values() if rank <= cleaned["acceptable"]})
    if asked.reasons:
        said["reasons"] = [each["name"] for each in asked.reasons if cleaned[f"reason-{each['name']}"]]
    if asked.rewrite and (of := cleaned["rewrite_of"]) and _is_other(cleaned["rewrite"], texts[of]):
        said["rewrite"] = {"of": of, "text": cleaned["rewrite"]}
    if asked.ratings:
        said["attributes"] = {
            pk: {each.name: cleaned[f"rate-{pk}-{each.name}"] for each in asked.ratings} for pk in ranks
        }
    if asked.comparisons:
        said["comparisons"] = {ids[0]: {each.name: cleaned[f"compare-{each.name}"] for each in asked.comparisons}}
    return said


def _is_other(text: str, original: str) -> bool:
    """A form sends its lines with other ends."""
    return bool(text.strip()) and text.split() != original.split()


def unsaid(asked: Asked, letters: Mapping[str, str], wrong: Iterable[str]) -> list[str]:
    """Lists what has no answer, in the letters that the person sees; wrong: the names of those fields."""
    wrong = set(wrong)
    found = [_("where the acceptable ones end")] if "acceptable" in wrong else []
    for each in asked.ratings:
        missing = [letter for pk, letter in letters.items() if f"rate-{pk}-{each.name}" in wrong]
        if missing:
            found.append(_("%(label)s of %(letters)s") % {"label": each.label, "letters": ", ".join(missing)})
    return found + [each.label for each in asked.comparisons if f"compare-{each.name}" in wrong]
