"""Which prompts are withdrawn or put back, and from which day on a person's work is."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.answers.finding import day_of
from labeling.data.withdrawing import choices
from labeling.errors import Invalid
from labeling.models import Split

LONGEST_IDS = 500_000  # characters; more come by the API or the command
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class WithdrawForm(forms.Form):
    act = forms.ChoiceField(
        choices=[
            ("withdraw", gettext_lazy("Withdraw: out of the queue, exports and later versions")),
            ("restore", gettext_lazy("Put back what was withdrawn")),
        ],
        initial="withdraw",
        label=gettext_lazy("What to do"),
        widget=forms.RadioSelect,
    )
    state = forms.ChoiceField(
        choices=[
            ("", gettext_lazy("Any")),
            ("unranked", gettext_lazy("Without a ranking")),
            ("waiting", gettext_lazy("Waiting")),
            ("ranked", gettext_lazy("Ranked")),
            ("held", gettext_lazy("Set aside")),
            ("withdrawn", gettext_lazy("Withdrawn")),
        ],
        required=False,
        label=gettext_lazy("State"),
    )
    split = forms.ChoiceField(
        choices=[("", gettext_lazy("Any")), *Split.choices], required=False, label=gettext_lazy("Split")
    )
    id_begins = forms.CharField(
        max_length=choices.LONGEST_ID, required=False, strip=False, label=gettext_lazy("Id begins with")
    )
    metadata_key = forms.CharField(
        max_length=200, required=False, strip=False, label=gettext_lazy("Key in the metadata")
    )
    metadata_value = forms.CharField(
        max_length=2000,
        required=False,
        strip=False,
        label=gettext_lazy("Value of this key"),
        help_text=gettext_lazy("Any value where it is empty."),
    )
    imported_from = forms.DateField(required=False, widget=DAY, label=gettext_lazy("Imported from"))
    imported_to = forms.DateField(required=False, widget=DAY, label=gettext_lazy("Imported until, that day included"))
    ids = forms.CharField(
        max_length=LONGEST_IDS,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        label=gettext_lazy("Or their ids, one a line"),
    )
    file = forms.FileField(
        required=False,
        label=gettext_lazy("Or a file of ids"),
        help_text=gettext_lazy("An id a line, or JSON Lines with ids."),
        widget=forms.FileInput(attrs={"accept": ".txt,.jsonl,.ndjson,text/plain"}),
    )

    def clean(self) -> dict[str, Any]:
        """Puts the ids of the file among those that were typed."""
        chosen = super().clean() or {}
        if file := chosen.pop("file", None):
            chosen["ids"] = self._ids_of(file.read(LONGEST_IDS + 1))
        if self.errors:
            return chosen
        try:
            names = list(choices.ids_of(chosen["ids"].encode().splitlines()))
        except Invalid as error:
            self.add_error("ids", error.detail)
            return chosen
        said = any(value for name, value in chosen.items() if name not in ("act", "ids", "metadata_value"))
        if names and said:
            self.add_error(None, _("Choose by ids or by what prompts have in common, not by both."))
        elif not names and not said:
            self.add_error(None, _("Say which prompts: by split, state, id, metadata or date."))
        return chosen

    def _ids_of(self, data: bytes) -> str:
        if len(data) > LONGEST_IDS:
            message = _("The file has more than %(limit)d bytes: send it by the API or by manage.py withdraw_prompts.")
            self.add_error("file", message % {"limit": LONGEST_IDS})
            return ""
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            self.add_error("file", _("The file is not UTF-8: save it as UTF-8."))
            return ""

    def chosen(self) -> choices.Choice | list[str]:
        """Gives the ids, or what prompts have in common."""
        said = dict(self.cleaned_data)
        said.pop("act")
        if names := list(choices.ids_of(said.pop("ids").encode().splitlines())):
            return names
        return choices.Choice(**said)

    def again(self) -> list[tuple[str, str]]:
        """Gives what was said, for a form that says it once more."""
        said = [(name, self.cleaned_data[name]) for name in self.cleaned_data if self.cleaned_data[name]]
        return [(name, value if isinstance(value, str) else value.isoformat()) for name, value in said]


class SinceForm(forms.Form):
    """From which day on a person's work is withdrawn; empty is all of it, and what can't be read is refused."""

    since = forms.CharField(required=False, widget=DAY, label=gettext_lazy("From this day on"))

    def clean_since(self) -> date | None:
        """Reads it as the API and the command do, so that all say the same of a bad one."""
        written = self.cleaned_data["since"]
        try:
            return day_of(written, "since") if written else None
        except Invalid as error:
            raise forms.ValidationError(error.detail, code=error.code) from error
