"""Rankings that the champion is confidently against: which, how many at once, once each; what reviewers see of it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.data.importing import imports
from labeling.data.reviewing import acts, cases, decisions
from labeling.errors import Invalid
from labeling.models import Project, Prompt, Ranking, ReviewCase, Role, User
from labeling.projects.projects import update_project
from rewardtrain import tasks
from rewardtrain.evidence.labels.against import against as labels_against
from rewardtrain.models import PromptScore, RewardModel
from rewardtrain.monitoring import contradictions
from rewardtrain.monitoring.settled import Ids
from rewardtrain.registry import champions
from tests import factories
from tests.factories import join, make_project, make_prompt, rank, tiers_of
from tests.labeling.api.client import as_user
from tests.labeling.views.test_prompts import words
from tests.reports import draw_flag_report
from tests.rewardtrain.conftest import make_model, make_report, make_version, rank_prompts, score_prompt

AGAINST, UNSURE, WITH = [0.0, 4.0], [0.0, 2.0], [4.0, 0.0]  # log-odds 4 are 0.982, 2 are 0.881


@pytest.fixture
def champion(project: Project) -> RewardModel:
    rank_prompts(project, train=2, test=1, validation=1)
    model = make_model(project, make_report(accuracy=0.8, interval=(0.7, 0.9)))
    return champions.promote(model, by=None, reason="to have one", past_gate=True)


@pytest.fixture
def ann(project: Project) -> User:
    return join(project, username="ann")


@pytest.fixture
def reviewer(project: Project) -> User:
    return join(project, Role.REVIEWER, "rita")


def ranked(project: Project, labeler: User, n: int = 1) -> list[Ranking]:
    """So many new prompts, on which the first completion was put first."""
    for _ in range(n):
        make_prompt(project, split="train", texts=("one", "two"))
    return [rank(project, labeler, (1, 2)) for _ in range(n)]


def look() -> list[int]:
    """Looks, and gives the prompts of which a case is open for it."""
    contradictions.look()
    opened = ReviewCase.objects.filter(reason="champion", state="open").order_by("pk")
    return list(opened.values_list("prompt", flat=True))


def test_where_it_is_sure_of_the_other_order_a_case_says_so(project: Project, champion: RewardModel, ann: User) -> None:
    against, unsure, agreeing, unscored = ranked(project, ann, 4)
    for ranking, rewards in ((against, AGAINST), (unsure, UNSURE), (agreeing, WITH)):
        score_prompt(champion, ranking.prompt, rewards)
    assert look() == [against.prompt_id]
    case = ReviewCase.objects.get(reason="champion")
    better, worse = against.prompt.completions.order_by("position")
    assert case.evidence == {
        "model": 1, "ranking": against.pk, "chosen": better.pk, "rejected": worse.pk,
        "probability": pytest.approx(0.982, abs=1e-3), "reward_gap": 4.0,
    }  # fmt: skip
    score_prompt(champion, unscored.prompt, AGAINST)
    assert look() == [against.prompt_id, unscored.prompt_id]


def test_a_ranking_of_what_was_scored_before_is_looked_at_too(
    project: Project, champion: RewardModel, ann: User
) -> None:
    prompt = make_prompt(project, split="train", texts=("one", "two"))
    score_prompt(champion, prompt, AGAINST)
    assert look() == []
    rank(project, ann, (1, 2))
    assert look() == [prompt.pk]


def test_of_a_prompt_it_is_the_pair_that_it_is_surest_of(project: Project, champion: RewardModel, ann: User) -> None:
    prompt = make_prompt(project, split="train", k=3)
    ranking = rank(project, ann, (1, 2, 3))
    score_prompt(champion, prompt, [0.0, 5.0, 9.0])
    look()
    first, _second, third = prompt.completions.order_by("position")
    said = ReviewCase.objects.get(reason="champion").evidence
    assert said is not None
    assert (said["ranking"], said["chosen"], said["rejected"], said["reward_gap"]) == (
        ranking.pk, first.pk, third.pk, 9.0,
    )  # fmt: skip


def test_what_it_learnt_from_is_none(project: Project, champion: RewardModel, ann: User) -> None:
    """Neither a ranking of its version, nor a newer one of a prompt that is the same; and no imported one."""
    for prompt in project.prompts.all():
        score_prompt(champion, prompt, [0.0, 3.0, 6.0, 9.0])
    learnt = project.prompts.filter(split="train").earliest("pk")
    asked, texts = learnt.messages[0]["content"], [each.text for each in learnt.completions.order_by("position")]
    twin = make_prompt(project, question=asked, texts=texts, split="train")
    rank(project, ann)
    score_prompt(champion, twin, [0.0, 3.0, 6.0, 9.0])
    row = b'{"id": "x", "prompt": "?", "completions": [{"text": "a"}, {"text": "b"}], '
    imports.import_lines(project, [row + b'"rankings": [{"labeler": "z", "ranks": [1, 2]}]}'])
    score_prompt(champion, project.prompts.get(external_id="x"), AGAINST)
    assert look() == []


def test_so_many_are_open_at_once_and_the_others_follow(
    project: Project, champion: RewardModel, ann: User, reviewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contradictions, "MOST_OPEN", 3)
    monkeypatch.setattr(contradictions, "AT_ONCE", 2)
    keys = [ranking.prompt_id for ranking in ranked(project, ann, 7)]
    for prompt in Prompt.objects.filter(pk__in=keys).order_by("pk"):
        score_prompt(champion, prompt, AGAINST)
    assert look() == look() == keys[:3]
    for case in cases.cases_of(project, reason="champion")[:2]:
        acts.leave(case, by=reviewer)
    assert look() == keys[2:5]
    for case in cases.cases_of(project, reason="champion"):
        acts.leave(case, by=reviewer)
    assert look() == keys[5:]
    assert ReviewCase.objects.filter(reason="champion").count() == 7


def test_a_ranking_is_brought_once_whatever_model_comes_next(
    project: Project, champion: RewardModel, ann: User, reviewer: User
) -> None:
    [ranking] = ranked(project, ann)
    score_prompt(champion, ranking.prompt, AGAINST)
    look()
    acts.leave(cases.cases_of(project).get(), by=reviewer)
    RewardModel.objects.update(seen_score=0, seen_ranking=0)  # as another champion begins
    assert look() == []
    make_prompt(project)
    other = rank(project, join(project))
    assert other.prompt_id != ranking.prompt_id
    assert look() == []


def test_what_a_reviewer_decided_is_not_asked_again(
    project: Project, champion: RewardModel, ann: User, reviewer: User
) -> None:
    [ranking] = ranked(project, ann)
    case = cases.open_case(ranking.prompt, ReviewCase.Reason.ASKED)
    task = decisions.task_for(case, reviewer)
    decisions.decide(case, task, {"tiers": tiers_of(task, (1, 2))}, by=reviewer)
    score_prompt(champion, ranking.prompt, AGAINST)
    assert look() == []


def test_a_case_that_is_open_for_another_reason_says_it_too(
    project: Project, champion: RewardModel, ann: User, reviewer: User
) -> None:
    [ranking] = ranked(project, ann)
    cases.open_case(ranking.prompt, ReviewCase.Reason.ASKED, by=reviewer)
    score_prompt(champion, ranking.prompt, AGAINST)
    look()
    case = ReviewCase.objects.get()
    assert (case.reason, case.also, bool(case.evidence)) == ("champion", ["asked"], True)


def test_the_worker_looks_every_minute(project: Project, champion: RewardModel, ann: User) -> None:
    [ranking] = ranked(project, ann)
    score_prompt(champion, ranking.prompt, AGAINST)
    tasks.keep_up()
    assert ReviewCase.objects.get().reason == "champion"


def test_a_look_costs_the_same_statements_for_more_of_what_is_no_case(
    project: Project, champion: RewardModel, ann: User
) -> None:
    def cost(n: int) -> int:
        for ranking in ranked(project, ann, n):
            score_prompt(champion, ranking.prompt, WITH)
        with CaptureQueriesContext(connection) as statements:
            contradictions.look()
        return len(statements)

    assert cost(2) == cost(20) <= 17
    with CaptureQueriesContext(connection) as statements:
        contradictions.look()
    assert len(statements) == 1


def test_from_which_doubt_on_and_whether_at_all_is_the_projects(
    project: Project, champion: RewardModel, ann: User
) -> None:
    """Log-odds 2 are 0.881."""
    update_project(project, champion_percent=0)
    for ranking in ranked(project, ann, 2):
        score_prompt(champion, ranking.prompt, UNSURE)
    assert look() == []
    assert not contradictions.behind()
    update_project(project, champion_percent=89)
    contradictions._look(contradictions.behind()[0], Ids(0, 0))
    assert not ReviewCase.objects.exists()
    update_project(project, champion_percent=88)
    assert len(look()) == 2


@pytest.mark.parametrize("percent", [1, 50, 100])
def test_a_doubt_that_is_none_is_refused(project: Project, percent: int) -> None:
    with pytest.raises(Invalid) as caught:
        update_project(project, champion_percent=percent)
    assert (caught.value.code, caught.value.attr) == ("invalid", "champion_percent")


class TestAnswers:
    """Of a classification: the champion gives the other answer to the question that it was trained on."""

    @pytest.fixture
    def texts(self, transactional_db: None) -> Project:
        flags = [{"name": "hateful", "label": "Hateful"}, {"name": "spam", "label": "Spam"}]
        project = make_project(slug="texts", kind="classification", flags=flags)
        model = make_model(project, draw_flag_report(), version=make_version(project, training_pairs=0))
        champions.promote(model, by=None, reason="to have one", past_gate=True)
        return project

    @pytest.fixture
    def model(self, texts: Project) -> RewardModel:
        return RewardModel.objects.get(project=texts)

    def scored(self, model: RewardModel, ranking: Ranking, chance: float) -> None:
        """The chance is of the class that the report calls positive."""
        score = score_prompt(model, ranking.prompt, [0.0])
        PromptScore.objects.filter(pk=score.pk).update(class_probabilities=[chance])

    def test_where_it_is_sure_of_the_other_answer_a_case_says_so(self, texts: Project, model: RewardModel) -> None:
        ann = join(texts, username="ann")
        positive = model.flags is not None and model.flags["flag"]["positive"]
        said = []
        for answer, chance in ((positive, 0.03), (positive, 0.1), (positive, 0.97), (not positive, 0.97)):
            make_prompt(texts, k=1, split="train")
            ranking = factories.answer(texts, ann, hateful=answer, spam=True)
            self.scored(model, ranking, chance)
            said.append(ranking)
        assert look() == [said[0].prompt_id, said[3].prompt_id]
        case = ReviewCase.objects.earliest("pk")
        assert case.evidence == {
            "model": 1, "ranking": said[0].pk, "completion": said[0].prompt.completions.get().pk, "flag": "hateful",
            "answer": positive, "probability": pytest.approx(0.97),
        }  # fmt: skip
        rita = join(texts, Role.REVIEWER, "rita")
        page = Client()
        page.force_login(rita)
        shown = words(page.get(f"/p/texts/review/{case.pk}/"))
        assert "Model 1 is at least 97 % sure of the other answer to “Hateful”." in shown
        assert f"{'No' if positive else 'Yes'}. ann answered otherwise." in shown
        board = words(page.get(f"/p/texts/review/{case.pk}/decide/"))
        assert not any(word in board for word in ("Model 1", "97 %"))
        evidence = as_user(rita).get(f"/api/v1/projects/texts/reviews/{case.pk}/").json()["evidence"]
        assert (evidence["flag"], evidence["answer"], evidence["chosen"], evidence["reward_gap"]) == (
            "hateful", positive, None, None,
        )  # fmt: skip
        assert evidence["completion"] == str(said[0].prompt.completions.get().pk)

    def test_what_it_knows_nothing_of_is_none(self, texts: Project, model: RewardModel) -> None:
        """A score without a chance, an imported answer, one that was given before its version, one that has ended."""
        ann = join(texts, username="ann")
        for _ in range(4):
            make_prompt(texts, k=1, split="train")
        bare, recorded, before, ended = [factories.answer(texts, ann, hateful=True, spam=True) for _ in range(4)]
        score_prompt(model, bare.prompt, [0.0])
        for ranking in (recorded, before, ended):
            self.scored(model, ranking, 0.001 if model.flags and model.flags["flag"]["positive"] else 0.999)
        Ranking.objects.filter(pk=recorded.pk).update(source="imported")
        Ranking.objects.filter(pk=ended.pk).update(live=False)
        scores = {score.prompt_id: score for score in PromptScore.objects.all()}
        found = labels_against(model, scores, before.pk - 1)
        assert [prompt for prompt, _said in found] == [before.prompt_id]
        assert list(labels_against(model, scores, before.pk)) == []


class TestWhatIsSeen:
    @pytest.fixture
    def case(self, project: Project, champion: RewardModel, ann: User) -> ReviewCase:
        [ranking] = ranked(project, ann)
        score_prompt(champion, ranking.prompt, AGAINST)
        look()
        return cases.cases_of(project).get()

    @pytest.fixture
    def page(self, reviewer: User) -> Client:
        client = Client()
        client.force_login(reviewer)
        return client

    def test_the_case_names_model_gap_and_doubt(self, project: Project, case: ReviewCase, page: Client) -> None:
        said = words(page.get(f"/p/{project.slug}/review/{case.pk}/"))
        assert "Model 1 is at least 98 % sure of the other order of two completions." in said
        assert "it may be wrong: judge by the guidelines first" in said
        assert (
            "Completion 2 to completion 1, by a reward that is 4.00 higher. ann put them the other way round." in said
        )
        assert "The champion disagrees" in words(page.get(f"/p/{project.slug}/review/"))

    def test_the_board_of_the_decision_says_nothing_of_it(
        self, project: Project, case: ReviewCase, page: Client
    ) -> None:
        board = page.get(f"/p/{project.slug}/review/{case.pk}/decide/")
        assert board.status_code == 200
        assert not any(word in words(board) for word in ("Model 1", "champion", "98 %", "4.00"))

    def test_an_answer_that_was_changed_since_is_told_as_that(
        self, project: Project, case: ReviewCase, page: Client
    ) -> None:
        task = Ranking.objects.get(prompt=case.prompt_id).assignment
        rankings.amend(task, {"tiers": tiers_of(task, (2, 1))})
        said = words(page.get(f"/p/{project.slug}/review/{case.pk}/"))
        assert "The answer that put them the other way round was changed or withdrawn since." in said

    def test_the_api_says_it_beside_the_case_and_not_with_the_task(
        self, project: Project, case: ReviewCase, reviewer: User
    ) -> None:
        api, at = as_user(reviewer), f"/api/v1/projects/{project.slug}/reviews/{case.pk}/"
        said = api.get(at).json()["evidence"]
        assert (said["model"], said["reward_gap"], said["chosen"].isdecimal()) == (1, 4.0, True)
        task = api.post(f"{at}task/").json()
        assert "evidence" not in task
        assert api.get(f"{at.removesuffix(f'{case.pk}/')}?reason=champion").json()["results"][0]["id"] == case.pk

    def test_a_labeler_is_told_nothing(self, project: Project, case: ReviewCase, ann: User) -> None:
        page = Client()
        page.force_login(ann)
        for address in ("/", f"/p/{project.slug}/rank/", f"/p/{project.slug}/history/"):
            assert not any(word in words(page.get(address)) for word in ("champion", "Model 1"))
