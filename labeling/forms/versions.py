"""What people add to a frozen version: a note, tags, and links to its file."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from labeling.data.versions.notes import LONGEST_NOTE, LONGEST_TAG, MOST_TAGS

HOUR = 60 * 60


class NoteForm(forms.Form):
    note = forms.CharField(
        required=False,
        max_length=LONGEST_NOTE,
        label=gettext_lazy("Note"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    tags = forms.CharField(
        required=False,
        max_length=MOST_TAGS * (LONGEST_TAG + 2),
        label=gettext_lazy("Tags"),
        help_text=gettext_lazy("With commas between them."),
    )


class LinkForm(forms.Form):
    seconds = forms.TypedChoiceField(
        choices=[
            (HOUR, gettext_lazy("1 hour")),
            (24 * HOUR, gettext_lazy("1 day")),
            (7 * 24 * HOUR, gettext_lazy("7 days")),
            (30 * 24 * HOUR, gettext_lazy("30 days")),
        ],
        coerce=int,
        initial=24 * HOUR,
        label=gettext_lazy("Works for"),
    )
