"""Files that come in."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy


class PromptsFileForm(forms.Form):
    file = forms.FileField(label=gettext_lazy("A file of prompts"), allow_empty_file=False)


class HubForm(forms.Form):
    hub = forms.CharField(
        label=gettext_lazy("Or a dataset on a hub"),
        help_text=gettext_lazy("As owner/name, with @ and a branch, a tag or a commit where it isn't the newest."),
        max_length=400,
        widget=forms.TextInput(
            attrs={
                **{"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
                "placeholder": gettext_lazy("owner/name"),
            }
        ),
    )


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("A JSON Lines file"), widget=forms.FileInput(attrs={"accept": ".jsonl,.ndjson,.json"})
    )
