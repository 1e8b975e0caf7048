"""Members, invitations, accounts, and what a person prefers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from labeling.models import Role, User
from labeling.people.invitation_lists import LONGEST_LINE, MOST
from labeling.people.project_people import Standing, Wanted
from labeling.people.user_settings import MAX_BREAK_MINUTES, MAX_DAILY_GOAL, MAX_NAME


class MemberForm(forms.Form):
    username = forms.CharField(
        max_length=150, label=gettext_lazy("Username"), widget=forms.TextInput(attrs={"autocapitalize": "none"})
    )
    role = forms.ChoiceField(choices=Role.choices, label=gettext_lazy("Role"))


class InviteForm(forms.Form):
    people = forms.CharField(
        required=False,
        max_length=MOST * (LONGEST_LINE + 2),
        label=gettext_lazy("One person a line"),
        help_text=gettext_lazy(
            "A name, a mail address, or both: Ada Lovelace <ada@example.org>. At most 100. Leave it empty for one link "
            "for anybody."
        ),
        widget=forms.Textarea(attrs={"rows": 4, "autocapitalize": "none", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(choices=Role.choices, label=gettext_lazy("Role of all of them"))

    def lines(self) -> list[str]:
        return [line for line in self.cleaned_data["people"].splitlines() if line.strip()]


ANY = ("", gettext_lazy("Any"))
STANDINGS = (
    ANY,
    (Standing.ACTIVE, gettext_lazy("Works here")),
    (Standing.DEACTIVATED, gettext_lazy("Deactivated")),
    (Standing.LEFT, gettext_lazy("Left")),
    (Standing.IMPORTED, gettext_lazy("Imported")),
)
# Of each order the two directions, the one that is meant first before the other.
ORDERS = (
    ("name", gettext_lazy("Username, A to Z")),
    ("-name", gettext_lazy("Username, Z to A")),
    ("full_name", gettext_lazy("Name, A to Z")),
    ("-full_name", gettext_lazy("Name, Z to A")),
    ("role", gettext_lazy("Role, managers first")),
    ("-role", gettext_lazy("Role, labelers first")),
    ("-joined", gettext_lazy("Joined, newest first")),
    ("joined", gettext_lazy("Joined, oldest first")),
    ("-rankings", gettext_lazy("Rankings, most first")),
    ("rankings", gettext_lazy("Rankings, fewest first")),
    ("-today", gettext_lazy("Today, most first")),
    ("today", gettext_lazy("Today, fewest first")),
    ("-last_ranked", gettext_lazy("Last ranking, newest first")),
    ("last_ranked", gettext_lazy("Last ranking, oldest first")),
    ("-seconds", gettext_lazy("Time for a ranking, longest first")),
    ("seconds", gettext_lazy("Time for a ranking, shortest first")),
)


class PeopleForm(forms.Form):
    """What the list of people is narrowed by, and its order. A field that can't be read narrows nothing."""

    name = forms.CharField(required=False, max_length=150, label=gettext_lazy("Name"))
    role = forms.ChoiceField(choices=(ANY, *Role.choices), required=False, label=gettext_lazy("Role"))
    standing = forms.ChoiceField(choices=STANDINGS, required=False, label=gettext_lazy("Who"))
    sort = forms.ChoiceField(choices=ORDERS, required=False, label=gettext_lazy("Order"))

    def __init__(self, data: QueryDict) -> None:
        super().__init__({name: data[name] for name in self.base_fields if name in data}, auto_id="find-%s")

    def wanted(self) -> Wanted:
        self.is_valid()
        asked = self.cleaned_data
        sort = asked.get("sort") or "name"
        return Wanted(
            name=asked.get("name", ""),
            role=asked.get("role", ""),
            standing=asked.get("standing", ""),
            sort=sort.removeprefix("-"),
            descending=sort.startswith("-"),
        )

    @property
    def main(self) -> list[forms.BoundField]:
        return [self["name"]]

    @property
    def others(self) -> list[forms.BoundField]:
        """Gives the fields beside the name, which are folded away until one says something."""
        return [field for field in self if field.name != "name"]

    @property
    def has_others(self) -> bool:
        return any(self.data.get(field.name) for field in self.others)

    @property
    def is_narrowed(self) -> bool:
        return any(self.cleaned_data.get(name) for name in ("name", "role", "standing"))

    @property
    def narrowing(self) -> str:
        """Gives the address's own part of what narrows, without the order."""
        asked = {name: self.data[name] for name in ("name", "role", "standing") if self.data.get(name)}
        return urlencode(asked)

    @property
    def query(self) -> str:
        """Gives the whole of it, to go on with."""
        return urlencode({name: value for name, value in self.data.items() if value})


def _name_field() -> forms.CharField:
    return forms.CharField(
        max_length=MAX_NAME,
        required=False,
        label=gettext_lazy("Your name (optional)"),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text=gettext_lazy("Managers of your projects see it beside the username."),
    )


def _email_field() -> forms.EmailField:
    return forms.EmailField(
        required=False,
        label=gettext_lazy("Your mail address (optional)"),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text=gettext_lazy("Managers of your projects see it; Podium sends no mail."),
    )


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
    name = _name_field()
    email = _email_field()


def _languages() -> list[tuple[str, object]]:
    return [("", gettext_lazy("The language of the browser")), *settings.LANGUAGES]


class PreferencesForm(forms.Form):
    name = _name_field()
    email = _email_field()
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
        kept = ("email", "language", "daily_goal", "break_minutes", "single_keys")
        return {"name": user.get_full_name()} | {name: getattr(user, name) for name in kept}

    def changes(self) -> dict[str, Any]:
        """Gives what user_settings.update_settings takes; the colours are kept by the browser."""
        return {name: value for name, value in self.cleaned_data.items() if name != "theme"}
