"""What one person's rankings say of how they work, counted by hand."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.models import Completion, Project, Ranking, User
from labeling.quality import labeler_numbers
from labeling.quality.labeler_numbers import numbers_of
from labeling.queue import claims
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.make_project(slug="work", overlap=9, flags=[{"name": "rude", "label": "Rude"}])


@pytest.fixture
def lena(project: Project) -> User:
    return factories.join(project, username="lena")


def test_it_knows_nothing_of_whoever_did_nothing(project: Project, lena: User) -> None:
    numbers = numbers_of(project, lena.pk)
    assert (numbers.n, numbers.of_latest, numbers.last_seen, numbers.shown_first) == (0, False, None, None)
    shares = (numbers.ties, numbers.skips, numbers.words, numbers.flags, numbers.longer, numbers.agreement)
    assert {share.value for share in (*shares, numbers.compared, numbers.pace)} == {None}


def test_agreement_is_of_what_others_chose_between_the_same_two(project: Project, lena: User) -> None:
    """Of three completions lena says 1 > 2 > 3 and otto 2 > 1 = 3: two comparisons, of which one agrees, and one of
    lena's three choices is nobody's beside her. Nobody else ranked the second prompt: three more of six."""
    otto = factories.join(project)
    for _ in range(2):
        factories.make_prompt(project, k=3)
    factories.rank(project, otto, [2, 1, 2])
    factories.rank(project, lena, [1, 2, 3])
    factories.rank(project, lena, [1, 2, 3])
    numbers = numbers_of(project, lena.pk)
    assert (numbers.agreement.value, numbers.agreement.n, numbers.agreement.n_prompts) == (0.5, 2, 1)
    assert (numbers.compared.value, numbers.compared.n, numbers.compared.n_prompts) == (2 / 6, 6, 2)
    assert numbers.agreement_in_project.value == 0.5


def test_ties_skips_words_and_flags_are_shares(project: Project, lena: User) -> None:
    for _ in range(4):
        factories.make_prompt(project, k=3)
    said = [factories.rank(project, lena, ranks) for ranks in ([1, 2, 3], [1, 1, 2], [1, 1, 1])]
    claims.skip(factories.claimed(project, lena), "not my field")
    Ranking.objects.filter(pk=said[0].pk).update(comment="odd")
    said[1].ranked.filter(rank=2).update(note="wrong date", flags={"rude": True})
    said[2].ranked.update(flags={"rude": False})
    numbers = numbers_of(project, lena.pk)
    assert (numbers.ties.value, numbers.ties.n) == (4 / 9, 9)
    assert (numbers.skips.value, numbers.skips.n) == (1 / 4, 4)
    assert (numbers.words.value, numbers.flags.value, numbers.flags.n) == (2 / 3, 1 / 3, 3)


def test_a_place_on_the_screen_is_read_against_chance(project: Project, lena: User) -> None:
    """Twice the completion shown first is best, once it shares the first rank with the second: 2.5 of 3."""
    for _ in range(3):
        factories.make_prompt(project, k=2)
    for tied in (False, False, True):
        ranking = factories.rank(project, lena, [1, 2])
        ranking.ranked.filter(shown_position=0).update(rank=1)
        ranking.ranked.filter(shown_position=1).update(rank=1 if tied else 2)
    first, second = numbers_of(project, lena.pk).positions
    assert (first.place, first.first.n, first.expected) == (0, 3, 0.5)
    assert first.first.value == pytest.approx(2.5 / 3)
    assert second.first.value == pytest.approx(0.5 / 3)


def test_longer_is_of_pairs_whose_texts_differ_in_length(project: Project, lena: User) -> None:
    otto = factories.join(project)
    factories.make_prompt(project, texts=["a longer one", "short", "alike"])
    factories.rank(project, lena, [1, 2, 3])  # the longer one twice; of 'short' and 'alike' none is
    factories.rank(project, otto, [3, 1, 2])
    numbers = numbers_of(project, lena.pk)
    longest = Completion.objects.get(text="a longer one")
    chosen = longest.prompt.pairs.filter(labeler=lena, chosen=longest).count()
    assert (numbers.longer.value, numbers.longer.n) == (chosen / 2, 2)
    assert numbers.longer_in_project.n == 4


def test_pace_is_of_rankings_made_here(project: Project, lena: User) -> None:
    for seconds in (10.0, 30.0, None):
        factories.make_prompt(project)
        Ranking.objects.filter(pk=factories.rank(project, lena).pk).update(active_seconds=seconds)
    assert (numbers_of(project, lena.pk).pace.value, numbers_of(project, lena.pk).pace.n) == (20.0, 2)
    Ranking.objects.filter(active_seconds=10).update(source="imported")
    assert numbers_of(project, lena.pk).pace.value == 30.0


def test_it_is_of_the_newest_and_says_so(project: Project, lena: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labeler_numbers, "LATEST", 2)
    for ranks in ([1, 1], [1, 2], [1, 2]):
        factories.make_prompt(project, k=2)
        factories.rank(project, lena, ranks)
    numbers = numbers_of(project, lena.pk)
    assert (numbers.n, numbers.of_latest, numbers.ties.value) == (2, True, 0.0)
    assert numbers.since == Ranking.objects.order_by("pk")[1].created_at


def test_it_costs_the_same_however_much_there_is(project: Project, lena: User) -> None:
    costs = []
    for _ in range(2):
        for _ in range(4):
            factories.make_prompt(project)
            factories.rank(project, lena)
        with CaptureQueriesContext(connection) as context:
            numbers_of(project, lena.pk)
        costs.append(len(context))
    assert costs == [7, 7]
