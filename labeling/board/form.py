"""The form that carries the answer, shows the draft, and says in the person's letters what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling import content
from labeling.answers.asks.asked import Asked
from labeling.answers.submissions import MAX_COMMENT, MAX_NOTE
from labeling.board import asks, best, order
from labeling.board.cards import NO, YES, Card, Flag, Shown, Slot
from labeling.board.drafts import fields_of_draft, under_ids_of_today
from labeling.models import Assignment
from labeling.models.rankings import MAX_ACTIVE_SECONDS
from labeling.queue import shown_ids
from labeling.queue.claims import shown_completions

NOTHING_MORE = Asked()


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


class ActiveSeconds(forms.Field):
    """The page's own measurement. One that can't be, such as from a program's draft, is left out: nobody typed it."""

    def to_python(self, value: Any) -> float | None:
        return _seconds(value or "")


class RankingForm(forms.Form):
    """A rank from 1 to K per completion, flags, notes, strength, a comment. Equal ranks are a tie; gaps close up.

    One completion alone has no rank. `asks` makes each flag a question that needs a yes or no. `asked`: what else the
    project asks (asks.py).
    """

    comment = forms.CharField(required=False, max_length=MAX_COMMENT)
    active_seconds = ActiveSeconds(required=False)

    def __init__(
        self,
        completions: Sequence[Shown],
        flags: Sequence[Mapping[str, str]] = (),
        *,
        ask_strength: bool = False,
        asks: bool = False,
        asked: Asked = NOTHING_MORE,
        data: QueryDict | None = None,
        draft: object = None,
    ) -> None:
        super().__init__(data)
        self.completions = completions
        self.flags = flags
        self.ask_strength = ask_strength and len(completions) == 2
        self.asks = asks
        self.asked = asked
        self.ids = [completion.id for completion in completions]
        sent = data if data is not None else fields_of_draft(draft, first=self.ids[0])
        self.values = Values(order.on_the_scale(sent, self.ids) if self.ask_strength else sent)
        self.slots = best.slots(asked.top_k, len(completions), (self.values.of(f"rank-{pk}") for pk in self.ids))

    def full_clean(self) -> None:
        """Makes the fields of the completions first: a board that is only shown, and a draft, go without them."""
        for completion in self.completions:
            if len(self.completions) > 1 and not self.ask_strength:
                self.fields[f"rank-{completion.id}"] = best.field(self.slots, self.asked.top_k)
            self.fields[f"note-{completion.id}"] = forms.CharField(required=False, max_length=MAX_NOTE)
            for flag in self.flags:
                self.fields[f"flag-{completion.id}-{flag['name']}"] = _question() if self.asks else _checkbox()
        if self.ask_strength:
            self.fields[order.FIELD] = order.field()
            self.data = self.values.sent
        placed = best.placed(self.asked.top_k, self.ids, self.values.of)
        self.fields |= asks.fields(self.asked, self.ids, len(self.slots), placed)
        super().full_clean()
        if self.is_bound and (missing := best.problem(self.asked.top_k, len(self.ids), len(placed))):
            self.add_error(None, missing)

    @classmethod
    def of(cls, assignment: Assignment, data: QueryDict | None = None, draft: Any = None) -> RankingForm:
        """Makes the form of a task; with nothing sent it shows the draft."""
        project = assignment.prompt.project
        return cls(
            [
                Shown(shown_ids.of(assignment, completion.pk), completion.text)
                for completion in shown_completions(assignment)
            ],
            project.flags,
            ask_strength=project.ask_strength,
            asks=project.judgement.asks_every_flag,
            asked=Asked.of(project, len(assignment.shown_order)),
            data=data if data is None else under_ids_of_today(data, shown_ids.former(assignment)),
            draft=shown_ids.draft_of(assignment) if draft is None else draft,
        )

    def cards(self) -> list[Card]:
        texts = [completion.text for completion in self.completions]
        htmls = [content.render(text) for text in texts]
        alike = content.look_alike(texts, htmls)
        return [
            Card(
                id=completion.id,
                letter=letter,
                alone=len(self.completions) == 1,
                html=html,
                source=content.source(completion.text, marks=bool(others)),
                like=", ".join(ascii_uppercase[place] for place in others),
                field=f"rank-{completion.id}",
                slots=[] if self.ask_strength else self._slots_of(completion.id),
                flags=[
                    Flag(name := f"flag-{completion.id}-{flag['name']}", flag["label"], self.values.of(name))
                    for flag in self.flags
                ],
                note_field=f"note-{completion.id}",
                note=self.values.of(f"note-{completion.id}"),
                ratings=asks.ratings(self.asked, completion.id, letter, self.values.of),
            )
            for letter, completion, html, others in zip(ascii_uppercase, self.completions, htmls, alike, strict=False)
        ]

    def _slots_of(self, pk: str) -> list[Slot]:
        chosen = self.values.of(f"rank-{pk}")
        return [Slot(number, str(number) == chosen, not self.asked.top_k) for number in self.slots]

    def order_scale(self) -> asks.Scale | None:
        """Gives the scale on which two are put in order, where it is asked by how much one is better."""
        return order.scale(self.values.of) if self.ask_strength else None

    @property
    def asks_more(self) -> bool:
        """Tells whether anything is asked that the board's script has to see to."""
        asked = self.asked
        says_why = asked.reasons or asked.justification == "required"
        return bool(self.ask_strength or asked.acceptable or asked.attributes or asked.rewrite or says_why)

    def line(self) -> asks.Scale | None:
        return asks.line(self.asked, len(self.slots), self.values.of)

    def comparisons(self) -> list[asks.Scale]:
        return asks.comparisons(self.asked, self.values.of)

    def rewritten(self) -> asks.Rewrite | None:  # a template takes form.rewrite for the field
        return asks.rewrite(self.asked, self.values.of)

    def reasons(self) -> list[asks.Reason]:
        return asks.reasons(self.asked, self.values.of)

    def draft(self) -> dict[str, Any]:
        """Gives what is chosen so far, complete or not, in the shape of a draft."""
        chosen = self.values.of
        ids = self.ids
        names = [flag["name"] for flag in self.flags]
        ranks = {pk: chosen(f"rank-{pk}") for pk in ids}
        return {
            "ranks": {pk: int(rank) for pk, rank in ranks.items() if rank in map(str, self.slots)},
            "flags": {pk: flags for pk in ids if (flags := self._flags_of(pk, names))},
            "notes": {pk: note[:MAX_NOTE] for pk in ids if (note := chosen(f"note-{pk}"))},
            "comment": chosen("comment")[:MAX_COMMENT],
            "active_seconds": _seconds(chosen("active_seconds")),
            **(order.draft(chosen, ids) if self.ask_strength else {"strength": None}),
            **asks.draft(self.asked, ids, chosen),
        }

    def _flags_of(self, pk: str, names: Sequence[str]) -> dict[str, bool]:
        answers = {name: self.values.of(f"flag-{pk}-{name}") for name in names}
        return {name: answer == YES for name, answer in answers.items() if answer in (YES, NO)}

    def problem(self) -> str:
        """Says what is wrong, in the letters that the person sees."""
        if self.non_field_errors():
            return " ".join(map(str, self.non_field_errors()))
        missing = [card.letter for card in self.cards() if card.field in self.errors or order.FIELD in self.errors]
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
        letters = {card.id: card.letter for card in self.cards()}
        if unsaid := asks.unsaid(self.asked, letters, self.errors):
            message = _("Not said yet: %(labels)s. What you chose is kept; say it and submit again.")
            return message % {"labels": "; ".join(unsaid)}
        return " ".join(f"{name}: {' '.join(map(str, messages))}" for name, messages in self.errors.items())

    def _unanswered(self) -> list[str]:
        """Lists the questions that have no answer; of several completions with the letter."""
        return [
            flag.label if len(self.completions) == 1 else f"{card.letter} {flag.label}"
            for card in self.cards()
            for flag in card.flags
            if flag.field in self.errors
        ]

    def payload(self) -> dict[str, object]:
        """Gives the answer as the API takes it: dense tiers, best first."""
        cleaned, ids = self.cleaned_data, self.ids
        ranks = {pk: rank for pk in self.ids if (rank := cleaned.get(f"rank-{pk}", 1))}  # none of a rest
        ahead = cleaned.get(order.FIELD, 0)
        if self.ask_strength:
            ranks = order.ranks_of(ahead, self.ids)
        return {
            "tiers": [[pk for pk in ranks if ranks[pk] == rank] for rank in sorted(set(ranks.values()))],
            "flags": {pk: {flag["name"]: cleaned[f"flag-{pk}-{flag['name']}"] for flag in self.flags} for pk in ids},
            "notes": {pk: cleaned[f"note-{pk}"] for pk in ids if cleaned[f"note-{pk}"]},
            "comment": cleaned["comment"],
            "strength": abs(ahead) or None,  # a tie has none
            "active_seconds": cleaned["active_seconds"],
            **asks.payload(self.asked, {each.id: each.text for each in self.completions}, ranks, cleaned),
        }


def _checkbox() -> forms.Field:
    return forms.BooleanField(required=False)


def _question() -> forms.Field:
    """No answer is chosen until somebody chooses one."""
    return forms.TypedChoiceField(choices=[(YES, _("Yes")), (NO, _("No"))], coerce=lambda answer: answer == YES)


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= MAX_ACTIVE_SECONDS else None


def _listed(letters: list[str]) -> str:
    if len(letters) == 1:
        return letters[0]
    return _("%(letters)s and %(last)s") % {"letters": ", ".join(letters[:-1]), "last": letters[-1]}
