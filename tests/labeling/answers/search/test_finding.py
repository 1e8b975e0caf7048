"""Prompts and rankings are found by the words in their texts and in what was said of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labeling.answers import rankings
from labeling.answers.search import finding, texts
from labeling.errors import Invalid
from labeling.models import Project, Prompt, Ranking
from tests.factories import claimed, join, make_project, make_prompt, tiers_of


@pytest.fixture
def project(db: None) -> Project:
    return make_project(overlap=3)


def prompts(project: Project, asked: str) -> list[str]:
    found = finding.find(project, asked).among_prompts(Prompt.objects.filter(project=project))
    return list(found.order_by("pk").values_list("external_id", flat=True))


def said(project: Project, asked: str) -> list[str]:
    found = finding.find(project, asked).among_rankings(Ranking.objects.filter(project=project))
    return list(found.order_by("pk").values_list("labeler__username", flat=True))


@pytest.mark.parametrize(
    ("text", "asked", "is_found"),
    [
        ("Plan a week in Lisbon", "lisbon", True),
        ("Plan a week in Lisbon", "lisb", True),  # what begins so
        ("Plan a week in Lisbon", "sbon", False),
        ("Plan a week in Lisbon", "week plan", True),  # in any order
        ("Plan a week in Lisbon", '"week plan"', False),
        ("Plan a week in Lisbon", '"week in"', True),
        ("Plan a week in Lisbon", '"wee in"', False),  # in quotation marks a word is whole
        ("Plan a week in Lisbon", "week porto", False),
        ("Plan a week in Lisbon", "week -lisbon", False),
        ("Plan a week in Lisbon", "week -porto", True),
        ("Plan a week in Lisbon", 'week "', True),
        ("Plan a week in Lisbon", "WEEK", True),
        ("Die Straße über den Fluß", "ÜBER straße", True),
        ("Где живёт кошка?", "кошка", True),
        ("Где живёт кошка?", "кошки", False),
        ("أين تعيش القطة", "القطة", True),
        ("日本語を読む。", "日本", True),
        ("日本語を読む。", "本日", False),  # letters that follow each other
        ("日本語を読む。", "読む", True),
        ("Python教程和例子", "教程", True),
        ("ภาษาไทยง่ายมาก", "ไทย", True),
        ("한국어 문장입니다", "한국어", True),
        ("हिन्दी में लिखो", "हिन्दी", True),
        ("don't panic", "don't", True),
        ("a state-of-the-art model", "state-of-the-art", True),
        ("a state-of-the-art model", "art", True),
        ("call foo_bar(x) & go", "foo_bar", True),
        ("it costs 3.14 euro", "3.14", True),
        ("c:\\temp\\new", "c:\\temp", True),
        ("it's 'quoted' | & ! ( ) :*", "quoted' | & !", True),
    ],
)
def test_a_prompt_is_found_by_words_of_its_texts(project: Project, text: str, asked: str, is_found: bool) -> None:
    make_prompt(project, external_id="wanted", question=text)
    make_prompt(project, external_id="other", question="Something else entirely")
    texts.read()
    assert prompts(project, asked) == (["wanted"] if is_found else [])


def test_completions_and_the_id_are_searched_too(project: Project) -> None:
    make_prompt(project, external_id="oasst-1742", texts=["Bread needs time.", "Bake it."])
    make_prompt(project, external_id="oasst-9", texts=["No.", "Yes."])
    texts.read()
    assert (
        prompts(project, "bread") == prompts(project, "oasst-1742") == prompts(project, "bake time") == ["oasst-1742"]
    )


@pytest.mark.parametrize("letters", ["y" * 3_000_000, "yes " * 800_000, "".join(f"w{n} " for n in range(400_000))])
def test_however_long_a_text_is_its_beginning_is_searched(project: Project, letters: str) -> None:
    make_prompt(
        project,
        external_id="long",
        question=f"Begins with aardvark. {letters}",
        texts=[f"Answers zebra {letters}", "b"],
    )
    make_prompt(project, external_id="short")
    texts.read()
    assert prompts(project, "aardvark zebra") == ["long"]


def test_one_project_s_search_finds_nothing_of_another(project: Project) -> None:
    other = make_project()
    make_prompt(other, external_id="theirs", question="The same words")
    make_prompt(project, external_id="ours", question="The same words")
    for each in (project, other):
        person = join(each)
        assignment = claimed(each, person)
        rankings.submit(assignment, {"tiers": tiers_of(assignment), "comment": "remarkable"})
    texts.read()
    assert prompts(project, "same") == prompts(project, "remarkable") == ["ours"]
    assert len(said(project, "same")) == len(said(project, "remarkable")) == 1


def test_rankings_are_found_by_comment_note_and_texts_at_once(project: Project) -> None:
    make_prompt(project, external_id="first", question="About whales")
    people = {name: join(project, username=name) for name in ("ada", "bo", "cy")}
    for name, comment, note in (("ada", "Both are vague", ""), ("bo", "", "The second is vague too"), ("cy", "", "")):
        assignment = claimed(project, people[name])
        tiers = tiers_of(assignment)
        notes = {tiers[0][0]: note} if note else {}
        rankings.submit(assignment, {"tiers": tiers, "comment": comment, "notes": notes})
    assert said(project, "vague") == ["ada", "bo"]
    assert prompts(project, "vague") == ["first"]
    texts.read()
    assert said(project, "whales") == ["ada", "bo", "cy"]


def test_what_was_said_in_a_replaced_ranking_leads_to_it_and_not_to_its_prompt(project: Project) -> None:
    make_prompt(project, external_id="first")
    assignment = claimed(project, join(project))
    rankings.submit(assignment, {"tiers": tiers_of(assignment), "comment": "hasty"})
    rankings.amend(assignment, {"tiers": tiers_of(assignment), "comment": "considered"})
    assert prompts(project, "hasty") == []
    assert len(said(project, "hasty")) == 1


@pytest.mark.parametrize(
    ("language", "text", "asked", "is_found"),
    [
        ("english", "He runs and ran", "running", True),
        ("english", "He runs and ran", "the runs", True),
        ("german", "Die Häuser der Straße", "Haus", True),
        ("klingon", "He runs and ran", "runs", True),  # of a server that knew more of them
    ],
)
def test_with_a_language_words_are_found_by_their_stems(
    project: Project, language: str, text: str, asked: str, is_found: bool
) -> None:
    make_prompt(project, external_id="wanted", question=text)
    texts.read()
    Project.objects.update(search_language=language)
    project.refresh_from_db()
    assert not texts.are_read()
    texts.read()
    assert prompts(project, asked) == (["wanted"] if is_found else [])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("", "nothing_asked"),
        ("?!", "nothing_asked"),
        ('""', "nothing_asked"),
        ("-only", "nothing_asked"),
        ("\0", "nothing_asked"),
        ("w " * 21, "too_long"),
        ("x" * 501, "too_long"),
        ("w " * 100_000, "too_long"),
    ],
)
def test_what_can_t_be_looked_for_is_said(project: Project, asked: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        finding.find(project, asked)
    assert refused.value.code == code


def test_a_word_that_its_language_leaves_out_is_said(project: Project) -> None:
    Project.objects.update(search_language="english")
    project.refresh_from_db()
    make_prompt(project, external_id="any")
    texts.read()
    with pytest.raises(Invalid, match="“the” stands in nearly every text"):
        finding.find(project, "the")


def test_common_words_find_the_same_by_walking(
    project: Project, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Callable
) -> None:
    for place in range(6):
        make_prompt(project, external_id=f"p{place}", question="common and rare" if place == 4 else "common")
    person = join(project)
    for comment in ("usual", "usual", "odd", "usual"):
        assignment = claimed(project, person)
        rankings.submit(assignment, {"tiers": tiers_of(assignment), "comment": comment})
    texts.read()
    few = {asked: (prompts(project, asked), said(project, asked)) for asked in ("common", "rare", "usual", "odd", "no")}
    monkeypatch.setattr(finding, "MOST", 0)
    assert finding.find(project, "common").is_common
    many = {asked: (prompts(project, asked), said(project, asked)) for asked in few}
    assert many == few
    assert len(few["common"][0]) == 6
    assert len(few["usual"][1]) == 3
