"""What lists are narrowed by: the pages' forms, by which the API reads the same parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from labeling.answers import prompt_orders
from labeling.answers.finding import Conditions, beginning_of
from labeling.answers.finding_prompts import STATES, PromptConditions, cohort_key
from labeling.answers.prompt_orders import Order
from labeling.answers.search import texts
from labeling.answers.search.finding import Found, find
from labeling.errors import PodiumError
from labeling.models import Project, Ranking, SavedView, Split
from labeling.models.lists.cohorts import EVERYBODYS
from labeling.models.prompts import LONGEST_TAG
from labeling.models.rankings import MAX_ACTIVE_SECONDS
from labeling.people.access import Which

ANY = ("", gettext_lazy("Any"))
WHICH = (
    ("", gettext_lazy("Those that stand")),
    ("given", gettext_lazy("What each person said last, whatever became of it")),
    ("all", gettext_lazy("Also replaced and withdrawn ones")),
    ("gold", gettext_lazy("Answers to gold")),
    ("repeat", gettext_lazy("Second answers to the same prompt")),
)
WORDS = (ANY, ("some", gettext_lazy("With a comment or a note")))
DISAGREEMENT = (ANY, ("yes", gettext_lazy("People disagree")), ("no", gettext_lazy("Nobody disagrees")))
LEFT = (ANY, ("nobody", gettext_lazy("Nobody")))
ORDERS = (
    ("", gettext_lazy("In the order of import")),
    ("newest", gettext_lazy("Newest import first")),
    ("-priority", gettext_lazy("Highest priority first")),
    ("priority", gettext_lazy("Lowest priority first")),
    ("-last_ranked", gettext_lazy("Last ranked first")),
    ("last_ranked", gettext_lazy("Ranked longest ago first")),
)

PLACES = ("go", "page")  # in a list's address, which narrow nothing
# What says which prompts are meant; the rest of a list's address says how they are shown.
KEPT = (
    "q",
    "state",
    "split",
    "tag",
    "cohort",
    "labeler",
    "flag",
    "model",
    "disagreement",
    "left",
    "from_day",
    "to_day",
)


def _day(label: Any) -> forms.DateField:
    return forms.DateField(required=False, label=label, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))


def _seconds(label: Any) -> forms.IntegerField:
    return forms.IntegerField(required=False, min_value=0, max_value=MAX_ACTIVE_SECONDS, label=label)


class Narrowing(forms.Form):
    """What both lists are narrowed by. A field that can't be read narrows nothing and says why."""

    main_names: ClassVar[Collection[str]]  # what most people look for; the others are folded
    apart: ClassVar[Collection[str]] = ()  # what the page shows elsewhere

    q = forms.CharField(
        required=False,
        label=gettext_lazy("Search"),
        widget=forms.SearchInput({"placeholder": gettext_lazy("Words, or “exact words”")}),
    )
    labeler = forms.CharField(required=False, max_length=150, label=gettext_lazy("Labeler's name"))
    flag = forms.ChoiceField(required=False, label=gettext_lazy("Flag"))
    disagreement = forms.ChoiceField(choices=DISAGREEMENT, required=False, label=gettext_lazy("Disagreement"))
    split = forms.ChoiceField(required=False, label=gettext_lazy("Split"))
    model = forms.CharField(required=False, max_length=200, label=gettext_lazy("Model that wrote a completion"))
    tag = forms.CharField(required=False, max_length=LONGEST_TAG, label=gettext_lazy("Tag"))
    from_day = _day(gettext_lazy("Ranked since"))
    to_day = _day(gettext_lazy("Ranked until"))

    def __init__(self, data: Mapping[str, str], *, project: Project) -> None:
        super().__init__({name: data[name] for name in self.base_fields if name in data})
        self._project = project
        self._has_flags = bool(project.flags)
        self._choose("flag", [ANY, *((flag["name"], flag["label"]) for flag in project.flags)])
        self._choose("split", [ANY, *Split.choices])

    def _choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean_q(self) -> Found | None:
        """Looks the words up, once."""
        if not self.cleaned_data["q"]:
            return None
        try:
            return find(self._project, self.cleaned_data["q"])
        except PodiumError as error:
            raise forms.ValidationError(error.detail, code=error.code) from error

    def shared(self) -> dict[str, Any]:
        """Gives of these conditions what could be read; both days are of the site's time zone, the last included."""
        self.is_valid()
        asked = self.cleaned_data
        since, until = asked.get("from_day"), asked.get("to_day")
        disagreement = asked.get("disagreement")
        return {
            "labeler": asked.get("labeler", ""),
            "flag": asked.get("flag", ""),
            "split": asked.get("split", ""),
            "model": asked.get("model", ""),
            "tag": " ".join(asked.get("tag", "").split()),
            "since": beginning_of(since) if since else None,
            "until": beginning_of(until + timedelta(days=1)) if until and until.year < 9999 else None,
            "disagreement": disagreement == "yes" if disagreement else None,
            "found": asked.get("q"),
        }

    @property
    def main(self) -> list[forms.BoundField]:
        return [field for field in self._shown if field.name in self.main_names]

    @property
    def others(self) -> list[forms.BoundField]:
        return [field for field in self._shown if field.name not in self.main_names]

    @property
    def _shown(self) -> list[forms.BoundField]:
        apart = self.apart if self._has_flags else (*self.apart, "flag")
        return [field for field in self if field.name not in apart]

    @property
    def has_others(self) -> bool:
        return any(self.data.get(field.name) for field in self.others)

    @property
    def misses_some(self) -> bool:
        """Tells whether words were asked for and some texts are so new that nobody has read theirs."""
        return bool(self.cleaned_data.get("q")) and not texts.are_read()

    @property
    def query(self) -> str:
        """Gives the address's own part of what was asked, to go on with."""
        return self.query_without()

    def query_without(self, *names: str) -> str:
        """Gives it without some names."""
        asked = QueryDict(mutable=True)
        asked.update({name: value for name, value in self.data.items() if value and name not in names})
        return asked.urlencode()


class RankingsForm(Narrowing):
    """Rankings of a project."""

    main_names = ("q", "labeler", "flag")

    source = forms.ChoiceField(required=False, label=gettext_lazy("Where from"))
    least_seconds = _seconds(gettext_lazy("Seconds, at least"))
    most_seconds = _seconds(gettext_lazy("Seconds, at most"))
    state = forms.ChoiceField(choices=WHICH, required=False, label=gettext_lazy("Which"))
    words = forms.ChoiceField(choices=WORDS, required=False, label=gettext_lazy("Words"))
    field_order = ("q", "labeler", "flag", "words", "disagreement", "tag", "model")

    def __init__(self, data: Mapping[str, str], *, project: Project) -> None:
        super().__init__(data, project=project)
        self._choose("source", [ANY, *Ranking.Source.choices])

    def conditions(self) -> Conditions:
        """Gives what could be read."""
        shared, asked = self.shared(), self.cleaned_data
        return Conditions(
            **shared,
            source=asked.get("source", ""),
            least_seconds=asked.get("least_seconds"),
            most_seconds=asked.get("most_seconds"),
            with_words=bool(asked.get("words")),
        )

    @property
    def which(self) -> Which:
        """Says which are listed."""
        return Which(self.cleaned_data.get("state") or "standing")


class PromptsForm(Narrowing):
    """Prompts of a project. `go` and `page` are places in the list, and narrow nothing."""

    main_names = ("q", "disagreement", "labeler")
    apart = ("state", "go", "page")

    left = forms.ChoiceField(choices=LEFT, required=False, label=gettext_lazy("Who is left to rank it"))
    order = forms.ChoiceField(choices=ORDERS, required=False, label=gettext_lazy("Order"))
    state = forms.ChoiceField(choices=[ANY, *((name, name) for name in STATES)], required=False)
    cohort = forms.ChoiceField(required=False, label=gettext_lazy("Cohort"))
    go = forms.CharField(required=False, max_length=200, strip=True, label=gettext_lazy("Go to the id or number"))
    page = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1, label=gettext_lazy("Go to page"))
    field_order = (
        *("q", "disagreement", "labeler", "split", "tag", "cohort", "flag", "model", "left", "from_day", "to_day"),
        "order",
    )

    def __init__(self, data: Mapping[str, str], *, project: Project) -> None:
        super().__init__(data, project=project)
        field = self.fields["cohort"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = self._cohorts  # looked up where they are shown, or where one is asked for

    def _cohorts(self) -> list[tuple[str, Any]]:
        names = self._project.cohorts.filter(deleted_at=None).values_list("name", flat=True)
        return [ANY, (EVERYBODYS, gettext_lazy("Everybody's: in no cohort")), *((name, name) for name in names)]

    def conditions(self) -> PromptConditions:
        """Gives what could be read."""
        shared = self.shared()
        asked = self.cleaned_data
        return PromptConditions(
            **shared,
            state=asked.get("state", ""),
            nobody_left=bool(asked.get("left")),
            cohort=cohort_key(self._project, asked.get("cohort", "")),
        )

    def said(self) -> dict[str, str]:
        """Gives what narrows, as it is kept: finding_prompts.conditions_of reads it."""
        asked = {name: self.cleaned_data.get(name) for name in KEPT}
        written = {name: each.isoformat() if isinstance(each, date) else each for name, each in asked.items() if each}
        return {**written, "q": self.data["q"]} if "q" in written else written

    @property
    def newest_first(self) -> bool:
        return self.cleaned_data.get("order") == "newest"

    @property
    def by_value(self) -> Order | None:
        """Gives the order that is none of import."""
        return None if self.newest_first else prompt_orders.ORDERS.get(self.cleaned_data.get("order", ""))


# Of each list that has saved views, by its name.
LISTS: Mapping[str, type[PromptsForm | RankingsForm]] = {
    SavedView.Of.PROMPTS: PromptsForm,
    SavedView.Of.RANKINGS: RankingsForm,
}


def narrowing_fields(of: str) -> list[str]:
    """Gives what a view of a list keeps, by the names of its address."""
    return [name for name in LISTS[of].base_fields if name not in PLACES]
