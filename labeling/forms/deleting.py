"""That something is to go for good, said by typing what it is called: a project's name, a prompt's id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext

from labeling.data.deleting import deletions
from labeling.data.leaving import erasures as people
from labeling.data.revising import erasures
from labeling.errors import Invalid


class ConfirmForm(forms.Form):
    """What is to go is named once more; `check` raises Invalid where it is not the name."""

    confirm = forms.CharField(
        max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )

    def __init__(self, *args: Any, name: str, label: str, check: Callable[[str, str], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["confirm"].label = label
        self._name, self._check = name, check

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        try:
            self._check(typed, self._name)
        except Invalid as error:
            raise forms.ValidationError(error.detail) from error
        return typed


def deletion_form(data: QueryDict | None, *, name: str) -> ConfirmForm:
    label = gettext("The project's name, to say that you mean it")
    return ConfirmForm(data, name=name, label=label, check=deletions.check_confirmed)


def person_form(data: QueryDict | None, *, username: str) -> ConfirmForm:
    label = gettext("The account's name, to say that you mean it")
    return ConfirmForm(data, name=username, label=label, check=people.check_confirmed)


def erasure_form(data: QueryDict | None, *, external_id: str) -> ConfirmForm:
    label = gettext("The prompt's id, to say that you mean it")
    return ConfirmForm(data, name=external_id, label=label, check=erasures.check_confirmed)
