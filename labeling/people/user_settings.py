"""How a person likes to work. Only they ever see it."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.models import User

MAX_DAILY_GOAL = 2000
MAX_BREAK_MINUTES = 240


def update_settings(user: User, **changes: object) -> User:
    """Sets language, daily_goal, break_minutes and single_keys. Raises Invalid, naming the value that can't be."""
    for name, value in changes.items():
        _check(name, value)
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
        case _:
            raise Invalid("unknown_field", f"{name!r} is no preference.", attr=name)


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _invalid(name: str, words: str, **said: object) -> Invalid:
    return Invalid("invalid", words % said, attr=name)
