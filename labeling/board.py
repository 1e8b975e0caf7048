"""The board: a prompt, its completions as cards, and the form that carries the answer.

It knows no assignment, so that the practice task and the style page show the same board as the queue does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext

from labeling import content
from labeling.assignments import shown_completions
from labeling.models import Assignment
from labeling.submissions import MAX_COMMENT, MAX_NOTE

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Stored as they stand here and shown in the reader's language, whoever gave them in which.
SKIP_REASONS = (
    gettext_noop("I don't know the subject well enough"),
    gettext_noop("I can't read the language"),
    gettext_noop("I don't want to read this"),
)
UNRANKABLE_REASONS = (
    gettext_noop("The prompt makes no sense"),
    gettext_noop("The completions belong to another prompt"),
    gettext_noop("All of them are broken"),
)
STRENGTHS = (
    (1, gettext_lazy("Slightly better")),
    (2, gettext_lazy("Clearly better")),
    (3, gettext_lazy("Much better")),
)

# Of a project that classifies.
UNANSWERABLE_REASONS = (
    gettext_noop("The text makes no sense"),
    gettext_noop("The text is cut off or broken"),
    gettext_noop("The question doesn't fit the text"),
)

SUBMIT, SUBMIT_ANSWER = gettext_lazy("Submit ranking"), gettext_lazy("Submit")
UNRANKABLE, UNANSWERABLE = gettext_lazy("Can't be ranked"), gettext_lazy("Can't be judged")
YES, NO = "1", "0"  # a flag as a form has it; a checkbox that isn't set sends nothing

# What the board's script says, with {names} that it fills in.
SAYS = {
    "placed": gettext_lazy("{letter} is in slot {rank}."),
    "tied": gettext_lazy("{letter} is in slot {rank}, tied with {others}."),
    "back": gettext_lazy("{letter} is unranked again."),
    "missing": gettext_lazy("Not placed yet: {letters}."),
    "unplaced": gettext_lazy("{letter} is not placed yet: type 1 to {slots}."),
    "slots": gettext_lazy("There are {slots} slots."),
    "left": gettext_lazy("{n} to go."),
    "all": gettext_lazy("All placed."),
    "kept": gettext_lazy("What you chose is kept."),
    "elsewhere": gettext_lazy("Changed in another window; this is its state."),
    "sorted": gettext_lazy("Shown in your order, best first."),
    "unsorted": gettext_lazy("Shown in the first order again."),
    "yes": gettext_lazy("{label}: yes."),
    "no": gettext_lazy("{label}: no."),
    "open": gettext_lazy("{label}: not answered any more."),
    "unanswered": gettext_lazy("Not answered yet: {labels}."),
    "questions": gettext_lazy("{n} to answer."),
    "answered": gettext_lazy("All answered."),
    "no_flags": gettext_lazy("This project asks for no flags."),
    "next": gettext_lazy("The next prompt is here."),
}


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
    answer: str  # YES, NO, or "" where nothing was said

    @property
    def checked(self) -> bool:
        return self.answer == YES


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


@dataclass(frozen=True)
class Task:
    """One filling of the board: what stands on it and where its answer goes. An empty address leaves its part out."""

    id: str
    action: str
    turns: list[Turn]
    form: RankingForm
    cards: list[Card]
    draft_url: str = ""
    draft_revision: int = 0
    keep_url: str = ""
    ahead_url: str = ""
    compare_url: str = ""
    skip_url: str = ""
    cannot_url: str = ""
    submit: StrOrPromise = SUBMIT
    cannot: StrOrPromise = UNRANKABLE
    skip_reasons: tuple[str, ...] = SKIP_REASONS
    unrankable_reasons: tuple[str, ...] = UNRANKABLE_REASONS

    @property
    def k(self) -> int:
        return len(self.cards)

    @property
    def says(self) -> str:
        """What the board's script says, as JSON: it has no words of its own."""
        return json.dumps({name: str(words) for name, words in SAYS.items()}, ensure_ascii=False)


def task_of(assignment: Assignment, form: RankingForm) -> Task:
    """The board of a task from the queue."""
    slug, pk, asks = assignment.prompt.project.slug, assignment.pk, form.asks
    return Task(
        id=str(pk),
        action=reverse("rank", args=[slug]),
        turns=dialogue(assignment.prompt.messages) if assignment.prompt.is_dialogue else [],
        form=form,
        cards=form.cards(),
        draft_url=reverse("rank_draft", args=[slug, pk]),
        draft_revision=assignment.draft_revision,
        keep_url=reverse("rank_keep", args=[slug, pk]),
        ahead_url=reverse("rank_ahead", args=[slug, pk]),
        compare_url=reverse("rank_compare", args=[slug, pk]) if len(form.completions) > 1 else "",
        skip_url=reverse("rank_skip", args=[slug, pk]),
        cannot_url=reverse("rank_cannot", args=[slug, pk]),
        submit=SUBMIT_ANSWER if asks else SUBMIT,
        cannot=UNANSWERABLE if asks else UNRANKABLE,
        unrankable_reasons=UNANSWERABLE_REASONS if asks else UNRANKABLE_REASONS,
    )


class ReasonForm(forms.Form):
    """A reason picked from a few, or in the person's own words, which win."""

    def reason(self) -> str:
        return (self.data.get("other") or self.data.get("reason") or "").strip()


class RankingForm(forms.Form):
    """A rank from 1 to K per completion, flags, notes, strength, a comment. Equal ranks are a tie; gaps close up.

    One completion alone has no rank. `asks` makes each flag a question that needs a yes or no.
    """

    comment = forms.CharField(required=False, max_length=MAX_COMMENT)
    strength = forms.TypedChoiceField(required=False, choices=STRENGTHS, coerce=int, empty_value=None)
    active_seconds = forms.FloatField(required=False, min_value=0)

    def __init__(
        self,
        completions: Sequence[Shown],
        flags: Sequence[Mapping[str, str]] = (),
        *,
        ask_strength: bool = False,
        asks: bool = False,
        data: QueryDict | None = None,
        draft: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data)
        self.completions = completions
        self.flags = flags
        self.ask_strength = ask_strength and len(completions) == 2
        self.asks = asks
        self.slots = range(1, len(completions) + 1)
        self.values = Values(data if data is not None else fields_of_draft(draft))
        for completion in completions:
            if len(completions) > 1:
                self.fields[f"rank-{completion.id}"] = forms.TypedChoiceField(
                    choices=[(slot, slot) for slot in self.slots], coerce=int
                )
            self.fields[f"note-{completion.id}"] = forms.CharField(required=False, max_length=MAX_NOTE)
            for flag in flags:
                self.fields[f"flag-{completion.id}-{flag['name']}"] = _question() if asks else _checkbox()

    @classmethod
    def of(cls, assignment: Assignment, data: QueryDict | None = None, draft: Any = None) -> RankingForm:
        """The form of a task; with nothing sent it shows the draft."""
        project = assignment.prompt.project
        return cls(
            [Shown(str(completion.pk), completion.text) for completion in shown_completions(assignment)],
            project.flags,
            ask_strength=project.ask_strength,
            asks=project.classifies,
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
                    Flag(name := f"flag-{completion.id}-{flag['name']}", flag["label"], self.values.of(name))
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

    def draft(self) -> dict[str, Any]:
        """What is chosen so far, complete or not, in the shape of a draft."""
        said = self.values.of
        ids = [completion.id for completion in self.completions]
        names = [flag["name"] for flag in self.flags]
        ranks = {pk: said(f"rank-{pk}") for pk in ids}
        return {
            "ranks": {pk: int(rank) for pk, rank in ranks.items() if rank in map(str, self.slots)},
            "flags": {pk: flags for pk in ids if (flags := self._flags_of(pk, names))},
            "notes": {pk: note[:MAX_NOTE] for pk in ids if (note := said(f"note-{pk}"))},
            "comment": said("comment")[:MAX_COMMENT],
            "strength": int(said("strength")) if said("strength") in ("1", "2", "3") else None,
            "active_seconds": _seconds(said("active_seconds")),
        }

    def _flags_of(self, pk: str, names: Sequence[str]) -> dict[str, bool]:
        answers = {name: self.values.of(f"flag-{pk}-{name}") for name in names}
        return {name: answer == YES for name, answer in answers.items() if answer in (YES, NO)}

    def problem(self) -> str:
        """What is wrong, in the letters that the person sees."""
        missing = [card.letter for card in self.cards() if card.field in self.errors]
        if not missing and (unanswered := self._unanswered()):
            message = _("Not answered yet: %(labels)s. What you chose is kept; answer yes or no and submit again.")
            return message % {"labels": ", ".join(unanswered)}
        if len(missing) == len(self.completions):
            return _("Nothing is ranked yet. Give every completion a place, then submit.")
        if missing:
            return ngettext(
                "%(letters)s has no place yet. What you chose is kept; place the rest and submit again.",
                "%(letters)s have no place yet. What you chose is kept; place the rest and submit again.",
                len(missing),
            ) % {"letters": _listed(missing)}
        return " ".join(f"{name}: {' '.join(map(str, messages))}" for name, messages in self.errors.items())

    def _unanswered(self) -> list[str]:
        """The questions that have no answer; of several completions with the letter."""
        return [
            flag.label if len(self.completions) == 1 else f"{card.letter} {flag.label}"
            for card in self.cards()
            for flag in card.flags
            if flag.field in self.errors
        ]

    def payload(self) -> dict[str, object]:
        """The answer as the API takes it: dense tiers, best first."""
        said = self.cleaned_data
        ranks = {completion.id: said.get(f"rank-{completion.id}", 1) for completion in self.completions}
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
            fields |= {f"flag-{pk}-{name}": YES if value else NO for name, value in flags.items()}
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


def _checkbox() -> forms.Field:
    return forms.BooleanField(required=False)


def _question() -> forms.Field:
    """No answer is chosen until somebody chooses one."""
    return forms.TypedChoiceField(choices=[(YES, _("Yes")), (NO, _("No"))], coerce=lambda answer: answer == YES)


def _items(draft: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    value = draft.get(name)
    return [(str(key), item) for key, item in value.items()] if isinstance(value, Mapping) else []


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _listed(letters: list[str]) -> str:
    if len(letters) == 1:
        return letters[0]
    return _("%(letters)s and %(last)s") % {"letters": ", ".join(letters[:-1]), "last": letters[-1]}
