"""That a project is to be deleted, said by its name."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from labeling.data.deleting import deletions
from labeling.errors import Invalid


class DeleteForm(forms.Form):
    confirm = forms.CharField(
        max_length=200,
        label=gettext_lazy("The project's name, to say that you mean it"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        try:
            deletions.check_confirmed(typed, self._name)
        except Invalid as error:
            raise forms.ValidationError(error.detail) from error
        return typed
