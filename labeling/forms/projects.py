"""What a project is set to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.forms.asks import ASKS, AsksForm, FlagsField
from labeling.forms.checks import ChecksForm
from labeling.models import Project
from labeling.models.projects import CHECKS, LONGEST_REASON, SHARES
from labeling.projects import search_languages
from labeling.projects.projects import MAX_DAILY_LIMIT, NEW_SHARES, read_whole

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# What each part of the page is called, and its fields: some stand in one row.
_SECTIONS: tuple[tuple[str, StrOrPromise, tuple[str | tuple[str, ...], ...]], ...] = (
    ("project", gettext_lazy("The project"), ("name", "slug", "kind", "guidelines", "search_language")),
    ("asked", gettext_lazy("What people are asked"), ("flags", "ask_strength", *ASKS)),
    (
        "queue",
        gettext_lazy("Queue: who gets what"),
        ("overlap", ("extra_percent", "extra_overlap"), "lease_minutes", "daily_limit"),
    ),
    (
        "checks",
        gettext_lazy("Gold and repeats"),
        (
            ("gold_percent", "repeat_percent"),
            ("repeat_after", "repeat_minutes"),
            ("gold_warn", "gold_pause", "gold_stop"),
            ("repeat_warn", "repeat_pause", "repeat_stop"),
            "check_fewest",
        ),
    ),
    (
        "qualification",
        gettext_lazy("Qualification"),
        ("qualify_items", "qualify_percent", ("qualify_attempts", "qualify_wait_hours")),
    ),
    ("review", gettext_lazy("Review"), ("review_percent", "champion_percent")),
)


@dataclass(frozen=True)
class Section:
    """A part of a form's page: its place there, what it is called, and its fields, row by row."""

    name: str
    title: StrOrPromise
    rows: list[list[forms.BoundField]]

    @property
    def wrong(self) -> list[forms.BoundField]:
        """Gives the fields that were refused."""
        return [field for row in self.rows for field in row if field.errors]


class SettingsForm(AsksForm, ChecksForm):
    name = forms.CharField(max_length=120, label=gettext_lazy("Name"))
    guidelines = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 10}),
        label=gettext_lazy("Guidelines"),
        help_text=gettext_lazy(
            "What makes one completion better than another. Markdown. Labelers have it one key away."
        ),
    )
    flags = FlagsField(
        label=gettext_lazy("Flags"),
        help_text=gettext_lazy(
            "Yes/no questions asked of each completion, one a line, for example: factual_error: Factual error"
        ),
    )
    ask_strength = forms.BooleanField(
        required=False,
        label=gettext_lazy("With two completions, ask how much better"),
        help_text=gettext_lazy("Slightly, clearly or much: it becomes the pair's margin."),
    )
    overlap = forms.IntegerField(
        min_value=1,
        max_value=50,
        initial=1,
        label=gettext_lazy("People per prompt"),
        help_text=gettext_lazy("How many people rank each prompt."),
    )
    extra_percent = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=100,
        initial=NEW_SHARES["extra_percent"],
        label=gettext_lazy("Percent of the prompts that more people rank"),
        help_text=gettext_lazy(
            "By these it is known how far people agree. Which ones stays the same; a higher percent adds some. 0: none."
        ),
    )
    extra_overlap = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=50,
        initial=NEW_SHARES["extra_overlap"],
        label=gettext_lazy("People per prompt, of these"),
    )
    lease_minutes = forms.IntegerField(
        min_value=1,
        max_value=24 * 60,
        initial=20,
        label=gettext_lazy("Minutes to keep a prompt"),
        help_text=gettext_lazy("After this long without a sign of its labeler, a prompt goes to someone else."),
    )
    daily_limit = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_DAILY_LIMIT,
        initial=0,
        label=gettext_lazy("Rankings a day for each person"),
        help_text=gettext_lazy("Whoever has made so many gets no more until the next day. 0: as many as there are."),
    )
    search_language = forms.ChoiceField(
        required=False,
        choices=search_languages.choices,
        initial=search_languages.PLAIN,
        label=gettext_lazy("Language of the search"),
        help_text=gettext_lazy("With English, for example, “running” also finds “runs”. Texts are read anew."),
    )

    review_percent = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=100,
        initial=0,
        label=gettext_lazy("Percent of new rankings to review"),
        help_text=gettext_lazy("Drawn at random for the reviewers' queue; labelers can't tell which. 0 draws none."),
    )

    champion_percent = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=99,
        initial=95,
        label=gettext_lazy("Percent from which the champion's doubt is reviewed"),
        help_text=gettext_lazy(
            "An answer goes to the reviewers' queue where the champion is at least so sure of the contrary, from 51 to "
            "99. 0: never."
        ),
    )

    def clean_champion_percent(self) -> int:
        """Takes a form without it for one that leaves it as it is, as a page says that was open before the field."""
        said = self.cleaned_data["champion_percent"]
        if said is None:
            return int(self.initial.get("champion_percent") or 95) if "champion_percent" not in self.data else 0
        if 0 < said <= 50:
            raise forms.ValidationError(_("From 51 to 99, or 0 for never: 50 of 100 is no preference."))
        return int(said)

    def clean_extra_percent(self) -> int:
        """Takes a form without it for one that leaves it as it is, as a page says that was open before the field."""
        said = self.cleaned_data["extra_percent"]
        if said is None:
            return int(self.initial.get("extra_percent") or 0) if "extra_percent" not in self.data else 0
        return int(said)

    def clean_extra_overlap(self) -> int:
        said = self.cleaned_data["extra_overlap"]
        return int(self.initial.get("extra_overlap") or NEW_SHARES["extra_overlap"]) if said is None else int(said)

    def clean_daily_limit(self) -> int:
        said = self.cleaned_data["daily_limit"]
        if said is None:
            return int(self.initial.get("daily_limit") or 0) if "daily_limit" not in self.data else 0
        return int(said)

    def clean_review_percent(self) -> int:
        return self.cleaned_data["review_percent"] or 0

    def clean_search_language(self) -> str:
        """Takes a form without it for one of any language, as a page says that was open before there was the field."""
        return self.cleaned_data["search_language"] or search_languages.PLAIN

    @property
    def sections(self) -> list[Section]:
        """Gives its fields in the parts in which a page shows them: what no part names is of the first."""
        left = {field.name: field for field in self}
        sections = []
        for part, title, names in _SECTIONS:
            rows = [[name] if isinstance(name, str) else name for name in names]
            shown = [[left.pop(name) for name in row if name in left] for row in rows]
            sections.append(Section(part, title, [row for row in shown if row]))
        sections[0].rows.extend([field] for field in left.values())
        return sections

    @property
    def confirmation(self) -> str:
        """Says what was confirmed: of other shares, flags or numbers of items it is asked anew."""
        said = self.cleaned_data
        shares = [str(said[name]) for name in SHARES]
        return "/".join([*shares, f"q{said['qualify_items']}", *sorted(flag["name"] for flag in said["flags"])])

    @staticmethod
    def initial_of(project: Project) -> dict[str, object]:
        read_whole(project)
        return {
            "name": project.name,
            "guidelines": project.guidelines,
            "flags": FlagsField.as_text(project.flags),
            "ask_strength": project.ask_strength,
            **AsksForm.initial_asks_of(project),
            "overlap": project.overlap,
            "extra_percent": project.extra_percent,
            "extra_overlap": project.extra_overlap,
            "lease_minutes": project.lease_minutes,
            "daily_limit": project.daily_limit,
            "search_language": project.search_language,
            "review_percent": project.review_percent,
            "champion_percent": project.champion_percent,
            **{name: getattr(project, name) for name in CHECKS},
        }


class PauseForm(forms.Form):
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        label=gettext_lazy("Why? Labelers read it."),
        widget=forms.TextInput({"autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Say why in a few words; labelers read it.")},
    )


class ProjectForm(SettingsForm):
    slug = forms.SlugField(
        max_length=60,
        label=gettext_lazy("Short name"),
        help_text=gettext_lazy("Its place in addresses, for example helpful-v2. It stays as it is."),
    )
    kind = forms.ChoiceField(
        choices=Project.Kind.choices,
        initial=Project.Kind.RANKING,
        widget=forms.RadioSelect,
        label=gettext_lazy("What people do"),
        help_text=gettext_lazy("It stays as it is once there are prompts. A classification needs a flag below."),
    )
