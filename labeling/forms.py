"""The forms of the pages: what a browser sends, checked and turned into what the nouns take."""

from __future__ import annotations

from typing import Any, TypedDict, cast

from django import forms
from django.http import QueryDict
from django.utils.text import slugify

from labeling.errors import PodiumError
from labeling.exports import ALL_SPLITS
from labeling.models import DatasetVersion, Project, Role, Split


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
