"""How a person likes to work, which only they ever see; and their name and mail address, which managers see too."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.models import User

MAX_DAILY_GOAL = 2000
MAX_BREAK_MINUTES = 240
MAX_NAME, MAX_EMAIL = 150, 254


def update_settings(user: User, **changes: object) -> User:
    """Sets name, email, language, daily_goal, break_minutes and single_keys. Raises Invalid, naming the value that
    can't be."""
    for name, value in changes.items():
        _check(name, value)
    if "name" in changes:  # one, as the person writes it: not everybody's is a first and a last one
        changes |= {"first_name": changes.pop("name"), "last_name": ""}
    for name, value in changes.items():
        setattr(user, name, value)
    user.save(update_fields=sorted(changes))
    return user


def keep_tour_seen(user: User) -> None:
    """Keeps that the tour was finished or closed, once: the first time counts."""
    if user.tour_seen_at is None:
        user.tour_seen_at = timezone.now()
        user.save(update_fields=["tour_seen_at"])


def show_tour_again(user: User) -> None:
    user.tour_seen_at = None
    user.save(update_fields=["tour_seen_at"])


def _check(name: str, value: object) -> None:
    match name:
        case "language":
            known = dict(settings.LANGUAGES)
            if value and value not in known:
                message = _("There is no language %(value)r here; there are %(known)s.")
                raise _invalid(name, message, value=value, known=", ".join(known))
        case "daily_goal":
            if value is not None and not _is_whole(value, 1, MAX_DAILY_GOAL):
                message = _("A daily goal of %(value)r can't be; it is 1 to %(most)s rankings, or none.")
                raise _invalid(name, message, value=value, most=MAX_DAILY_GOAL)
        case "break_minutes":
            if not _is_whole(value, 0, MAX_BREAK_MINUTES):
                message = _("A break after %(value)r minutes can't be; it is 1 to %(most)s minutes, or 0 for never.")
                raise _invalid(name, message, value=value, most=MAX_BREAK_MINUTES)
        case "single_keys":
            if not isinstance(value, bool):
                raise _invalid(name, _("Single keys are on or off, not %(value)r."), value=value)
        case "name":
            if not isinstance(value, str) or len(value) > MAX_NAME:
                raise _invalid(name, _("A name has at most %(most)s letters."), most=MAX_NAME)
        case "email":
            if value != "" and not _is_address(value):
                raise _invalid(name, _("%(value)r is no mail address."), value=str(value)[:80])
        case _:
            raise Invalid("unknown_field", f"{name!r} is no preference.", attr=name)


def _is_address(value: object) -> bool:
    try:
        validate_email(str(value))
    except ValidationError:
        return False
    return isinstance(value, str) and len(value) <= MAX_EMAIL


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _invalid(name: str, words: str, **said: object) -> Invalid:
    return Invalid("invalid", words % said, attr=name)
