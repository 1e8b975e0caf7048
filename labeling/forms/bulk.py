"""An act on all prompts that a list finds, as the page takes it and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.data.bulk import acts
from labeling.errors import Invalid
from labeling.models import BulkAct, Project
from labeling.models.lists.cohorts import EVERYBODYS
from labeling.models.prompts import HIGHEST_PRIORITY, LONGEST_TAG, LOWEST_PRIORITY
from labeling.queue.draft_checks import MAX_REASON

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Act = BulkAct.Act
# The field that says the value of an act; the others have none.
VALUES = {Act.TAG: "tag", Act.UNTAG: "tag", Act.PRIORITY: "priority", Act.COHORT: "cohort", Act.HOLD: "reason"}
# What can be asked for: to go by the rules follows from a change of these (labeling/data/bulk/cohorts.py).
ACTS = [choice for choice in Act.choices if choice[0] != Act.RULES]
BY_TAGS = ("", gettext_lazy("What their tags say"))
TO_EVERYBODY = (EVERYBODYS, gettext_lazy("None: they are everybody's"))


class BulkForm(forms.Form):
    act = forms.ChoiceField(choices=ACTS, initial=Act.TAG, label=gettext_lazy("What to do"), widget=forms.RadioSelect)
    tag = forms.CharField(
        required=False,
        max_length=LONGEST_TAG,
        label=gettext_lazy("Tag"),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    priority = forms.IntegerField(
        required=False,
        min_value=LOWEST_PRIORITY,
        max_value=HIGHEST_PRIORITY,
        initial=0,
        label=gettext_lazy("Priority"),
        help_text=gettext_lazy("From 9, which people get first, to −9. Where nobody set any it is 0."),
    )
    cohort = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Cohort"),
        help_text=gettext_lazy("Only its people get them, until you put them elsewhere. Settings have the cohorts."),
    )
    reason = forms.CharField(
        required=False,
        max_length=MAX_REASON,
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Reviewers and managers read it beside each prompt."),
    )

    def __init__(self, data: QueryDict | None, *, project: Project) -> None:
        super().__init__(data)
        names = project.cohorts.filter(deleted_at=None).values_list("name", flat=True)
        field = self.fields["cohort"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [BY_TAGS, TO_EVERYBODY, *((name, name) for name in names)]

    def clean(self) -> dict[str, Any]:
        """Puts the act's value under `value`; those of other acts say nothing."""
        said = super().clean() or {}
        name = VALUES.get(said.get("act", ""), "")
        if "act" not in said or name in self.errors:
            return said
        for other in {*VALUES.values()} - {name}:
            self.errors.pop(other, None)
        given = said.get(name) if name else ""
        try:
            said["value"] = acts.checked(said["act"], "" if given is None else str(given))
        except Invalid as error:
            self.add_error(name, error.detail)
        return said

    def again(self) -> list[tuple[str, str]]:
        """Gives what was said, for a form that says it once more."""
        act = self.cleaned_data["act"]
        name = VALUES.get(act)
        return [("act", act), *([(name, self.cleaned_data["value"])] if name else [])]


def in_words(act: str, value: str) -> StrOrPromise:
    """Says what an act does, with its value."""
    match act:
        case Act.TAG:
            return _("Add the tag “%(tag)s”") % {"tag": value}
        case Act.UNTAG:
            return _("Take the tag “%(tag)s” away") % {"tag": value}
        case Act.PRIORITY:
            return _("Set the priority to %(n)s") % {"n": value.replace("-", "\N{MINUS SIGN}")}
        case Act.COHORT if value in ("", EVERYBODYS):
            return _("Put into the cohort that their tags say") if not value else _("Give to everybody, in no cohort")
        case Act.COHORT:
            return _("Put into the cohort “%(name)s”") % {"name": value}
        case Act.HOLD:
            return _("Hold: %(reason)s") % {"reason": value or "–"}
        case _other:
            return Act(act).label
