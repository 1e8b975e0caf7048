"""Members, invitations, accounts, and what a person prefers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy

from labeling.models import Role, User
from labeling.people.user_settings import MAX_BREAK_MINUTES, MAX_DAILY_GOAL


class MemberForm(forms.Form):
    username = forms.CharField(
        max_length=150, label=gettext_lazy("Username"), widget=forms.TextInput(attrs={"autocapitalize": "none"})
    )
    role = forms.ChoiceField(choices=Role.choices, label=gettext_lazy("Role"))


class InviteForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices, label=gettext_lazy("Role"))
    note = forms.CharField(max_length=120, required=False, label=gettext_lazy("Whom it is for (optional)"))


class RegisterForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        label=gettext_lazy("Username"),
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        strip=False,
        label=gettext_lazy("Password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("At least 10 characters. A few unrelated words are good."),
    )


def _languages() -> list[tuple[str, object]]:
    return [("", gettext_lazy("The language of the browser")), *settings.LANGUAGES]


class PreferencesForm(forms.Form):
    language = forms.ChoiceField(
        choices=_languages, required=False, widget=forms.RadioSelect, label=gettext_lazy("Language")
    )
    theme = forms.ChoiceField(
        choices=[
            ("", gettext_lazy("As the system has them")),
            ("light", gettext_lazy("Light")),
            ("dark", gettext_lazy("Dark")),
        ],
        required=False,
        widget=forms.RadioSelect,
        label=gettext_lazy("Colours"),
        help_text=gettext_lazy("In this browser."),
    )
    daily_goal = forms.IntegerField(
        required=False,
        widget=forms.NumberInput(attrs={"min": 1, "max": MAX_DAILY_GOAL}),
        label=gettext_lazy("Daily goal"),
        help_text=gettext_lazy("Rankings that you aim at in a day. Leave it empty for none."),
    )
    break_minutes = forms.IntegerField(
        widget=forms.NumberInput(attrs={"min": 0, "max": MAX_BREAK_MINUTES}),
        label=gettext_lazy("Suggest a break after"),
        help_text=gettext_lazy("Minutes of work; 0 for never."),
    )
    single_keys = forms.BooleanField(
        required=False,
        label=gettext_lazy("Digits and letters are keys on the ranking screen"),
        help_text=gettext_lazy(
            "Switch this off if you dictate, use a switch or hit keys by accident: then only Tab, Enter, Escape and "
            "the arrows do something."
        ),
    )

    @staticmethod
    def initial_of(user: User) -> dict[str, object]:
        return {name: getattr(user, name) for name in ("language", "daily_goal", "break_minutes", "single_keys")}

    def changes(self) -> dict[str, Any]:
        """Gives what user_settings.update_settings takes; the colours are kept by the browser."""
        return {name: value for name, value in self.cleaned_data.items() if name != "theme"}
