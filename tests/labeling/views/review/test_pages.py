"""The pages of a review, for reviewers and for the labeler to whom an answer is sent back."""

from __future__ import annotations

import html
import re
from functools import partial

import pytest
from django.http import HttpResponse
from django.test import Client

from labeling.data.reviewing import acts, cases
from labeling.models import Assignment, Project, Prompt, Ranking, ReviewCase, Role, User
from labeling.queue import claims
from tests import factories
from tests.threads import at_once

REVIEW = "/p/work/review/"


@pytest.fixture
def project(db: None) -> Project:
    project = factories.make_project(slug="work", overlap=2)
    factories.make_prompt(project, k=3, question="What is a podium?")
    return project


@pytest.fixture
def ann(project: Project) -> User:
    return factories.join(project, username="ann")


@pytest.fixture
def reviewer(project: Project) -> User:
    return factories.join(project, Role.REVIEWER, username="rita")


@pytest.fixture
def case(project: Project, ann: User) -> ReviewCase:
    factories.rank(project, ann, [1, 2, 3])
    factories.rank(project, factories.join(project, username="bob"), [3, 2, 1])
    return cases.cases_of(project).get()


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def words(response: object) -> str:
    assert isinstance(response, HttpResponse)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def act(client: Client, case: ReviewCase, act: str, **fields: object) -> HttpResponse:
    response = client.post(f"{REVIEW}{case.pk}/act/", {"act": act, **fields}, follow=True)
    assert isinstance(response, HttpResponse)
    return response


def test_the_queue_counts_by_reason_and_leads_to_the_cases(project: Project, case: ReviewCase, reviewer: User) -> None:
    factories.make_prompt(project, question="Second?")
    claims.cannot_rank(factories.claimed(project, factories.join(project)), "Broken")
    client = as_user(reviewer)
    said = words(client.get(REVIEW))
    assert "All Can't be ranked 1 People disagree 1" in said
    assert said.index("What is a podium?") < said.index("Second?")  # the oldest first
    narrowed = words(client.get(f"{REVIEW}?reason=cannot_rank"))
    assert "Second?" in narrowed
    assert "What is a podium?" not in narrowed
    assert "2 prompts wait for a review." in words(client.get("/p/work/"))
    assert "Nothing is with a labeler." in words(client.get(f"{REVIEW}?state=sent_back"))
    assert "No review is closed yet." in words(client.get(f"{REVIEW}?state=closed"))


def test_a_case_shows_all_answers_and_no_model(project: Project, case: ReviewCase, reviewer: User) -> None:
    for person in (reviewer, project.created_by):
        assert person is not None
        response = as_user(person).get(f"{REVIEW}{case.pk}/")
        said = words(response)
        assert "ann" in said
        assert "bob" in said
        assert "secret-model" not in response.content.decode()
        assert "What was done Opened People disagree just now" in said


def test_a_reviewer_decides_on_a_board_of_their_own(project: Project, case: ReviewCase, reviewer: User) -> None:
    client = as_user(reviewer)
    board = client.get(f"{REVIEW}{case.pk}/decide/")
    task = Assignment.objects.get(labeler=reviewer)
    ids = factories.ids_of(task)
    assert f'data-task="{task.pk}"' in board.content.decode()
    refused = client.post(f"{REVIEW}{case.pk}/decide/", {f"rank-{ids[0]}": 1, "reason": "Half."})
    assert (refused.status_code, b'value="Half."' in refused.content) == (422, True)
    fields = {f"rank-{name}": place for place, name in enumerate(ids, start=1)}
    response = client.post(f"{REVIEW}{case.pk}/decide/", {**fields, "reason": "So."}, follow=True)
    assert "Decided. Your ranking stands for this prompt" in words(response)
    [standing] = Ranking.objects.filter(live=True)
    assert standing.labeler == reviewer
    assert "Decided by rita just now So." in words(client.get(f"{REVIEW}{case.pk}/"))
    again = client.get(f"{REVIEW}{case.pk}/decide/", follow=True)
    assert "This case is closed already: decided, by rita." in words(again)


def test_or_as_one_of_them_ranked_it(case: ReviewCase, reviewer: User, ann: User) -> None:
    hers = Ranking.objects.get(labeler=ann)
    client = as_user(reviewer)
    assert "Choose whose answer is meant." in words(act(client, case, "decide_as"))
    assert "Decided." in words(act(client, case, "decide_as", ranking=hers.pk, reason="She is right."))
    assert Ranking.objects.get(live=True).labeler == reviewer


def test_who_ranked_it_may_not_decide_it(project: Project, case: ReviewCase, ann: User) -> None:
    project.memberships.filter(user=ann).update(role=Role.REVIEWER)
    client = as_user(ann)
    page = client.get(f"{REVIEW}{case.pk}/")
    assert "another reviewer decides it" in words(page)
    assert "/decide/" not in page.content.decode()
    assert "nobody decides about their own answer" in words(client.get(f"{REVIEW}{case.pk}/decide/", follow=True))
    hers = Ranking.objects.get(labeler=ann)
    assert "nobody decides about their own answer" in words(act(client, case, "decide_as", ranking=hers.pk))


def test_an_answer_is_sent_back_with_a_word_and_no_name(
    project: Project, case: ReviewCase, reviewer: User, ann: User
) -> None:
    hers = Ranking.objects.get(labeler=ann)
    client, page = as_user(reviewer), as_user(ann)
    refused = client.post(f"{REVIEW}{case.pk}/act/", {"act": "send_back", "ranking": hers.pk, "reason": ""})
    assert (refused.status_code, "Say why in a few words" in words(refused)) == (422, True)
    assert "Sent back." in words(act(client, case, "send_back", ranking=hers.pk, reason="Look at <b>B</b> again."))
    for address in ("rank/", "history/", f"history/{hers.assignment_id}/"):
        seen = page.get(f"/p/work/{address}")
        assert "rita" not in seen.content.decode()
        assert "bob" not in seen.content.decode()
    assert "A reviewer sent 1 of your answers back. See why" in words(page.get("/p/work/rank/"))
    assert "Sent back by a reviewer: Look at <b>B</b> again." in words(page.get("/p/work/history/"))
    edit = page.get(f"/p/work/history/{hers.assignment_id}/")
    assert "Sent back by a reviewer: Look at <b>B</b> again." in words(edit)
    fields = {f"rank-{name}": 1 for name in factories.ids_of(hers.assignment)}
    page.post(f"/p/work/history/{hers.assignment_id}/", fields)
    history = words(page.get("/p/work/history/"))
    assert "Sent back by a reviewer: Look at <b>B</b> again. You changed it." in history
    assert "Sent back to you" not in history
    assert "Answer changed by ann just now" in words(client.get(f"{REVIEW}{case.pk}/"))


def test_or_it_stays_with_a_word(case: ReviewCase, reviewer: User, ann: User) -> None:
    hers = Ranking.objects.get(labeler=ann)
    acts.send_back(case, hers, by=reviewer, words="Look again.")
    page, stays = as_user(ann), f"/p/work/history/{hers.assignment_id}/stays/"
    assert page.post(stays, {"words": " "}).status_code == 422
    assert "Your answer stays." in words(page.post(stays, {"words": "I did."}, follow=True))
    assert "Nobody awaits an answer" in words(page.post(stays, {"words": "I did."}, follow=True))
    assert "Answer stays by ann just now I did." in words(as_user(reviewer).get(f"{REVIEW}{case.pk}/"))


def test_a_superseded_answer_stays_in_its_labelers_history(case: ReviewCase, reviewer: User, ann: User) -> None:
    act(as_user(reviewer), case, "decide_as", ranking=Ranking.objects.get(labeler__username="bob").pk)
    history = as_user(ann).get("/p/work/history/")
    assert "A reviewer decided this prompt since. Your answer stays as a record." in words(history)
    assert "earlier revision" not in words(history)
    assert "history_edit" not in history.content.decode()
    assert "rita" not in history.content.decode()


def test_who_comes_second_is_told(case: ReviewCase, reviewer: User) -> None:
    acts.leave(case, by=reviewer)
    client = as_user(reviewer)
    for name in ("leave", "discard"):
        response = client.post(f"{REVIEW}{case.pk}/act/", {"act": name, "reason": "Spam."})
        assert response.status_code == 409
        assert "This case is closed already: left as it is, by rita." in words(response)
    assert client.post(f"{REVIEW}{case.pk}/act/", {"act": "nothing"}).status_code == 404


def test_put_back_discarded_left(project: Project, reviewer: User) -> None:
    client = as_user(reviewer)
    for name, said in (("put_back", "Put back into the queue."), ("leave", "Left as it is."), ("discard", "Discarded")):
        factories.make_prompt(project)
        claims.cannot_rank(factories.claimed(project, factories.join(project)), "Broken")
        assert said in words(act(client, cases.cases_of(project).get(), name, reason="So."))
    assert "left as it is" in words(client.get(f"{REVIEW}?state=closed"))


def test_a_reviewer_asks_for_a_review_of_any_prompt(project: Project, reviewer: User) -> None:
    prompt, client = Prompt.objects.get(), as_user(reviewer)
    for _twice in range(2):
        response = client.post(f"/p/work/prompts/{prompt.pk}/review/", follow=True)
        assert "A reviewer asked" in words(response)
    assert "In review: A reviewer asked" in words(client.get(f"/p/work/prompts/{prompt.pk}/"))
    assert ReviewCase.objects.count() == 1


def test_each_door_is_for_reviewers_and_of_its_own_project(project: Project, case: ReviewCase, ann: User) -> None:
    other = factories.make_project(slug="other")
    manager, stranger = project.created_by, factories.make_user()
    assert manager is not None
    assert other.created_by is not None
    pages = [REVIEW, f"{REVIEW}{case.pk}/", f"{REVIEW}{case.pk}/decide/"]
    posts = [f"{REVIEW}{case.pk}/act/", f"/p/work/prompts/{case.prompt_id}/review/"]
    for person, status in ((ann, 403), (stranger, 404), (other.created_by, 404)):
        client = as_user(person)
        assert [client.get(page).status_code for page in pages] == [status] * 3
        assert [client.post(page, {"act": "leave"}).status_code for page in posts] == [status] * 2
    assert [as_user(manager).get(page).status_code for page in pages] == [200] * 3
    stranger_here = as_user(other.created_by)
    assert stranger_here.get(f"/p/other/review/{case.pk}/").status_code == 404
    assert Client().get(REVIEW).status_code == 302
    assert ReviewCase.objects.get().state == "open"


def test_the_home_page_of_whom_it_was_sent_to_says_so_and_nobody_else_s(
    project: Project, case: ReviewCase, ann: User, reviewer: User
) -> None:
    hers = Ranking.objects.get(labeler=ann)
    acts.send_back(case, hers, by=reviewer, words="Look at B again.")
    said = as_user(ann).get("/")
    assert "Sent back to you What is a podium? Sent back by a reviewer: Look at B again." in words(said)
    assert f"/p/work/history/{hers.assignment_id}/" in said.content.decode()
    assert "rita" not in words(said)
    for other in ("bob", "rita"):
        assert "Look at B again." not in words(as_user(User.objects.get(username=other)).get("/"))


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_once_one_wins_and_the_other_reads_what_happened(case: ReviewCase, reviewer: User) -> None:
    rolf = factories.join(case.project, Role.REVIEWER, username="rolf")
    hers = Ranking.objects.get(labeler__username="ann").pk
    answers = at_once(
        [
            partial(act, as_user(reviewer), case, "leave"),
            partial(act, as_user(rolf), case, "decide_as", ranking=hers, reason="She is right."),
        ]
    )
    said = [words(answer) for answer in answers]
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    outcome = ReviewCase.objects.get().outcome
    winner = "left as it is, by rita" if outcome == "left" else "decided, by rolf"
    [told] = [each for each in said if "Nothing was changed" in each]
    assert f"This case is closed already: {winner}. Nothing was changed." in told
    assert Ranking.objects.filter(live=True).count() == (2 if outcome == "left" else 1)


class TestNamedReviewers:
    def test_a_manager_names_them_on_the_queue(self, project: Project, reviewer: User, case: ReviewCase) -> None:
        manager = as_user(project.created_by)  # type: ignore[arg-type]
        assert "Who reviews" in words(manager.get(REVIEW))
        said = words(manager.post(f"{REVIEW}reviewers/", {"reviewer": ["rita"]}, follow=True))
        assert "New reviews go to rita, in equal shares." in said
        factories.make_prompt(project, question="Second?")
        claims.cannot_rank(factories.claimed(project, factories.join(project)), "Broken")
        hers = words(as_user(reviewer).get(REVIEW))  # by default what is hers to decide
        assert "Second?" in hers
        assert "for you" in hers
        assert "What is a podium?" not in hers
        assert "All Can't be ranked 1 Prompt" in hers
        assert "All 2 Yours 1 Any reviewer's 1" in hers
        nobodys = words(as_user(reviewer).get(f"{REVIEW}?whose=nobodys"))
        assert "What is a podium?" in nobodys
        assert "Second?" not in nobodys
        assert "for rita" in words(manager.get(REVIEW))
        said = words(manager.post(f"{REVIEW}reviewers/", {}, follow=True))
        assert "New reviews are any reviewer's." in said
        assert "rita reviews nothing" not in said

    def test_a_wrong_name_changes_nothing(self, project: Project, case: ReviewCase) -> None:
        manager = as_user(project.created_by)  # type: ignore[arg-type]
        said = words(manager.post(f"{REVIEW}reviewers/", {"reviewer": ["ann"]}, follow=True))
        assert "ann reviews nothing here: name a reviewer or a manager of this project." in said

    def test_a_case_is_taken_handed_on_and_left_alone_by_others(
        self, project: Project, reviewer: User, case: ReviewCase
    ) -> None:
        client, other = as_user(reviewer), as_user(factories.join(project, Role.REVIEWER, username="max"))
        assert "Any reviewer may decide this." in words(client.get(f"{REVIEW}{case.pk}/"))
        said = words(act(client, case, "reserve", reviewer="rita"))
        assert "Reserved for you. Nobody else decides it." in said
        seen = words(other.get(f"{REVIEW}{case.pk}/"))
        assert "Reserved for rita. They or a manager can hand it on." in seen
        assert "What becomes of it" not in seen
        late = other.post(f"{REVIEW}{case.pk}/act/", {"act": "leave"})
        assert (late.status_code, "reserved for rita" in words(late)) == (409, True)
        assert "reserved for rita" in words(other.get(f"{REVIEW}{case.pk}/decide/", follow=True))
        assert "Reserved for max." in words(act(client, case, "reserve", reviewer="max"))
        assert "Any reviewer may decide it now." in words(act(other, case, "reserve", reviewer=""))
        trail = words(client.get(f"{REVIEW}{case.pk}/"))
        assert re.search(r"Reserved for rita by rita .* Reserved for max by rita .* from max by max", trail)
        assert "Nobody else" not in words(act(other, case, "leave"))
        assert case.acts.count() == 5
