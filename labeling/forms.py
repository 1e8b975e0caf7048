"""The forms of the pages: what a browser sends, checked and turned into what the nouns take."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, TypedDict, cast

from django import forms
from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.text import slugify

from labeling import content
from labeling.assignments import shown_completions
from labeling.errors import PodiumError
from labeling.exports import ALL_SPLITS
from labeling.models import Assignment, Completion, DatasetVersion, Project, Role, Split
from labeling.rankings import MAX_COMMENT

SKIP_REASONS = ("I don't know the subject well enough", "I can't read the language", "I don't want to read this")
UNRANKABLE_REASONS = ("The prompt makes no sense", "The completions belong to another prompt", "All of them are broken")


def add_error(form: forms.Form, error: PodiumError) -> None:
    """Shows a noun's refusal at its field, or above the form where it has none."""
    form.add_error(error.attr if error.attr in form.fields else None, error.detail)


class FlagsField(forms.CharField):
    """One flag a line, 'label' or 'name: label'. Gives the list that a project stores."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}), **kwargs)

    def to_python(self, value: object) -> Any:
        lines = [line.strip() for line in str(value or "").splitlines() if line.strip()]
        return [self._flag(line) for line in lines]

    def _flag(self, line: str) -> dict[str, str]:
        name, colon, label = line.partition(":")
        if colon:
            return {"name": name.strip(), "label": label.strip()}
        return {"name": slugify(line).replace("-", "_")[:40], "label": line}

    @staticmethod
    def as_text(flags: list[dict[str, str]]) -> str:
        return "\n".join(f"{flag['name']}: {flag['label']}" for flag in flags)


class SettingsForm(forms.Form):
    name = forms.CharField(max_length=120)
    guidelines = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="What makes one completion better than another. Markdown. Labelers have it one key away.",
    )
    flags = FlagsField(
        help_text="Yes/no questions asked of each completion, one a line, for example: factual_error: Factual error"
    )
    overlap = forms.IntegerField(
        min_value=1, max_value=50, initial=1, label="People per prompt", help_text="How many people rank each prompt."
    )
    lease_minutes = forms.IntegerField(
        min_value=1,
        max_value=24 * 60,
        initial=20,
        label="Minutes to keep a prompt",
        help_text="After this long without a sign of its labeler, a prompt goes to someone else.",
    )

    @staticmethod
    def initial_of(project: Project) -> dict[str, object]:
        return {
            "name": project.name,
            "guidelines": project.guidelines,
            "flags": FlagsField.as_text(project.flags),
            "overlap": project.overlap,
            "lease_minutes": project.lease_minutes,
        }


class ProjectForm(SettingsForm):
    slug = forms.SlugField(
        max_length=60,
        label="Short name",
        help_text="Its place in addresses, for example helpful-v2. It stays as it is.",
    )
    field_order = ("name", "slug", "guidelines", "flags", "overlap", "lease_minutes")


class MemberForm(forms.Form):
    username = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocapitalize": "none"}))
    role = forms.ChoiceField(choices=Role.choices)


class InviteForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
    note = forms.CharField(max_length=120, required=False, label="Whom it is for (optional)")


class RegisterForm(forms.Form):
    username = forms.CharField(
        max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"})
    )
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters. A few unrelated words are good.",
    )


class UploadForm(forms.Form):
    file = forms.FileField(label="A JSON Lines file", widget=forms.FileInput(attrs={"accept": ".jsonl,.ndjson,.json"}))


class Asked(TypedDict):
    """What labeling.exports takes."""

    file_format: str
    layout: str
    split: str
    version: DatasetVersion | None


class ExportForm(forms.Form):
    format = forms.ChoiceField(choices=[("jsonl", "JSON Lines"), ("csv", "CSV"), ("parquet", "Parquet")])
    layout = forms.ChoiceField(
        choices=[
            ("standard", "Standard: prompt, chosen and rejected are texts"),
            ("conversational", "Conversational: they are lists of messages"),
        ],
        initial="standard",
        widget=forms.RadioSelect,
    )
    split = forms.ChoiceField(
        choices=[("", "Train and validation"), *Split.choices, (ALL_SPLITS, "All, the test prompts too")],
        required=False,
        help_text="Test prompts measure the models, so they are left out unless you ask for them.",
    )
    version = forms.ModelChoiceField(
        DatasetVersion.objects.none(),
        to_field_name="number",
        required=False,
        empty_label="The labels as they are now",
        label="From",
    )

    def __init__(self, project: Project, data: QueryDict | None = None) -> None:
        super().__init__(data)
        field = cast("forms.ModelChoiceField[DatasetVersion]", self.fields["version"])
        field.queryset = project.dataset_versions.all()
        field.label_from_instance = lambda obj: f"Version {obj.number}"  # type: ignore[method-assign]

    def asked(self) -> Asked:
        chosen = self.cleaned_data
        return Asked(
            file_format=chosen["format"], layout=chosen["layout"], split=chosen["split"], version=chosen["version"]
        )


class ReasonForm(forms.Form):
    """A reason picked from a few, or in the person's own words, which win."""

    def reason(self) -> str:
        return (self.data.get("other") or self.data.get("reason") or "").strip()


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
    field: str
    rank: str  # "" where it is not placed yet
    flags: list[Flag]


class RankingForm(forms.Form):
    """One rank from 1 to K per completion, flags and a comment. Equal ranks are a tie; gaps close up."""

    comment = forms.CharField(required=False, max_length=MAX_COMMENT)
    active_seconds = forms.FloatField(required=False, min_value=0)

    def __init__(self, assignment: Assignment, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self.completions: list[Completion] = shown_completions(assignment)
        self.flags: list[dict[str, str]] = assignment.prompt.project.flags
        self.slots = range(1, len(self.completions) + 1)
        for completion in self.completions:
            self.fields[f"rank-{completion.pk}"] = forms.TypedChoiceField(
                choices=[(slot, slot) for slot in self.slots], coerce=int
            )
            for flag in self.flags:
                self.fields[f"flag-{completion.pk}-{flag['name']}"] = forms.BooleanField(required=False)

    def cards(self) -> list[Card]:
        return [
            Card(
                id=str(completion.pk),
                letter=letter,
                html=content.render(completion.text),
                field=f"rank-{completion.pk}",
                rank=self._sent(f"rank-{completion.pk}"),
                flags=[
                    Flag(name := f"flag-{completion.pk}-{flag['name']}", flag["label"], bool(self._sent(name)))
                    for flag in self.flags
                ],
            )
            for letter, completion in zip(ascii_uppercase, self.completions, strict=False)
        ]

    def problem(self) -> str:
        """What is wrong, in the letters that the person sees."""
        missing = [card.letter for card in self.cards() if card.field in self.errors]
        if len(missing) == len(self.completions):
            return "Nothing is ranked yet. Give every completion a place, then submit."
        if missing:
            verb = "has" if len(missing) == 1 else "have"
            return f"{_listed(missing)} {verb} no place yet. What you chose is kept; place the rest and submit again."
        return " ".join(f"{name}: {' '.join(map(str, messages))}" for name, messages in self.errors.items())

    def payload(self) -> dict[str, object]:
        """The answer as the API takes it: dense tiers, best first."""
        ranks = {completion.pk: self.cleaned_data[f"rank-{completion.pk}"] for completion in self.completions}
        return {
            "tiers": [[str(pk) for pk in ranks if ranks[pk] == rank] for rank in sorted(set(ranks.values()))],
            "flags": {
                str(pk): {flag["name"]: self.cleaned_data[f"flag-{pk}-{flag['name']}"] for flag in self.flags}
                for pk in ranks
            },
            "comment": self.cleaned_data["comment"],
            "active_seconds": self.cleaned_data["active_seconds"],
        }

    def _sent(self, name: str) -> str:
        return str(self.data.get(name, "")) if self.is_bound else ""


def _listed(letters: list[str]) -> str:
    return letters[0] if len(letters) == 1 else f"{', '.join(letters[:-1])} and {letters[-1]}"
