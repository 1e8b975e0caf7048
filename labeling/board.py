"""The board: a prompt, its completions as cards, and the form that carries the answer.

It knows no assignment, so that the practice task and the style page show the same board as the queue does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from labeling import content
from labeling.assignments import shown_completions
from labeling.models import Assignment
from labeling.submissions import MAX_COMMENT, MAX_NOTE

SKIP_REASONS = (
    gettext_lazy("I don't know the subject well enough"),
    gettext_lazy("I can't read the language"),
    gettext_lazy("I don't want to read this"),
)
UNRANKABLE_REASONS = (
    gettext_lazy("The prompt makes no sense"),
    gettext_lazy("The completions belong to another prompt"),
    gettext_lazy("All of them are broken"),
)
STRENGTHS = (
    (1, gettext_lazy("Slightly better")),
    (2, gettext_lazy("Clearly better")),
    (3, gettext_lazy("Much better")),
)


@dataclass(frozen=True)
class Shown:
    """A completion as it reaches the board: an id to answer with, and its text."""

    id: str
    text: str


@dataclass(frozen=True)
class Turn:
    role: str
    who: str
    html: SafeString
    source: str


@dataclass(frozen=True)
class Flag:
    field: str
    label: str
    checked: bool


@dataclass(frozen=True)
class Card:
    """A completion as a labeler sees it: a letter and a text, nothing that tells whose it is."""

    id: str
    letter: str
    html: SafeString
    source: str  # the text as it was written, for the plain-text view
    field: str
    rank: str  # "" where it is not placed yet
    flags: list[Flag]
    note_field: str
    note: str


@dataclass(frozen=True)
class Strength:
    value: int
    label: str
    checked: bool


@dataclass(frozen=True)
class Values:
    """What the form shows as chosen: what was just sent, else the draft, else nothing."""

    sent: Mapping[str, Any] = field(default_factory=dict)

    def of(self, name: str) -> str:
        return str(self.sent.get(name) or "")


class ReasonForm(forms.Form):
    """A reason picked from a few, or in the person's own words, which win."""

    def reason(self) -> str:
        return (self.data.get("other") or self.data.get("reason") or "").strip()


class RankingForm(forms.Form):
    """A rank from 1 to K per completion, flags, notes, strength, a comment. Equal ranks are a tie; gaps close up."""

    comment = forms.CharField(required=False, max_length=MAX_COMMENT)
    strength = forms.TypedChoiceField(required=False, choices=STRENGTHS, coerce=int, empty_value=None)
    active_seconds = forms.FloatField(required=False, min_value=0)

    def __init__(
        self,
        completions: Sequence[Shown],
        flags: Sequence[Mapping[str, str]] = (),
        *,
        ask_strength: bool = False,
        data: QueryDict | None = None,
        draft: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data)
        self.completions = completions
        self.flags = flags
        self.ask_strength = ask_strength and len(completions) == 2
        self.slots = range(1, len(completions) + 1)
        self.values = Values(data if data is not None else fields_of_draft(draft))
        for completion in completions:
            self.fields[f"rank-{completion.id}"] = forms.TypedChoiceField(
                choices=[(slot, slot) for slot in self.slots], coerce=int
            )
            self.fields[f"note-{completion.id}"] = forms.CharField(required=False, max_length=MAX_NOTE)
            for flag in flags:
                self.fields[f"flag-{completion.id}-{flag['name']}"] = forms.BooleanField(required=False)

    @classmethod
    def of(cls, assignment: Assignment, data: QueryDict | None = None, draft: Any = None) -> RankingForm:
        """The form of a task; with nothing sent it shows the draft."""
        project = assignment.prompt.project
        return cls(
            [Shown(str(completion.pk), completion.text) for completion in shown_completions(assignment)],
            project.flags,
            ask_strength=project.ask_strength,
            data=data,
            draft=assignment.draft if draft is None else draft,
        )

    def cards(self) -> list[Card]:
        return [
            Card(
                id=completion.id,
                letter=letter,
                html=content.render(completion.text),
                source=completion.text,
                field=f"rank-{completion.id}",
                rank=self.values.of(f"rank-{completion.id}"),
                flags=[
                    Flag(name := f"flag-{completion.id}-{flag['name']}", flag["label"], bool(self.values.of(name)))
                    for flag in self.flags
                ],
                note_field=f"note-{completion.id}",
                note=self.values.of(f"note-{completion.id}"),
            )
            for letter, completion in zip(ascii_uppercase, self.completions, strict=False)
        ]

    def strengths(self) -> list[Strength]:
        chosen = self.values.of("strength")
        return [Strength(value, str(label), str(value) == chosen) for value, label in STRENGTHS if self.ask_strength]

    def problem(self) -> str:
        """What is wrong, in the letters that the person sees."""
        missing = [card.letter for card in self.cards() if card.field in self.errors]
        if len(missing) == len(self.completions):
            return _("Nothing is ranked yet. Give every completion a place, then submit.")
        if missing:
            return ngettext(
                "%(letters)s has no place yet. What you chose is kept; place the rest and submit again.",
                "%(letters)s have no place yet. What you chose is kept; place the rest and submit again.",
                len(missing),
            ) % {"letters": _listed(missing)}
        return " ".join(f"{name}: {' '.join(map(str, messages))}" for name, messages in self.errors.items())

    def payload(self) -> dict[str, object]:
        """The answer as the API takes it: dense tiers, best first."""
        said = self.cleaned_data
        ranks = {completion.id: said[f"rank-{completion.id}"] for completion in self.completions}
        return {
            "tiers": [[pk for pk in ranks if ranks[pk] == rank] for rank in sorted(set(ranks.values()))],
            "flags": {pk: {flag["name"]: said[f"flag-{pk}-{flag['name']}"] for flag in self.flags} for pk in ranks},
            "notes": {pk: said[f"note-{pk}"] for pk in ranks if said[f"note-{pk}"]},
            "comment": said["comment"],
            # A tie has no strength, whatever was chosen before the two were tied.
            "strength": said["strength"] if self.ask_strength and len(set(ranks.values())) > 1 else None,
            "active_seconds": said["active_seconds"],
        }


def fields_of_draft(draft: Mapping[str, Any] | None) -> dict[str, str]:
    """A draft as the form's fields. What it doesn't know it leaves out: a program may keep anything in a draft."""
    if not isinstance(draft, Mapping):
        return {}
    fields = {f"rank-{pk}": str(slot) for pk, slot in _items(draft, "ranks")}
    fields |= {f"note-{pk}": str(note) for pk, note in _items(draft, "notes")}
    for pk, flags in _items(draft, "flags"):
        if isinstance(flags, Mapping):
            fields |= {f"flag-{pk}-{name}": "1" for name, value in flags.items() if value}
    for name in ("comment", "strength", "active_seconds"):
        if draft.get(name):
            fields[name] = str(draft[name])
    return fields


def dialogue(messages: Sequence[Mapping[str, str]]) -> list[Turn]:
    who = {"user": _("Person"), "assistant": _("Assistant"), "system": _("Instructions to the assistant")}
    return [
        Turn(
            message["role"],
            who.get(message["role"], message["role"]),
            content.render(message["content"]),
            message["content"],
        )
        for message in messages
    ]


def _items(draft: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    value = draft.get(name)
    return [(str(key), item) for key, item in value.items()] if isinstance(value, Mapping) else []


def _listed(letters: list[str]) -> str:
    if len(letters) == 1:
        return letters[0]
    return _("%(letters)s and %(last)s") % {"letters": ", ".join(letters[:-1]), "last": letters[-1]}
