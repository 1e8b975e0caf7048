"""A prompt that nobody is left for: however that came, it is shown as that, and found."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.answers import finding_prompts
from labeling.answers.finding_prompts import PromptConditions
from labeling.models import Project, Prompt, User
from labeling.people import members
from labeling.queue import claims, skips
from tests.factories import claimed, join, make_project, make_prompt, make_user, rank, rank_next
from tests.labeling import plans
from tests.labeling.api.client import as_user

pytestmark = pytest.mark.django_db
LEFT = PromptConditions(nobody_left=True)


@pytest.fixture
def project() -> Project:
    """Ann and the manager are in it, and each prompt asks for five people."""
    return make_project(slug="work", manager=make_user("mara"), overlap=5)


@pytest.fixture
def ann(project: Project) -> User:
    return join(project, username="ann")


def found(project: Project) -> list[int]:
    rows = finding_prompts.meeting(project.prompts.all(), LEFT).order_by("pk")
    assert skips.left_to_nobody(project.prompts.values_list("pk", flat=True)) >= set(rows.values_list("pk", flat=True))
    return list(rows.values_list("pk", flat=True))


def mara(project: Project) -> User:
    return User.objects.get(username="mara")


def test_more_rankings_than_members_are_never_made(project: Project, ann: User) -> None:
    both, one = make_prompt(project), make_prompt(project)
    rank(project, ann)
    rank(project, mara(project))
    rank(project, ann)
    assert found(project) == [both.pk]
    join(project)
    assert found(project) == []
    assert one.pk not in found(project)


def test_who_left_is_not_asked_again(project: Project, ann: User) -> None:
    prompt = make_prompt(project)
    rank(project, mara(project))
    assert found(project) == []
    members.remove_member(project, username="ann")
    assert found(project) == [prompt.pk]
    other = join(project)
    User.objects.filter(pk=other.pk).update(is_active=False)
    assert found(project) == [prompt.pk]


def test_where_nobody_can_log_in_all_that_wait_are_left_to_nobody(project: Project) -> None:
    prompt = make_prompt(project)
    assert found(project) == []
    User.objects.filter(username="mara").update(is_active=False)
    assert found(project) == [prompt.pk]


def test_who_has_it_open_or_gave_it_back_is_left(project: Project, ann: User) -> None:
    prompt = make_prompt(project)
    rank(project, mara(project))
    task = claimed(project, ann)
    assert found(project) == []
    claims.release(task)
    assert found(project) == []
    claims.skip(claimed(project, ann), "not my field")
    assert found(project) == [prompt.pk]


def test_what_needs_nothing_more_is_not_found(project: Project, ann: User) -> None:
    prompts = [make_prompt(project) for _ in range(3)]
    for person in (ann, mara(project)):
        rank_next(project, person, 3)
    assert found(project) == [prompt.pk for prompt in prompts]
    done, held, _waiting = prompts
    Prompt.objects.filter(pk=done.pk).update(overlap=2)
    Prompt.objects.filter(pk=held.pk).update(held_at=held.created_at)
    assert found(project) == [prompts[2].pk]


def test_list_page_and_api_find_and_show_it(project: Project, ann: User) -> None:
    prompt, _other = make_prompt(project, external_id="stuck"), make_prompt(project, external_id="waits")
    rank(project, ann)
    rank(project, mara(project))
    client = Client()
    client.force_login(mara(project))
    shown = client.get(f"/p/work/prompts/{prompt.pk}/").content.decode()
    [address] = re.findall(r'href="([^"]*left=nobody)"', shown)
    html = client.get(address).content.decode()
    assert "nobody is left" in html
    assert f"/p/work/prompts/{prompt.pk}/" in html
    assert html.count('class="said"') <= 1
    assert "waits" not in re.sub(r"<[^>]+>", " ", html.partition('id="found"')[2])
    api = as_user(mara(project))
    listed = api.get("/api/v1/projects/work/prompts/", {"left": "nobody"}).json()["results"]
    assert [row["id"] for row in listed] == ["stuck"]
    assert api.get("/api/v1/projects/work/prompts/", {"left": "somebody"}).status_code == 400
    assert api.get("/api/v1/projects/work/prompts/", {"left": "nobody", "state": "ranked"}).json()["results"] == []


def test_an_act_on_all_of_the_list_means_these(project: Project, ann: User) -> None:
    make_prompt(project, external_id="stuck")
    make_prompt(project, external_id="waits")
    rank(project, ann)
    rank(project, mara(project))
    asked = finding_prompts.conditions_of(project, {"left": "nobody"})
    assert asked == LEFT
    names = finding_prompts.meeting(project.prompts.all(), asked).values_list("external_id", flat=True)
    assert list(names) == ["stuck"]


def test_a_look_goes_through_so_many_waiting_prompts_by_indexes(project: Project, ann: User) -> None:
    """However many assignments there are, those of each prompt are asked for and no table is made of all."""
    plans.fill(project, ann, 4_000)
    assert LEFT.needs_a_look
    assert LEFT.looked_through == finding_prompts.READ_THROUGH
    end = finding_prompts.end_of_look(project, LEFT, from_key=None, down=False)
    rows = finding_prompts.meeting(project.prompts.all(), LEFT).order_by("project_id", "pk")
    with CaptureQueriesContext(connection) as context:
        list(rows[:50])
    assert end is None
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + context[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan on labeling_assignment" not in plan
    assert "hashed SubPlan" not in plan
