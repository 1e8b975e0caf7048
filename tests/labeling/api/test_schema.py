"""The OpenAPI document and the page that shows it."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from tests.labeling.api.client import as_user

FIXED = {
    "/api/v1/projects/": {"get", "post"},
    "/api/v1/projects/{slug}/": {"get", "patch", "delete"},
    "/api/v1/projects/{slug}/pause/": {"post"},
    "/api/v1/projects/{slug}/resume/": {"post"},
    "/api/v1/deletions/": {"get"},
    "/api/v1/accounts/{username}/": {"get"},
    "/api/v1/accounts/{username}/deactivate/": {"post"},
    "/api/v1/accounts/{username}/erase/": {"post"},
    "/api/v1/accounts/{username}/reactivate/": {"post"},
    "/api/v1/projects/{slug}/members/": {"get", "post"},
    "/api/v1/projects/{slug}/members/{username}/": {"delete"},
    "/api/v1/projects/{slug}/people/": {"get"},
    "/api/v1/projects/{slug}/people/{person}/": {"get"},
    "/api/v1/projects/{slug}/people/{person}/withdraw/": {"post"},
    "/api/v1/projects/{slug}/people/{person}/resume/": {"post"},
    "/api/v1/projects/{slug}/people/{person}/qualification/": {"post"},
    "/api/v1/projects/{slug}/cohorts/": {"get", "post"},
    "/api/v1/projects/{slug}/cohorts/{cohort}/": {"get", "patch", "delete"},
    "/api/v1/projects/{slug}/golds/": {"get", "post"},
    "/api/v1/projects/{slug}/golds/{external_id}/": {"delete"},
    "/api/v1/projects/{slug}/people/{person}/restore/": {"post"},
    "/api/v1/projects/{slug}/invitations/": {"get", "post"},
    "/api/v1/projects/{slug}/invitations/links/": {"post"},
    "/api/v1/projects/{slug}/invitations/{invitation}/": {"delete"},
    "/api/v1/projects/{slug}/invitations/{invitation}/renew/": {"post"},
    "/api/v1/projects/{slug}/prompts/": {"get", "post"},
    "/api/v1/projects/{slug}/prompts/{external_id}/": {"get", "patch", "delete"},
    "/api/v1/projects/{slug}/imports/": {"get", "post"},
    "/api/v1/projects/{slug}/imports/{number}/": {"get"},
    "/api/v1/projects/{slug}/imports/{number}/pause/": {"post"},
    "/api/v1/projects/{slug}/imports/{number}/resume/": {"post"},
    "/api/v1/projects/{slug}/imports/{number}/cancel/": {"post"},
    "/api/v1/projects/{slug}/imports/{number}/undo/": {"post"},
    "/api/v1/projects/{slug}/imports/{number}/bad-lines/": {"get"},
    "/api/v1/projects/{slug}/prompts/withdraw/": {"post"},
    "/api/v1/projects/{slug}/prompts/restore/": {"post"},
    "/api/v1/projects/{slug}/views/": {"get", "post"},
    "/api/v1/projects/{slug}/views/{view_id}/": {"patch", "delete"},
    "/api/v1/projects/{slug}/bulk-acts/": {"get", "post"},
    "/api/v1/projects/{slug}/bulk-acts/{number}/": {"get"},
    "/api/v1/projects/{slug}/bulk-acts/{number}/cancel/": {"post"},
    "/api/v1/projects/{slug}/assignments/next/": {"post"},
    "/api/v1/assignments/{id}/ranking/": {"post", "put"},
    "/api/v1/assignments/{id}/undo/": {"post"},
    "/api/v1/assignments/{id}/skip/": {"post", "delete"},
    "/api/v1/assignments/{id}/release/": {"post"},
    "/api/v1/assignments/{id}/draft/": {"get", "put"},
    "/api/v1/projects/{slug}/rankings/": {"get"},
    "/api/v1/projects/{slug}/reviews/": {"get", "post"},
    "/api/v1/projects/{slug}/reviews/{case}/": {"get"},
    "/api/v1/projects/{slug}/reviews/{case}/task/": {"post"},
    "/api/v1/projects/{slug}/reviews/{case}/decide/": {"post"},
    "/api/v1/projects/{slug}/reviews/{case}/decide-as/": {"post"},
    "/api/v1/projects/{slug}/reviews/{case}/send-back/": {"post"},
    "/api/v1/projects/{slug}/reviews/{case}/put-back/": {"post"},
    "/api/v1/projects/{slug}/reviews/{case}/discard/": {"post"},
    "/api/v1/projects/{slug}/reviews/{case}/leave/": {"post"},
    "/api/v1/projects/{slug}/reviews/{case}/reserve/": {"post"},
    "/api/v1/projects/{slug}/reviewers/": {"get", "put"},
    "/api/v1/projects/{slug}/agreement/": {"get"},
    "/api/v1/projects/{slug}/pairs/": {"get"},
    "/api/v1/projects/{slug}/export/": {"get"},
    "/api/v1/projects/{slug}/datasets/": {"get", "post"},
    "/api/v1/projects/{slug}/datasets/{number}/": {"get", "patch"},
    "/api/v1/projects/{slug}/datasets/{number}/folder/": {"get"},
    "/api/v1/projects/{slug}/datasets/{number}/file/": {"get"},
    "/api/v1/projects/{slug}/datasets/{number}/link/": {"get", "post"},
    "/api/v1/projects/{slug}/datasets/{number}/link/{link}/": {"delete"},
    "/api/v1/projects/{slug}/runs/": {"get", "post"},
    "/api/v1/projects/{slug}/runs/{number}/": {"get"},
    "/api/v1/projects/{slug}/runs/{number}/cancel/": {"post"},
    "/api/v1/projects/{slug}/backbones/": {"get"},
    "/api/v1/projects/{slug}/models/": {"get"},
    "/api/v1/projects/{slug}/scoring/": {"get"},
    "/api/v1/projects/{slug}/models/{version}/download/": {"get"},
    "/api/v1/projects/{slug}/models/{version}/promote/": {"post"},
    "/api/v1/projects/{slug}/models/{version}/report/": {"get"},
    "/api/v1/projects/{slug}/models/{version}/rollback/": {"post"},
    "/api/v1/projects/{slug}/models/{version}/threshold/": {"put"},
    "/api/v1/projects/{slug}/auto-labels/": {"get", "post"},
    "/api/v1/projects/{slug}/auto-labels/agreement/": {"get"},
    "/api/v1/projects/{slug}/auto-labels/{number}/": {"get"},
    "/api/v1/projects/{slug}/auto-labels/{number}/cancel/": {"post"},
    "/api/v1/projects/{slug}/best-of/": {"get", "post"},
    "/api/v1/projects/{slug}/best-of/{number}/": {"get"},
    "/api/v1/projects/{slug}/best-of/{number}/cancel/": {"post"},
    "/api/v1/projects/{slug}/best-of/{number}/result/": {"get"},
    "/api/v1/projects/{slug}/score/": {"post"},
}


def test_the_document_has_every_promised_operation_and_no_other() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    assert {path: set(operations) for path, operations in paths.items()} == FIXED


def test_the_document_is_made_without_a_warning() -> None:
    GENERATOR_STATS.reset()
    call_command("spectacular", "--fail-on-warn", "--validate", stdout=io.StringIO(), stderr=io.StringIO())
    assert not GENERATOR_STATS


def test_every_operation_says_what_a_refusal_looks_like() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    answers = [operation["responses"] for operations in paths.values() for operation in operations.values()]
    errors = {"application/json": {"schema": {"$ref": "#/components/schemas/Errors"}}}
    for answer in answers:
        refused = {code: said for code, said in answer.items() if code >= "400"}
        assert {"400", "401", "503"} <= set(refused)
        assert "default" not in answer
        assert all(said["content"] == errors for said in refused.values())
        assert "Retry-After" in answer["503"]["headers"]


def test_every_list_is_documented_as_the_page_that_it_answers() -> None:
    found = SchemaGenerator().get_schema(request=None, public=True)
    pages = {}
    for path, operations in found["paths"].items():
        schema = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        name = schema.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
        if name.startswith("Paginated"):
            pages[path] = found["components"]["schemas"][name]
    assert len(pages) == 20
    for page in pages.values():
        assert page["required"] == ["next", "previous", "results"]
        assert page["properties"]["results"]["items"].keys() == {"$ref"}


def test_a_body_is_documented_with_its_limits_and_no_other_field() -> None:
    schemas = SchemaGenerator().get_schema(request=None, public=True)["components"]["schemas"]
    fields = schemas["ProjectRequest"]["properties"]
    assert schemas["ProjectRequest"]["additionalProperties"] is False
    assert "created_at" not in fields
    assert (fields["overlap"]["minimum"], fields["overlap"]["maximum"]) == (1, 50)
    assert (fields["guidelines"]["maxLength"], fields["flags"]["maxItems"]) == (100_000, 20)
    assert schemas["SkipBodyRequest"]["required"] == schemas["ReasonRequest"]["required"] == ["reason"]


@pytest.mark.django_db
def test_the_document_is_there_for_everyone() -> None:
    assert as_user(None).get("/api/schema/").status_code == 200


@pytest.mark.django_db
def test_the_document_is_the_same_the_second_time_in_each_language_and_format() -> None:
    def asked(language: str, accept: str) -> HttpResponse:
        return as_user(None).get("/api/schema/", headers={"Accept-Language": language, "Accept": accept})

    ways = [(language, accept) for language in ("en", "de") for accept in ("application/json", "application/yaml")]
    first, second = ([asked(*way) for way in ways] for _ in range(2))
    assert [(answer.content, answer.headers["Content-Type"]) for answer in first] == [
        (answer.content, answer.headers["Content-Type"]) for answer in second
    ]
    assert len({answer.content for answer in first}) == 4
    assert {answer.status_code for answer in second} == {200}


def policy_of(response: HttpResponse) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))


@pytest.mark.django_db
def test_the_page_loosens_its_styles_and_nothing_else() -> None:
    page = Client().get("/api/docs/")
    assert page.status_code == 200
    policy, everywhere = policy_of(page), policy_of(Client().get("/accounts/login/"))
    assert policy.pop("style-src") == "'self' 'unsafe-inline'"
    assert policy.items() < everywhere.items()
    assert "<script>" not in page.content.decode()
