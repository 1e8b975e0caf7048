"""Tags of prompts: given and taken by managers, found by lists and API, unseen by labelers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection

from labeling.answers import finding_prompts
from labeling.data.revising import erasures, tags
from labeling.errors import Invalid
from labeling.models import Project, Prompt, Role
from tests import factories
from tests.labeling.api.client import as_user as as_api_user
from tests.labeling.views.test_prompts import as_user, words

PAGE = "/p/work/prompts/"
API = "/api/v1/projects/work/"


@pytest.fixture
def project(db: None) -> Project:
    project = factories.make_project(slug="work", manager=factories.make_user("mara"))
    for n in range(4):
        factories.make_prompt(project, external_id=f"row-{n}", split="train")
    return project


def tags_of(project: Project) -> list[list[str]]:
    return list(project.prompts.order_by("pk").values_list("tags", flat=True))


def keys_of(project: Project) -> list[int]:
    return list(project.prompts.order_by("pk").values_list("pk", flat=True))


def test_the_same_twice_changes_nothing(project: Project) -> None:
    first, second, *_ = keys_of(project)
    assert tags.change(project, [first, second], add="  to   check ") == 2
    assert tags.change(project, [first], add="to check") == 0
    assert tags.change(project, [first], add="a") == 1
    assert tags_of(project)[:2] == [["a", "to check"], ["to check"]]
    assert tags.change(project, keys_of(project), remove="to check") == 2
    assert tags.change(project, keys_of(project), remove="to check") == 0


def test_a_prompt_has_so_many_and_none_is_changed_where_one_would_have_more(project: Project) -> None:
    first, second, *_ = keys_of(project)
    Prompt.objects.filter(pk=second).update(tags=[f"{n:02}" for n in range(20)])
    with pytest.raises(Invalid, match="row-1 has 20 tags"):
        tags.change(project, [first, second], add="one more")
    assert tags_of(project)[0] == []
    assert tags.change(project, [second], add="07") == 0


@pytest.mark.parametrize("tag", ["", "  ", "x" * 51, "a\0b", "a\u202eb", "\ud800"])
def test_what_is_no_tag_is_refused(project: Project, tag: str) -> None:
    with pytest.raises(Invalid):
        tags.read(tag)


def test_other_projects_prompts_stay_as_they_are(project: Project) -> None:
    other = factories.make_prompt(factories.make_project(slug="other"))
    assert tags.change(project, [other.pk], add="x") == 0


def test_a_manager_tags_what_is_chosen_and_comes_back_to_the_list(project: Project) -> None:
    manager, keys = as_user(project.created_by), keys_of(project)
    response = manager.post(f"{PAGE}?split=train", {"chosen": keys[1:3], "tag": "odd <b>", "act": "add"}, follow=True)
    assert response.redirect_chain == [(f"{PAGE}?split=train", 302)]
    assert "2 prompts have got “odd <b>”." in words(response)
    page = response.content.decode()
    assert page.count('<a class="badge" href="/p/work/prompts/?tag=odd%20%3Cb%3E">odd &lt;b&gt;</a>') == 2
    narrowed = words(manager.get(PAGE, {"tag": "odd <b>"}))
    assert ("row-1" in narrowed, "row-0" in narrowed) == (True, False)
    one = {"chosen": keys[1], "tag": "odd <b>", "act": "remove", "one": "yes"}
    response = manager.post(PAGE, one, follow=True)
    assert response.redirect_chain == [(f"{PAGE}{keys[1]}/", 302)]
    assert tags_of(project) == [[], [], ["odd <b>"], []]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"tag": "x"}, "No prompt is chosen"),
        ({"chosen": ["1", "x", "9" * 30], "tag": " "}, "A tag has 1 to 50 letters"),
    ],
)
def test_what_is_missing_is_said(project: Project, body: dict[str, object], said: str) -> None:
    assert said in words(as_user(project.created_by).post(PAGE, body, follow=True))


def test_only_managers_tag(project: Project) -> None:
    body = {"chosen": keys_of(project), "tag": "x", "act": "add"}
    doors = [factories.join(project, role) for role in (Role.REVIEWER, Role.LABELER)] + [factories.make_user()]
    assert [as_user(user).post(PAGE, body).status_code for user in doors] == [403, 403, 404]
    assert tags_of(project) == [[]] * 4
    assert b'name="chosen"' not in as_user(doors[0]).get(PAGE).content


def test_the_api_reads_and_finds_them(project: Project) -> None:
    tags.change(project, keys_of(project)[1:3], add="x")
    reviewer = as_api_user(factories.join(project, Role.REVIEWER))
    rows = reviewer.get(f"{API}prompts/?tag=x&split=train&disagreement=no").json()["results"]
    assert [(row["id"], row["tags"]) for row in rows] == [("row-1", ["x"]), ("row-2", ["x"])]
    labeler = factories.join(project)
    factories.rank_next(project, labeler, 2)
    found = reviewer.get(f"{API}rankings/?tag=x").json()["results"]
    assert [row["external_id"] for row in found] == ["row-1"]
    assert as_api_user(labeler).get(f"{API}rankings/?tag=x").status_code == 403
    assert b"?tag=" not in as_user(labeler).get("/p/work/history/").content


def test_an_erasure_takes_them(project: Project) -> None:
    prompt = project.prompts.earliest("pk")
    tags.change(project, [prompt.pk], add="about Ann")
    erasures.erase(project, prompt, confirm=prompt.external_id, by=project.created_by)
    assert tags_of(project)[0] == []


def test_a_tag_is_found_by_the_index_of_those_that_have_any(project: Project) -> None:
    rows = finding_prompts.tagged(Prompt.objects.order_by(), "x")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
        assert "prompt_tags" in rows.explain()


# --- In rows of files, in exports, and by PATCH -----------------------------------------------------------------------


def sent(project: Project, data: bytes) -> dict[str, Any]:
    api = as_api_user(project.created_by)
    answer = api.generic("POST", f"{API}prompts/", data, content_type="application/octet-stream")
    assert answer.status_code == 200, answer.json()
    said: dict[str, Any] = answer.json()
    return said


def row(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "prompt": f"{name}?", "completions": [{"text": "a"}, {"text": "b"}], **more}


def lines(*rows: dict[str, object]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in rows)


def parquet(*rows: dict[str, object]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), file)
    return file.getvalue()


def table(*rows: dict[str, object]) -> bytes:
    file = io.StringIO()
    written = csv.DictWriter(file, ["id", "prompt", "completions", "tags"])
    written.writeheader()
    written.writerows({**each, "completions": json.dumps(each["completions"])} for each in rows)
    return file.getvalue().encode()


@pytest.mark.parametrize(
    ("write", "tags_of_b"), [(lines, ["x", " to   check "]), (parquet, ["x", "to check"]), (table, "x, to check,")]
)
def test_rows_bring_tags_and_the_same_file_again_changes_nothing(
    project: Project, write: Callable[..., bytes], tags_of_b: object
) -> None:
    data = write(row("a", tags=["É", "B"] if write is not table else "É,B"), row("b", tags=tags_of_b))
    assert sent(project, data)["created"] == 2
    found = dict(project.prompts.filter(external_id__in=["a", "b"]).values_list("external_id", "tags"))
    assert found == {"a": ["B", "É"], "b": ["to check", "x"]}
    again = sent(project, data)
    assert (again["created"], again["updated"], again["skipped"]) == (0, 0, 2)


def test_tags_of_a_known_prompt_are_added_and_none_is_taken(project: Project) -> None:
    sent(project, lines(row("a", tags=["x"]), row("b"), row("c", tags=[f"{n:02}" for n in range(20)])))
    ranked = [{"labeler": "ann", "ranks": [1, 2]}]
    said = sent(
        project, lines(row("a", tags=["y"]), row("b", tags=["z"], rankings=ranked), row("c", tags=["one more"]))
    )
    assert (said["updated"], said["n_errors"], said["rankings"]) == (2, 1, 1)
    assert "would be more than 20 tags together" in said["errors"][0]["detail"]
    assert sent(project, lines(row("a"), row("c", tags=["07"])))["skipped"] == 2
    found = dict(project.prompts.filter(external_id__in=["a", "b"]).values_list("external_id", "tags"))
    assert found == {"a": ["x", "y"], "b": ["z"]}


@pytest.mark.parametrize(
    ("value", "field", "said"),
    [
        ({"a": 1}, "tags", "must be a list of words"),
        ([1], "tags[0]", "must be a text of visible letters"),
        (["x", " "], "tags[1]", "must be a text of visible letters"),
        (["a\u202eb"], "tags[0]", "must be a text of visible letters"),
        (["x\0"], "tags[0]", "NUL character"),
        (["x" * 51], "tags[0]", "51 characters long, 50 at most"),
        ([f"{n}" for n in range(21)], "tags", "a list of 21, 20 at most"),
    ],
)
def test_a_row_whose_tags_are_none_is_named(project: Project, value: object, field: str, said: str) -> None:
    answer = sent(project, lines(row("a", tags=value), row("b", tags=None)))
    [error] = answer["errors"]
    assert (answer["created"], error["field"]) == (1, field)
    assert said in error["detail"]


def test_what_a_project_exports_another_one_imports_with_its_tags(project: Project) -> None:
    sent(project, lines(row("a", tags=["x", "y"], rankings=[{"labeler": "ann", "ranks": [1, 2]}])))
    other = factories.make_project(slug="other", manager=project.created_by)
    for kind in ("jsonl", "csv", "parquet"):
        api = as_api_user(project.created_by)
        answer = api.get(f"{API}export/?what=podium&split=all&format={kind}")
        data = b"".join(answer.streaming_content)
        Prompt.objects.filter(project=other).update(tags=[])
        taken = api.generic("POST", "/api/v1/projects/other/prompts/", data, content_type="application/octet-stream")
        assert not taken.json()["errors"], taken.json()
        assert other.prompts.get().tags == ["x", "y"], kind


def test_a_patch_gives_a_prompt_just_these_tags(project: Project) -> None:
    api, prompt = as_api_user(project.created_by), project.prompts.earliest("pk")
    tags.change(project, [prompt.pk], add="old")
    answer = api.patch(f"{API}prompts/row-0/", {"tags": ["new", " to  check ", "new"]})
    assert (answer.status_code, answer.json()["tags"], answer.json()["revision"]) == (200, ["new", "to check"], 1)
    texts = {"revision": 1, "prompt": [{"role": "user", "content": "Else?"}], "tags": []}
    answer = api.patch(f"{API}prompts/row-0/", texts)
    assert (answer.json()["tags"], answer.json()["revision"]) == ([], 2)
    late = api.patch(f"{API}prompts/row-0/", texts | {"tags": ["lost"], "prompt": [{"role": "user", "content": "X?"}]})
    assert (late.status_code, tags_of(project)[0]) == (412, [])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({"tags": ["x"], "prompt": [{"role": "user", "content": "?"}]}, "required"),
        ({"tags": ["a\u202eb"]}, "bad_tag"),
        ({"tags": ["x" * 51]}, "max_length"),
        ({"tags": [f"{n}" for n in range(21)]}, "max_length"),
        ({"tags": "x"}, "not_a_list"),
    ],
)
def test_a_patch_that_says_no_tags_changes_nothing(project: Project, body: dict[str, object], code: str) -> None:
    answer = as_api_user(project.created_by).patch(f"{API}prompts/row-0/", body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)
    assert tags_of(project)[0] == []
