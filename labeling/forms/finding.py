"""What lists are narrowed by."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy

from labeling.answers.finding import Conditions
from labeling.models import Project, Ranking, Split
from labeling.models.rankings import MAX_ACTIVE_SECONDS

ANY = ("", gettext_lazy("Any"))
STATES = (("", gettext_lazy("Those that stand")), ("all", gettext_lazy("Also replaced and withdrawn ones")))
WORDS = (ANY, ("some", gettext_lazy("With a comment or a note")))
MAIN = ("labeler", "flag", "words")  # what most people look for; the others are folded


def _day(label: Any) -> forms.DateField:
    return forms.DateField(required=False, label=label, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))


def _seconds(label: Any) -> forms.IntegerField:
    return forms.IntegerField(required=False, min_value=0, max_value=MAX_ACTIVE_SECONDS, label=label)


class RankingsForm(forms.Form):
    """Rankings of a project. A field that can't be read narrows nothing and says why."""

    labeler = forms.CharField(required=False, max_length=150, label=gettext_lazy("Labeler's name"))
    flag = forms.ChoiceField(required=False, label=gettext_lazy("Flag"))
    split = forms.ChoiceField(required=False, label=gettext_lazy("Split"))
    source = forms.ChoiceField(required=False, label=gettext_lazy("Where from"))
    since = _day(gettext_lazy("Ranked since"))
    until = _day(gettext_lazy("Ranked until"))
    least_seconds = _seconds(gettext_lazy("Seconds, at least"))
    most_seconds = _seconds(gettext_lazy("Seconds, at most"))
    state = forms.ChoiceField(choices=STATES, required=False, label=gettext_lazy("Which"))
    words = forms.ChoiceField(choices=WORDS, required=False, label=gettext_lazy("Words"))

    def __init__(self, data: QueryDict, *, project: Project) -> None:
        super().__init__({name: data[name] for name in self.base_fields if name in data})
        self._choose("flag", [ANY, *((flag["name"], flag["label"]) for flag in project.flags)])
        self._choose("split", [ANY, *Split.choices])
        self._choose("source", [ANY, *Ranking.Source.choices])
        if not project.flags:
            del self.fields["flag"]

    def _choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def conditions(self) -> Conditions:
        """Gives what could be read; both days are of the site's time zone, the last one included."""
        self.is_valid()
        asked = self.cleaned_data
        until = asked.get("until")
        return Conditions(
            labeler=asked.get("labeler", ""),
            flag=asked.get("flag", ""),
            split=asked.get("split", ""),
            source=asked.get("source", ""),
            since=_begin(asked.get("since")),
            until=_begin(until + timedelta(days=1)) if until and until.year < 9999 else None,
            least_seconds=asked.get("least_seconds"),
            most_seconds=asked.get("most_seconds"),
            with_words=bool(asked.get("words")),
        )

    @property
    def main(self) -> list[forms.BoundField]:
        return [field for field in self if field.name in MAIN]

    @property
    def others(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in MAIN]

    @property
    def has_others(self) -> bool:
        return any(self.data.get(field.name) for field in self.others)

    @property
    def is_of_all(self) -> bool:
        return self.cleaned_data.get("state") == "all"

    @property
    def query(self) -> str:
        """Gives the address's own part of what was asked, to go on with."""
        asked = QueryDict(mutable=True)
        asked.update({name: value for name, value in self.data.items() if value})
        return asked.urlencode()


def _begin(day: Any) -> datetime | None:
    return None if day is None else timezone.make_aware(datetime.combine(day, time.min))
