"""Preferences as a noun: what can be set, what is refused and how it is said."""

from __future__ import annotations

import pytest
from django.utils import timezone

from labeling.errors import Invalid
from labeling.models import User
from labeling.people.user_settings import show_tour_again, update_settings
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return factories.make_user("lena")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("language", "de"),
        ("language", ""),
        ("daily_goal", 1),
        ("daily_goal", 2000),
        ("daily_goal", None),
        ("break_minutes", 0),
        ("break_minutes", 240),
        ("single_keys", False),
    ],
)
def test_a_preference_is_kept(user: User, name: str, value: object) -> None:
    update_settings(user, **{name: value})
    assert getattr(User.objects.get(), name) == value


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("language", "tlh", "There is no language 'tlh' here; there are en, de."),
        ("daily_goal", 0, "A daily goal of 0 can't be; it is 1 to 2000 rankings, or none."),
        ("daily_goal", 2001, "A daily goal of 2001"),
        ("daily_goal", True, "A daily goal of True"),
        ("daily_goal", "12", "A daily goal of '12'"),
        ("break_minutes", -1, "A break after -1 minutes can't be; it is 1 to 240 minutes, or 0 for never."),
        ("break_minutes", None, "A break after None minutes"),
        ("single_keys", "yes", "Single keys are on or off, not 'yes'."),
        ("is_superuser", True, "'is_superuser' is no preference."),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(user: User, name: str, value: object, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        update_settings(user, **{"single_keys": False, name: value})
    assert words in refused.value.detail
    assert refused.value.attr == name
    stored = User.objects.get()
    assert (stored.single_keys, stored.is_superuser) == (True, False)


def test_only_the_person_s_own_row_changes(user: User) -> None:
    other = factories.make_user("otto")
    update_settings(user, language="de", daily_goal=40)
    other.refresh_from_db()
    assert (other.language, other.daily_goal) == ("", None)


def test_the_tour_comes_again(user: User) -> None:
    user.tour_seen_at = timezone.now()
    user.save()
    show_tour_again(user)
    assert User.objects.get().tour_seen_at is None
