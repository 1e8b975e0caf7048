"""A cohort as a form, and what a change of it does in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from labeling.data.bulk.cohort_changes import Foreseen
from labeling.judgements.phrases import whole
from labeling.models import Cohort, Project
from labeling.models.lists.cohorts import LONGEST_NAME
from labeling.models.prompts import LONGEST_TAG, MOST_TAGS

MOST_BOXES = 100  # people of a project that a form shows a box for each of
MOST_PEOPLE = 1_000
MOST_NAMED = 3  # of those who come or leave
_GET_FIRST = gettext_lazy("They get its prompts before others of the same priority, and nobody else gets them.")


class CohortForm(forms.Form):
    """A cohort: boxes for the people where they are not too many, else their usernames, one a line."""

    name = forms.CharField(max_length=LONGEST_NAME, label=gettext_lazy("Name"))
    tags = forms.CharField(
        required=False,
        max_length=MOST_TAGS * (LONGEST_TAG + 2),
        label=gettext_lazy("Tags"),
        help_text=gettext_lazy("Prompts that have one of these are in it. Separate several by commas."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    revision = forms.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput(), label=gettext_lazy("Revision")
    )

    def __init__(self, data: QueryDict | None, *, project: Project, cohort: Cohort | None) -> None:
        super().__init__(data, initial=self._initial_of(cohort) if cohort else None)
        names = list(
            project.memberships.order_by("user__username").values_list("user__username", flat=True)[: MOST_BOXES + 1]
        )
        self.fields["people"] = _boxes(names) if len(names) <= MOST_BOXES else _lines()
        if cohort and len(names) > MOST_BOXES:
            self.initial["people"] = "\n".join(self.initial["people"])

    def clean_tags(self) -> list[str]:
        return [tag for tag in self.cleaned_data["tags"].split(",") if tag.strip()]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if isinstance(said.get("people"), str):
            said["people"] = said["people"].split()
        return said

    def said(self) -> dict[str, Any]:
        """Gives what a cohort is to be: labeling/data/bulk/cohorts.py takes it."""
        return {name: self.cleaned_data[name] for name in ("name", "tags", "people")}

    @property
    def confirmation(self) -> str:
        """Says what was confirmed of it: other tags or people are asked about anew."""
        said = json.dumps([sorted(self.cleaned_data[name]) for name in ("tags", "people")])
        return hashlib.sha256(said.encode()).hexdigest()

    @staticmethod
    def _initial_of(cohort: Cohort) -> dict[str, Any]:
        people = sorted(each.membership.user.username for each in cohort.people.all())
        return {"name": cohort.name, "tags": ", ".join(cohort.tags), "people": people, "revision": cohort.revision}


def _boxes(names: list[str]) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        required=False,
        choices=[(name, name) for name in names],
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("People"),
        help_text=_GET_FIRST,
    )


def _lines() -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=MOST_PEOPLE * 151,
        label=gettext_lazy("People: usernames, one a line"),
        help_text=_GET_FIRST,
        widget=forms.Textarea({"rows": 8, "autocapitalize": "none", "spellcheck": "false"}),
    )


def sentences(foreseen: Foreseen) -> list[str]:
    """Says what becomes of prompts, and of people."""
    said = []
    if foreseen.comes:
        words = ngettext(
            "%(n)s prompt comes into it, and %(waiting)s waits: its people alone get it.",
            "%(n)s prompts come into it, and %(waiting)s wait: its people alone get them.",
            foreseen.comes,
        )
        said.append(words % {"n": whole(foreseen.comes), "waiting": whole(foreseen.comes_waiting)})
    if foreseen.goes:
        words = ngettext(
            "%(n)s prompt leaves it, and %(waiting)s waits: others get it from now on.",
            "%(n)s prompts leave it, and %(waiting)s wait: others get them from now on.",
            foreseen.goes,
        )
        said.append(words % {"n": whole(foreseen.goes), "waiting": whole(foreseen.goes_waiting)})
    if foreseen.come:
        said.append(_("Comes into it: %(names)s.") % {"names": _names(foreseen.come)})
    if foreseen.leave:
        said.append(_("Leaves it: %(names)s. What they have open stays theirs.") % {"names": _names(foreseen.leave)})
    if foreseen.too_few:
        words = ngettext(
            "%(n)s person of it can log in, and some prompts ask for more: these wait for others to come.",
            "%(n)s people of it can log in, and some prompts ask for more: these wait for others to come.",
            foreseen.people,
        )
        said.append(words % {"n": whole(foreseen.people)})
    if not foreseen.is_all:
        said.append(_("These are as many as could be counted in a moment; there are more."))
    return said


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    return shown if more <= 0 else _("%(names)s and %(n)s more") % {"names": shown, "n": whole(more)}
