"""Files that come in, and exports."""

from __future__ import annotations

from typing import cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.data.exporting.exports import sources
from labeling.data.exporting.pair_groups import PEOPLE
from labeling.data.exporting.wanted import ALL_SPLITS, Wanted
from labeling.models import DatasetVersion, Project, Split


class PromptsFileForm(forms.Form):
    file = forms.FileField(label=gettext_lazy("A file of prompts"))


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("A JSON Lines file"), widget=forms.FileInput(attrs={"accept": ".jsonl,.ndjson,.json"})
    )


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

    def wanted(self) -> Wanted:
        chosen = self.cleaned_data
        return Wanted(
            file_format=chosen["format"],
            layout=chosen["layout"],
            split=chosen["split"],
            version=chosen["version"],
            source=chosen["source"],
        )
