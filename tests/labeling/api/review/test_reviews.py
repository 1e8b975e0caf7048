"""Reviews by API: what waits, and each act as the pages do it; done twice, or too late, it is refused and told."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from labeling.api.review.case_rows import CaseSerializer, CaseWithTrailSerializer
from labeling.data.reviewing import acts, cases
from labeling.models import PreferencePair, Project, Prompt, Ranking, ReviewCase, Role, User
from labeling.queue import claims
from tests.factories import claimed, join, make_project, make_prompt, make_user, rank
from tests.labeling.api.client import as_user, errors_of
from tests.threads import at_once

BASE = "/api/v1/projects/work/reviews/"
ACTS: dict[str, dict[str, object]] = {
    "decide/": {"tiers": []}, "decide-as/": {"ranking": 0}, "send-back/": {"ranking": 0, "reason": "Look."},
    "put-back/": {}, "discard/": {"reason": "Spam."}, "leave/": {},
}  # fmt: skip


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(slug="work", overlap=2)
    make_prompt(project, k=3, external_id="q 1", question="What is a podium?", split="train")
    return project


@pytest.fixture
def ann(project: Project) -> User:
    return join(project, username="ann")


@pytest.fixture
def case(project: Project, ann: User) -> ReviewCase:
    """Ann and Bob disagree."""
    rank(project, ann, [1, 2, 3])
    rank(project, join(project, username="bob"), [3, 2, 1])
    return cases.cases_of(project).get()


@pytest.fixture
def reviewer(project: Project) -> User:
    return join(project, Role.REVIEWER, username="rita")


@pytest.fixture
def client(reviewer: User) -> APIClient:
    return as_user(reviewer)


def results(client: APIClient, query: str = "") -> list[dict[str, Any]]:
    response = client.get(BASE + query)
    assert response.status_code == 200, response.json()
    rows: list[dict[str, Any]] = response.json()["results"]
    return rows


def act(client: APIClient, case: ReviewCase, name: str, body: object = None) -> Any:
    return client.post(f"{BASE}{case.pk}/{name}", {} if body is None else body)


def trail(client: APIClient, case: ReviewCase) -> list[tuple[str, str | None, str]]:
    return [(each["act"], each["by"], each["reason"]) for each in client.get(f"{BASE}{case.pk}/").json()["trail"]]


class TestLists:
    def test_what_waits_is_listed_oldest_first_and_narrowed(
        self, project: Project, case: ReviewCase, client: APIClient
    ) -> None:
        make_prompt(project, external_id="q2")
        claims.cannot_rank(claimed(project, join(project)), "Broken")
        [first, second] = results(client)
        assert (first["id"], first["external_id"], first["reason"]) == (case.pk, "q 1", "disagreement")
        assert (second["reason"], second["state"], second["outcome"]) == ("cannot_rank", "open", None)
        assert [row["id"] for row in results(client, "?reason=disagreement")] == [case.pk]
        assert [row["id"] for row in results(client, "?prompt=q%201")] == [case.pk]
        assert results(client, "?state=closed") == results(client, "?prompt=q3") == []
        act(client, case, "leave/")
        [closed] = results(client, "?state=closed&reason=disagreement")
        assert (closed["outcome"], closed["closed_at"] > closed["opened_at"]) == ("left", True)

    def test_a_page_is_followed_by_the_next(self, project: Project, client: APIClient) -> None:
        opened = [cases.open_case(make_prompt(project), ReviewCase.Reason.ASKED).pk for _ in range(5)]
        query, seen = "?page_size=2", []
        while query:
            page = client.get(BASE + query).json()
            seen += [row["id"] for row in page["results"]]
            query = f"?{page['next'].partition('?')[2]}" if page["next"] else ""
        assert seen == opened

    @pytest.mark.parametrize(("query", "code"), [("?state=done", "unknown_state"), ("?reason=x", "unknown_reason")])
    def test_a_word_that_is_none_is_refused(self, client: APIClient, query: str, code: str) -> None:
        answer = client.get(BASE + query)
        assert (answer.status_code, errors_of(answer)) == (400, [(code, query[1:].partition("=")[0])])

    def test_both_are_what_the_document_declares(self, case: ReviewCase, client: APIClient) -> None:
        assert list(results(client)[0]) == list(CaseSerializer().fields)
        one = client.get(f"{BASE}{case.pk}/").json()
        assert list(one) == list(CaseWithTrailSerializer().fields)
        assert {row["labeler"] for row in one["rankings"]} == {"ann", "bob"}
        assert list(one["trail"][0]) == ["act", "by", "reason", "what", "labeler", "whom", "ranking", "at"]

    def test_a_list_and_a_case_cost_the_same_for_more(
        self, project: Project, case: ReviewCase, client: APIClient
    ) -> None:
        def cost(path: str) -> int:
            with CaptureQueriesContext(
                connection,
            ) as statements:
                client.get(path)
            return len(statements)

        few = cost(BASE), cost(f"{BASE}{case.pk}/")
        for _ in range(20):
            cases.open_case(make_prompt(project), ReviewCase.Reason.ASKED)
        for word in range(20):
            acts.note(case, acts.Act.LEFT, join(project), f"{word}")
        assert (cost(BASE), cost(f"{BASE}{case.pk}/")) == few
        assert max(few) <= 8


class TestActs:
    def test_a_reviewer_decides_by_a_blind_task_of_their_own(
        self, project: Project, case: ReviewCase, client: APIClient, reviewer: User
    ) -> None:
        task = act(client, case, "task/").json()
        assert act(client, case, "task/").json() == task
        assert "secret-model" not in str(task)
        assert set(task) == {
            *(
                "id",
                "prompt",
                "completions",
                "flags",
                "ask_strength",
                "ask_acceptable",
                "ask_reasons",
                "justification",
                "ask_rewrite",
                "top_k",
            ),
            "attributes",
        }
        ids = [shown["id"] for shown in task["completions"]]
        answer = act(client, case, "decide/", {"tiers": [[name] for name in ids], "reason": "By the guidelines."})
        assert (answer.status_code, answer.json()["pairs"], answer.json()["ties"]) == (201, 3, 0)
        [standing] = Ranking.objects.filter(live=True)
        assert (standing.pk, standing.labeler) == (answer.json()["id"], reviewer)
        assert set(PreferencePair.objects.values_list("ranking", flat=True)) == {standing.pk}
        assert trail(client, case)[1:] == [("decided", "rita", "By the guidelines.")]
        again = act(client, case, "decide/", {"tiers": [[name] for name in ids]})
        assert (again.status_code, errors_of(again)) == (409, [("case_closed", None)])
        assert "decided, by rita" in again.json()["errors"][0]["detail"]

    def test_or_as_a_person_ranked_it(self, case: ReviewCase, client: APIClient, ann: User) -> None:
        hers = Ranking.objects.get(labeler=ann)
        answer = act(client, case, "decide-as/", {"ranking": hers.pk, "reason": "She is right."})
        assert (answer.status_code, answer.json()["pairs"]) == (201, 3)
        assert errors_of(act(client, case, "decide-as/", {"ranking": hers.pk})) == [("case_closed", None)]

    def test_an_answer_is_sent_back_once(
        self, project: Project, case: ReviewCase, client: APIClient, ann: User
    ) -> None:
        body = {"ranking": Ranking.objects.get(labeler=ann).pk, "reason": "Look at B."}
        said = act(client, case, "send-back/", body).json()
        assert (said["state"], said["awaits"]) == ("sent_back", "ann")
        assert said["trail"][-1]["labeler"] == "ann"
        again = act(client, case, "send-back/", body)
        assert (again.status_code, errors_of(again)) == (409, [("sent_back", None)])
        assert len(trail(client, case)) == 2
        assert results(client) == []
        assert [row["awaits"] for row in results(client, "?state=sent_back")] == ["ann"]
        assert act(client, case, "leave/").json()["outcome"] == "left"  # it goes on without the answer

    @pytest.mark.parametrize(
        ("name", "body", "outcome"),
        [("put-back/", {}, "put_back"), ("discard/", {"reason": "Spam."}, "discarded"), ("leave/", {}, "left")],
    )
    def test_each_of_the_others_closes_it_once(
        self, project: Project, client: APIClient, name: str, body: dict[str, str], outcome: str
    ) -> None:
        claims.cannot_rank(claimed(project, join(project)), "Broken")
        case = cases.cases_of(project).get()
        answer = act(client, case, name, body)
        assert (answer.status_code, answer.json()["outcome"], answer.json()["state"]) == (200, outcome, "closed")
        again = act(client, case, name, body)
        assert (again.status_code, errors_of(again)) == (409, [("case_closed", None)])
        assert [said for said, *_ in trail(client, case)] == ["opened", outcome]

    def test_a_reason_is_needed_where_a_labeler_or_a_manager_asks_why(
        self, case: ReviewCase, client: APIClient, ann: User
    ) -> None:
        hers = Ranking.objects.get(labeler=ann).pk
        for name, body in (("discard/", {}), ("send-back/", {"ranking": hers}), ("discard/", {"reason": " "})):
            assert errors_of(act(client, case, name, body)) == [("reason_required", "reason")]
        assert errors_of(act(client, case, "leave/", {"reason": "x" * 1001})) == [("max_length", "reason")]
        assert errors_of(act(client, case, "decide/", {"tiers": [], "reason": 5})) == [("invalid", "reason")]
        assert ReviewCase.objects.get().state == "open"

    def test_a_ranking_of_another_prompt_is_none(
        self, project: Project, case: ReviewCase, client: APIClient, ann: User
    ) -> None:
        make_prompt(project)
        other = rank(project, ann).pk
        for name, body in (("decide-as/", {"ranking": other}), ("send-back/", {"ranking": other, "reason": "Look."})):
            assert errors_of(act(client, case, name, body)) == [("unknown_ranking", "ranking")]

    def test_who_ranked_it_does_not_decide_it(self, project: Project, case: ReviewCase, ann: User) -> None:
        project.memberships.filter(user=ann).update(role=Role.REVIEWER)
        hers = Ranking.objects.get(labeler=ann).pk
        for name, body in (("task/", None), ("decide/", {"tiers": [["x"]]}), ("decide-as/", {"ranking": hers})):
            answer = act(as_user(ann), case, name, body)
            assert (answer.status_code, errors_of(answer)) == (409, [("own_ranking", None)])

    def test_a_look_is_asked_for_once(self, project: Project, client: APIClient) -> None:
        first, second = (client.post(BASE, {"prompt": "q 1"}) for _ in range(2))
        assert (first.status_code, first.json()["reason"]) == (200, "asked")
        assert second.json() == first.json()
        assert errors_of(client.post(BASE, {"prompt": "q2"})) == [("unknown_prompt", "prompt")]


class TestWho:
    @pytest.fixture
    def others(self, project: Project, ann: User) -> dict[str, tuple[User | None, int]]:
        elsewhere = make_project(slug="other").created_by
        return {"ann": (ann, 403), "stranger": (make_user(), 404), "other": (elsewhere, 404), "nobody": (None, 401)}

    def test_no_address_is_for_anybody_else(
        self, project: Project, case: ReviewCase, others: dict[str, tuple[User | None, int]]
    ) -> None:
        for person, status in others.values():
            api = as_user(person)
            said = [api.get(BASE), api.get(f"{BASE}{case.pk}/"), api.post(BASE, {"prompt": "q 1"})]
            said += [act(api, case, name, body) for name, body in {"task/": {}, **ACTS}.items()]
            assert [each.status_code for each in said] == [status] * len(said)
            assert not any(name in each.content.decode() for each in said for name in ("bob", "disagreement"))
        assert ReviewCase.objects.get().state == "open"

    @pytest.mark.parametrize("who", ["manager", "administrator"])
    def test_a_manager_and_an_administrator_decide_too(self, project: Project, case: ReviewCase, who: str) -> None:
        person = project.created_by if who == "manager" else make_user(superuser=True)
        client = as_user(person)
        ids = [shown["id"] for shown in act(client, case, "task/").json()["completions"]]
        assert act(client, case, "decide/", {"tiers": [ids]}).status_code == 201

    def test_a_case_is_its_own_projects(self, project: Project, case: ReviewCase) -> None:
        other = make_project(slug="other").created_by
        here = "/api/v1/projects/other/reviews/"
        for key in (case.pk, case.pk + 1, 0, 2**63, 10**25):
            assert as_user(other).get(f"{here}{key}/").status_code == 404
            assert as_user(other).post(f"{here}{key}/leave/").status_code == 404


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_two_at_once_one_wins_and_the_other_is_told(self, project: Project, case: ReviewCase) -> None:
        first, second = (as_user(join(project, Role.REVIEWER, username=name)) for name in ("rita", "rolf"))
        hers = Ranking.objects.get(labeler__username="ann").pk
        answers = at_once(
            [partial(act, first, case, "leave/"), partial(act, second, case, "decide-as/", {"ranking": hers})]
        )
        [refused] = [each for each in answers if each.status_code == 409]
        [done] = [each for each in answers if each.status_code in (200, 201)]
        assert errors_of(refused) == [("case_closed", None)]
        stood = ReviewCase.objects.get()
        assert stood.outcome == ("left" if done.status_code == 200 else "decided")
        assert Prompt.objects.get().rankings.filter(live=True).count() == (2 if stood.outcome == "left" else 1)
        assert stood.acts.count() == 2


class TestReviewers:
    def test_are_named_and_get_what_comes(self, project: Project, case: ReviewCase, client: APIClient) -> None:
        join(project, Role.REVIEWER, "max")
        manager, address = as_user(cast(User, project.created_by)), "/api/v1/projects/work/reviewers/"
        named = manager.put(address, {"reviewers": ["max"]}, format="json").json()["reviewers"]
        assert [(each["username"], each["takes_cases"], each["waiting"]) for each in named if each["takes_cases"]] == [
            ("max", True, 0)
        ]
        make_prompt(project, external_id="second")
        made = manager.post(BASE, {"prompt": "second"}, format="json").json()
        assert (made["reviewer"], made["trail"][0]["whom"]) == ("max", "max")
        assert [row["external_id"] for row in results(client, "?whose=nobodys")] != ["second"]
        refused = client.post(f"{BASE}{made['id']}/leave/", {}, format="json")
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "case_reserved")
        again = client.put(address, {"reviewers": []}, format="json")
        assert again.status_code == 403

    def test_a_case_is_reserved_and_given_back(self, case: ReviewCase, client: APIClient) -> None:
        address = f"{BASE}{case.pk}/reserve/"
        name = results(client)[0]["reviewer"]
        assert name is None
        mine = client.post(address, {"reviewer": "rita"}, format="json").json()
        assert (mine["reviewer"], mine["trail"][-1]["act"], mine["trail"][-1]["whom"]) == ("rita", "reserved", "rita")
        assert [row["id"] for row in results(client, "?whose=mine")] == [case.pk]
        assert client.post(address, {"reviewer": None}, format="json").json()["reviewer"] is None
        assert results(client, "?whose=mine") == []

    @pytest.mark.parametrize(
        "sent", [{}, {"reviewer": "ann"}, {"reviewer": 7}, {"reviewer": ["rita"]}, {"who": "rita"}]
    )
    def test_a_wrong_one_is_refused(self, case: ReviewCase, client: APIClient, sent: dict[str, object]) -> None:
        refused = client.post(f"{BASE}{case.pk}/reserve/", sent, format="json")
        assert refused.status_code == 400
        assert cases.find_case(case.project, case.pk).reviewer is None
