"""What a form is told that the rooms refused."""

from __future__ import annotations

from django import forms

from labeling.errors import PodiumError


def add_error(form: forms.Form, error: PodiumError) -> None:
    """Shows a noun's refusal at its field, or above the form where it has none."""
    form.add_error(error.attr if error.attr in form.fields else None, error.detail)
