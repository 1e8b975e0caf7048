"""Files that come in."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy


class PromptsFileForm(forms.Form):
    file = forms.FileField(label=gettext_lazy("A file of prompts"), allow_empty_file=False)


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("A JSON Lines file"), widget=forms.FileInput(attrs={"accept": ".jsonl,.ndjson,.json"})
    )
