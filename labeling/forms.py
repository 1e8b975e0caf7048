"""The forms of the pages: what a browser sends, checked and turned into what the nouns take."""

from __future__ import annotations

from typing import Any, TypedDict, cast

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.data.exports import ALL_SPLITS, sources
from labeling.data.pair_groups import PEOPLE
from labeling.errors import PodiumError
from labeling.models import DatasetVersion, Project, Role, Split, User
from labeling.people.user_settings import MAX_BREAK_MINUTES, MAX_DAILY_GOAL


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
    lease_minutes = forms.IntegerField(
        min_value=1,
        max_value=24 * 60,
        initial=20,
        label=gettext_lazy("Minutes to keep a prompt"),
        help_text=gettext_lazy("After this long without a sign of its labeler, a prompt goes to someone else."),
    )

    @staticmethod
    def initial_of(project: Project) -> dict[str, object]:
        return {
            "name": project.name,
            "guidelines": project.guidelines,
            "flags": FlagsField.as_text(project.flags),
            "ask_strength": project.ask_strength,
            "overlap": project.overlap,
            "lease_minutes": project.lease_minutes,
        }


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
    field_order = ("name", "slug", "kind", "guidelines", "flags", "ask_strength", "overlap", "lease_minutes")


class MemberForm(forms.Form):
    username = forms.CharField(
        max_length=150, label=gettext_lazy("Username"), widget=forms.TextInput(attrs={"autocapitalize": "none"})
    )
    role = forms.ChoiceField(choices=Role.choices, label=gettext_lazy("Role"))


class InviteForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices, label=gettext_lazy("Role"))
    note = forms.CharField(max_length=120, required=False, label=gettext_lazy("Whom it is for (optional)"))


class RegisterForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        label=gettext_lazy("Username"),
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        strip=False,
        label=gettext_lazy("Password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("At least 10 characters. A few unrelated words are good."),
    )


class PromptsFileForm(forms.Form):
    file = forms.FileField(label=gettext_lazy("A file of prompts"))


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("A JSON Lines file"), widget=forms.FileInput(attrs={"accept": ".jsonl,.ndjson,.json"})
    )


class Asked(TypedDict):
    """What labeling.data.exports takes."""

    file_format: str
    layout: str
    split: str
    version: DatasetVersion | None
    source: str


class ExportForm(forms.Form):
    format = forms.ChoiceField(
        choices=[("jsonl", "JSON Lines"), ("csv", "CSV"), ("parquet", "Parquet")], label=gettext_lazy("Format")
    )
    layout = forms.ChoiceField(
        choices=[
            ("standard", gettext_lazy("Standard: prompt, chosen and rejected are texts")),
            ("conversational", gettext_lazy("Conversational: they are lists of messages")),
        ],
        initial="standard",
        label=gettext_lazy("Layout"),
        widget=forms.RadioSelect,
    )
    split = forms.ChoiceField(
        choices=[
            ("", gettext_lazy("Train and validation")),
            *Split.choices,
            (ALL_SPLITS, gettext_lazy("All, the test prompts too")),
        ],
        required=False,
        label=gettext_lazy("Split"),
        help_text=gettext_lazy("Test prompts measure the models, so they are left out unless you ask for them."),
    )
    source = forms.ChoiceField(
        choices=sources,
        required=False,
        initial=PEOPLE,
        label=gettext_lazy("Whose labels"),
        help_text=gettext_lazy("Frozen versions hold people's alone."),
    )
    version = forms.ModelChoiceField(
        DatasetVersion.objects.none(),
        to_field_name="number",
        required=False,
        empty_label=gettext_lazy("The labels as they are now"),
        label=gettext_lazy("From"),
    )

    def __init__(self, project: Project, data: QueryDict | None = None) -> None:
        super().__init__(data)
        field = cast("forms.ModelChoiceField[DatasetVersion]", self.fields["version"])
        field.queryset = project.dataset_versions.all()
        field.label_from_instance = lambda obj: _("Version %(number)s") % {"number": obj.number}  # type: ignore[method-assign]

    def asked(self) -> Asked:
        chosen = self.cleaned_data
        return Asked(
            file_format=chosen["format"],
            layout=chosen["layout"],
            split=chosen["split"],
            version=chosen["version"],
            source=chosen["source"],
        )


def _languages() -> list[tuple[str, object]]:
    return [("", gettext_lazy("The language of the browser")), *settings.LANGUAGES]


class PreferencesForm(forms.Form):
    language = forms.ChoiceField(
        choices=_languages, required=False, widget=forms.RadioSelect, label=gettext_lazy("Language")
    )
    theme = forms.ChoiceField(
        choices=[
            ("", gettext_lazy("As the system has them")),
            ("light", gettext_lazy("Light")),
            ("dark", gettext_lazy("Dark")),
        ],
        required=False,
        widget=forms.RadioSelect,
        label=gettext_lazy("Colours"),
        help_text=gettext_lazy("In this browser."),
    )
    daily_goal = forms.IntegerField(
        required=False,
        widget=forms.NumberInput(attrs={"min": 1, "max": MAX_DAILY_GOAL}),
        label=gettext_lazy("Daily goal"),
        help_text=gettext_lazy("Rankings that you aim at in a day. Leave it empty for none."),
    )
    break_minutes = forms.IntegerField(
        widget=forms.NumberInput(attrs={"min": 0, "max": MAX_BREAK_MINUTES}),
        label=gettext_lazy("Suggest a break after"),
        help_text=gettext_lazy("Minutes of work; 0 for never."),
    )
    single_keys = forms.BooleanField(
        required=False,
        label=gettext_lazy("Digits and letters are keys on the ranking screen"),
        help_text=gettext_lazy(
            "Switch this off if you dictate, use a switch or hit keys by accident: then only Tab, Enter, Escape and "
            "the arrows do something."
        ),
    )

    @staticmethod
    def initial_of(user: User) -> dict[str, object]:
        return {name: getattr(user, name) for name in ("language", "daily_goal", "break_minutes", "single_keys")}

    def changes(self) -> dict[str, Any]:
        """Gives what user_settings.update_settings takes; the colours are kept by the browser."""
        return {name: value for name, value in self.cleaned_data.items() if name != "theme"}
