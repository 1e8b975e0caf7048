"""The words of texts are read soon after they came or changed, and those of erased ones are gone at once."""

from __future__ import annotations

import math

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.answers.search import finding, texts
from labeling.data.revising import erasures, revisions
from labeling.models import Project, SearchBacklog, SearchText
from tests.factories import join, make_import, make_project, make_prompt
from tests.labeling.plans import fill


@pytest.fixture
def project(db: None) -> Project:
    return make_project()


def words() -> str:
    return " ".join(str(row) for row in SearchText.objects.values_list("words", flat=True))


def found(project: Project, asked: str) -> list[str]:
    prompts = finding.find(project, asked).among_prompts(project.prompts.all())
    return list(prompts.order_by("pk").values_list("external_id", flat=True))


def test_an_import_s_texts_are_found_after_the_next_sweep(project: Project) -> None:
    row = '{"id": "p%d", "prompt": "Number %d", "completions": [{"id": "a", "text": "A"}, {"id": "b", "text": "B"}]}'
    make_import(project, "\n".join(row % (n, n) for n in range(30)))
    assert not texts.are_read()
    assert SearchBacklog.objects.count() < 5  # not a row each
    assert texts.read() == 30
    assert texts.are_read()
    assert texts.read() == 0
    assert found(project, "17") == ["p17"]


def test_a_corrected_text_is_found_by_its_new_words_only(project: Project) -> None:
    prompt = make_prompt(project, question="A mistaken word", texts=["Old one", "Other"])
    texts.read()
    revisions.revise(project, prompt, base=1, by=None, texts={prompt.completions.first().external_id: "Newer one"})
    assert "old" not in words()  # gone before anybody read the new one
    texts.read()
    assert found(project, "newer") == [prompt.external_id]
    assert found(project, "old") == []


def test_erased_words_are_gone_at_once(project: Project) -> None:
    prompt = make_prompt(project, external_id="p", question="A shameful secret", texts=["Secret one", "Secret two"])
    texts.read()
    assert "secret" in words()
    erasures.erase(project, prompt, confirm="p", by=None)
    assert "secret" not in words()
    texts.read()
    assert "secret" not in words()
    assert found(project, "secret") == []


def test_a_prompt_that_is_gone_before_it_was_read_is_passed_over(project: Project) -> None:
    prompt = make_prompt(project)
    prompt.delete()
    texts.read()
    assert texts.are_read()
    assert not SearchText.objects.exists()


def test_texts_that_change_for_nothing_are_not_read_again(project: Project) -> None:
    prompt = make_prompt(project)
    texts.read()
    prompt.save()
    for completion in prompt.completions.all():
        completion.save()
    assert texts.are_read()


def test_time_that_is_over_leaves_the_rest_to_the_next_sweep(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "AT_ONCE", 2)
    for _ in range(5):
        make_prompt(project)
    assert texts.read(seconds=-1) == 2
    assert not texts.are_read()
    texts.read()
    assert SearchText.objects.count() == 5


@pytest.mark.parametrize("index", ["search_text_words", "ranking_comment_words", "ranked_completion_note_words"])
def test_the_index_of_words_answers(project: Project, index: str) -> None:
    """Of thousands: of a handful reading all may be as cheap."""
    fill(project, join(project), 4_000)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE labeling_rankedcompletion SET note = 'Note ' || id")
        cursor.execute("UPDATE labeling_ranking SET comment = 'Comment ' || id")
        texts.read(seconds=math.inf)
        cursor.execute("ANALYZE labeling_rankedcompletion, labeling_ranking, labeling_searchtext")
    before = scans(index)
    with CaptureQueriesContext(connection) as asked:
        finding.find(project, "anything")
    assert scans(index) == before + 1
    assert len(asked) == 1


def scans(index: str) -> int:
    """Gives how often this transaction looked into it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_numscans(%s::regclass)", [index])
        return int(cursor.fetchone()[0])
