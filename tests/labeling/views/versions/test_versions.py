"""The pages of frozen versions, their file by ranges and by a link, tried over a socket where it matters."""

from __future__ import annotations

import hashlib
import logging
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.signing import Signer
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.data.versions import links
from labeling.data.versions.datasets import freeze, path_of
from labeling.models import DatasetVersion, Project, Role, User, VersionLink
from tests import factories
from tests.labeling.api.client import as_user as api_of
from tests.labeling.views.test_doors import as_user, people
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db

PAGE = "/p/door/versions/1/"
FILE = f"{PAGE}file/"
API_FILE = "/api/v1/projects/door/datasets/1/file/"
API_LINK = "/api/v1/projects/door/datasets/1/link/"
GETS = [
    "", "file/", "labelers/", "difference/?to=1", "difference.jsonl?to=1", "methods/", "prompts/", "prompts/0/",
    "models/",
]  # fmt: skip
POSTS = ["note/", "link/", "link/1/revoke/"]


@pytest.fixture(autouse=True)
def model_dir(tmp_path: Path) -> Iterator[Path]:
    with models_in(tmp_path / "models"):
        yield tmp_path / "models"


@pytest.fixture
def project(db: None) -> Project:
    project = factories.make_project(slug="door", overlap=2)
    for _ in range(3):
        factories.make_prompt(project, split="train")
    lena = factories.join(project, username="lena")
    factories.rank(project, lena)
    project.memberships.filter(user=lena).delete()  # whoever else is in it, a test says
    return project


@pytest.fixture
def version(project: Project) -> DatasetVersion:
    return freeze(project, by=project.created_by)


@pytest.fixture
def manager(project: Project) -> Client:
    return as_user(project.created_by)


def bytes_of(response: Any) -> bytes:
    return b"".join(response) if response.streaming else bytes(response.content)


def status_of(response: Any) -> int:
    """Reads it to its end, which closes the file."""
    bytes_of(response)
    return int(response.status_code)


def link_to(version: DatasetVersion, **options: Any) -> str:
    assert version.project.created_by is not None
    made = links.make(version, by=version.project.created_by, **{"seconds": 600, **options})
    return f"/shared/{links.token_of(made)}/"


# --- Who may --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", GETS)
def test_a_version_is_for_managers(project: Project, version: DatasetVersion, path: str) -> None:
    everyone = people(project)
    seen = {who: status_of(as_user(user).get(f"{PAGE}{path}")) for who, user in everyone.items()}
    assert seen == {"manager": 200, "administrator": 200, "reviewer": 403, "labeler": 403, "stranger": 404}
    assert Client().get(f"{PAGE}{path}").status_code == 302


@pytest.mark.parametrize("path", POSTS)
def test_only_a_manager_changes_what_is_said_of_it(project: Project, version: DatasetVersion, path: str) -> None:
    everyone = people(project)
    seen = {
        who: as_user(everyone[who]).post(f"{PAGE}{path}").status_code for who in ("reviewer", "labeler", "stranger")
    }
    assert seen == {"reviewer": 403, "labeler": 403, "stranger": 404}
    assert not VersionLink.objects.exists()


@pytest.mark.parametrize(
    ("method", "url", "manager"), [("get", API_FILE, 200), ("get", API_LINK, 200), ("post", API_LINK, 201)]
)
def test_the_api_gives_the_file_and_links_to_managers(
    project: Project, version: DatasetVersion, method: str, url: str, manager: int
) -> None:
    everyone: dict[str, User | None] = {**people(project), "nobody": None}
    body = {"seconds": 60} if method == "post" else {}
    seen = {who: status_of(getattr(api_of(user), method)(url, body)) for who, user in everyone.items()}
    assert seen == {
        "manager": manager, "administrator": manager, "reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401,
    }  # fmt: skip


NOWHERE = ["2/", "1/prompts/99/", f"1/prompts/{10**30}/", "1/difference/?to=x", "1/difference/?to=7", f"{10**30}/"]


@pytest.mark.parametrize("path", NOWHERE)
def test_what_is_not_there_is_not_found(version: DatasetVersion, manager: Client, path: str) -> None:
    assert manager.get(f"/p/door/versions/{path}").status_code == 404


# --- What they say --------------------------------------------------------------------------------------------------


def test_the_page_begins_with_a_sentence_and_has_the_whole_checksum(version: DatasetVersion, manager: Client) -> None:
    html = " ".join(manager.get(PAGE).content.decode().split())
    assert "<strong>1 prompt</strong> with 1 ranking, which make 6 pairs." in html
    assert version.sha256 in html
    assert "the test prompts too" in html
    assert "Nobody" not in html


def test_a_note_and_tags_are_kept_with_who_and_when(version: DatasetVersion, manager: Client) -> None:
    answer = manager.post(f"{PAGE}note/", {"note": " For the\r\npaper. ", "tags": "paper, pilot,, paper"}, follow=True)
    assert "Written by manager-of-door" in answer.content.decode()
    note = version.note
    assert (note.text, note.tags) == ("For the\npaper.", ["paper", "pilot"])
    assert b"pilot" in manager.get("/p/door/versions/").content
    version.refresh_from_db()
    assert hashlib.sha256(path_of(version).read_bytes()).hexdigest() == version.sha256


@pytest.mark.parametrize("form", [{"note": "x" * 5001}, {"tags": "y" * 41}, {"tags": ",".join(map(str, range(21)))}])
def test_a_note_that_is_too_long_is_refused(version: DatasetVersion, manager: Client, form: dict[str, str]) -> None:
    assert manager.post(f"{PAGE}note/", form).status_code == 422
    assert not hasattr(version, "note")


def test_a_name_in_a_note_or_a_text_is_text(project: Project, version: DatasetVersion, manager: Client) -> None:
    manager.post(f"{PAGE}note/", {"note": "<script>alert(1)</script>", "tags": "<b>x</b>"})
    for path in ("/p/door/versions/", PAGE):
        html = manager.get(path).content.decode()
        assert "<script>alert" not in html
        assert "<b>x</b>" not in html


def test_from_a_prompt_to_the_versions_that_hold_it_and_back(
    project: Project, version: DatasetVersion, manager: Client
) -> None:
    ranked, waiting = (project.prompts.filter(ranked__gt=0).get(), project.prompts.filter(ranked=0)[0])
    html = manager.get(f"/p/door/prompts/{ranked.pk}/").content.decode()
    assert f'href="{PAGE}"' in html
    found = manager.get(f"{PAGE}prompts/?id={ranked.external_id}")
    assert found["Location"] == f"{PAGE}prompts/0/"
    frozen = manager.get(f"{PAGE}prompts/0/").content.decode()
    assert f"/p/door/prompts/{ranked.pk}/" in frozen
    assert "lena" in frozen
    assert f'href="{PAGE}"' not in manager.get(f"/p/door/prompts/{waiting.pk}/").content.decode()
    none = manager.get(f"{PAGE}prompts/?id=nowhere").content.decode()
    assert "Version 1 holds no prompt with the id nowhere." in none


def test_freezing_twice_says_that_there_is_nothing_new(
    project: Project, version: DatasetVersion, manager: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """By page, by API and by command."""
    answer = manager.post("/p/door/export/freeze/", follow=True)
    assert "Nothing new since version 1" in answer.content.decode()
    assert api_of(project.created_by).post("/api/v1/projects/door/datasets/").status_code == 200
    call_command("freeze_dataset", "door")
    assert "Nothing new since version 1." in capsys.readouterr().out
    assert project.dataset_versions.count() == 1


def test_the_difference_is_a_page_and_a_part_and_a_file(
    project: Project, version: DatasetVersion, manager: Client
) -> None:
    factories.rank(project, factories.join(project))
    freeze(project)
    page = bytes_of(manager.get("/p/door/versions/2/difference/?to=1")).decode()
    part = bytes_of(manager.get("/p/door/versions/2/difference/?to=1", headers={"HX-Request": "true"})).decode()
    assert "<html" in page
    assert "<html" not in part
    for html in (page, part):
        assert "prompts added 0, removed 0, changed 1, the same 0." in " ".join(html.split())
    assert len(bytes_of(manager.get("/p/door/versions/2/difference.jsonl?to=1")).splitlines()) == 1


def test_a_lost_file_is_named_and_nothing_breaks(version: DatasetVersion, manager: Client) -> None:
    path_of(version).unlink()
    assert manager.get(FILE).status_code == 503
    assert api_of(version.project.created_by).get(API_FILE).status_code == 503
    for path in ("labelers/", "methods/"):
        assert "can&#x27;t be read" in bytes_of(manager.get(f"{PAGE}{path}")).decode()
    for path in ("prompts/", "prompts/0/"):
        assert "can&#x27;t be read" in manager.get(f"{PAGE}{path}", follow=True).content.decode()


def test_the_list_costs_the_same_for_many_versions(project: Project, version: DatasetVersion, manager: Client) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert manager.get("/p/door/versions/").status_code == 200
        return len(asked)

    few = statements()
    for number in range(2, 20):
        version.pk, version.number = None, number
        version._state.adding = True
        version.save()
    assert statements() == few


# --- The file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [FILE, API_FILE, "link"])
def test_a_file_is_given_whole_in_parts_and_not_again(project: Project, version: DatasetVersion, url: str) -> None:
    whole = path_of(version).read_bytes()
    client: Any = {FILE: as_user(project.created_by), API_FILE: api_of(project.created_by)}.get(url) or Client()
    url = link_to(version) if url == "link" else url

    def get(**headers: str) -> Any:
        return client.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})

    first = get()
    assert (first.status_code, bytes_of(first), first["Content-Length"]) == (200, whole, str(len(whole)))
    assert (first["ETag"], first["Accept-Ranges"]) == (f'"{version.sha256}"', "bytes")
    assert "door-v1.parquet" in first["Content-Disposition"]
    head = client.head(url)
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", str(len(whole)))
    rest = get(Range="bytes=100-", If_Range=first["ETag"])
    assert (rest.status_code, bytes_of(rest)) == (206, whole[100:])
    assert rest["Content-Range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
    assert bytes_of(get(Range="bytes=-7")) == whole[-7:]
    assert bytes_of(get(Range="bytes=100-", If_Range='"another"')) == whole
    beyond = get(Range=f"bytes={len(whole)}-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(whole)}")
    assert (status_of(get(If_None_Match=first["ETag"])), status_of(get(If_None_Match='"x"'))) == (304, 200)
    assert (status_of(get(If_Match=first["ETag"])), status_of(get(If_Match='"x"'))) == (200, 412)


def test_it_is_read_piece_by_piece(version: DatasetVersion, manager: Client) -> None:
    with path_of(version).open("ab") as file:
        file.truncate(3 * 2**20)
    sizes = [len(piece) for piece in manager.get(FILE)]
    assert sum(sizes) == 3 * 2**20
    assert max(sizes) <= 2**18


@pytest.mark.django_db(transaction=True)
def test_curl_goes_on_where_it_stopped(version: DatasetVersion, live_server: Any, tmp_path: Path) -> None:
    with path_of(version).open("ab") as file:
        file.truncate(2**20)
    whole = path_of(version).read_bytes()
    target = tmp_path / "v1.parquet"
    target.write_bytes(whole[: 2**19])
    url = f"{live_server.url}{link_to(version)}"
    subprocess.run(["curl", "-sS", "--fail", "-C", "-", "-o", target, url], check=True, timeout=60)
    assert target.read_bytes() == whole


# --- Links ----------------------------------------------------------------------------------------------------------


def test_a_link_works_without_a_login_and_says_so_in_the_log(
    version: DatasetVersion, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        url = link_to(version)
        assert hashlib.sha256(bytes_of(Client().get(url))).hexdigest() == version.sha256
    said = [record.getMessage() for record in caplog.records if record.name == links.__name__]
    assert [line.split(":")[0].rpartition(" ")[2] for line in said] == ["made", "used"]
    assert all("project door" in line for line in said)


@pytest.mark.parametrize("why", ["ended", "revoked", "maker left", "maker is a labeler now", "account is closed"])
def test_a_link_ends(project: Project, version: DatasetVersion, manager: Client, why: str) -> None:
    url = link_to(version)
    link = VersionLink.objects.get()
    assert project.created_by is not None
    membership = project.memberships.get(user=project.created_by)
    assert status_of(Client().get(url)) == 200
    if why == "ended":
        long_ago = timezone.now() - timedelta(days=9)
        VersionLink.objects.update(created_at=long_ago, expires_at=long_ago + timedelta(days=1))
    elif why == "revoked":
        for _ in range(2):
            assert manager.post(f"{PAGE}link/{link.pk}/revoke/").status_code == 302
    elif why == "maker left":
        membership.delete()
    elif why == "maker is a labeler now":
        membership.role = Role.LABELER
        membership.save()
    else:
        User.objects.filter(pk=project.created_by.pk).update(is_active=False)
    assert Client().get(url).status_code == 410
    assert Client().head(url).status_code == 410


def test_what_nobody_signed_is_not_found_and_asks_no_database(project: Project, version: DatasetVersion) -> None:
    token = link_to(version).split("/")[2]
    other = Signer(salt="another").sign(f"{project.pk}-1-{VersionLink.objects.get().pk}")
    with CaptureQueriesContext(connection) as asked:
        for wrong in (token[:-1], token.replace("-", "-9", 1), other, "x", "1-1-1", "y" * 5000, token + "z"):
            assert Client().get(f"/shared/{wrong}/").status_code == 404
    assert not asked.captured_queries


def test_a_link_opens_its_own_version_alone(project: Project, version: DatasetVersion) -> None:
    url = link_to(version)
    factories.rank(project, factories.join(project))
    freeze(project)
    assert hashlib.sha256(bytes_of(Client().get(url))).hexdigest() == version.sha256
    signed = Signer(salt=links.SALT).sign(f"{project.pk}-2-{VersionLink.objects.get().pk}")
    assert Client().get(f"/shared/{signed}/").status_code == 410


def test_the_page_makes_a_link_and_shows_it_once(version: DatasetVersion, manager: Client) -> None:
    html = manager.post(f"{PAGE}link/", {"seconds": "3600"}).content.decode()
    [address] = [part for part in html.split('"') if part.startswith("http://testserver/shared/")]
    assert status_of(Client().get(address.removeprefix("http://testserver"))) == 200
    assert "testserver/shared/" not in manager.get(PAGE).content.decode()
    assert manager.post(f"{PAGE}link/", {"seconds": "99999999"}).status_code == 422


def test_the_api_makes_lists_and_revokes_links(project: Project, version: DatasetVersion) -> None:
    api = api_of(project.created_by)
    made = api.post(API_LINK, {"seconds": 3600}, format="json").json()
    assert [row["id"] for row in api.get(API_LINK).json()["results"]] == [made["id"]]
    path = made["url"].removeprefix("http://testserver")
    assert status_of(Client().get(path)) == 200
    for _ in range(2):
        assert api.delete(f"{API_LINK}{made['id']}/").status_code == 204
    assert Client().get(path).status_code == 410
    assert api.get(API_LINK).json()["results"] == []
    assert api.delete(f"{API_LINK}999999/").status_code == 404
    for seconds in (59, 30 * 86_400 + 1, "60", None):
        assert api.post(API_LINK, {"seconds": seconds}, format="json").status_code == 400


def test_a_project_has_so_many_links_at_once(
    version: DatasetVersion, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_OPEN", 2)
    urls = [link_to(version) for _ in range(2)]
    refused = api_of(project.created_by).post(API_LINK, {"seconds": 60}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "too_many_links")
    assert len(urls) == 2
