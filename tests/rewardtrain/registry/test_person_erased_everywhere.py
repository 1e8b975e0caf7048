"""Wherever a person's name, mail and words lie, erasing takes them, also out of frozen versions.

A person does everything that there is to do; then her name and each of her texts are looked for in every table, in
every file and in Valkey.
"""

from __future__ import annotations

import json
import logging
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import redis
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from knox.models import AuthToken

from config import logs
from config.environment import folders
from labeling.answers import rankings, saved_views
from labeling.data.leaving import erased_rows, erasure_worker, erasures
from labeling.data.reviewing import acts, cases
from labeling.data.versions import datasets, facts, notes
from labeling.errors import Conflict, Invalid
from labeling.models import (
    DatasetVersion,
    Import,
    PersonErasure,
    PreferencePair,
    Project,
    Prompt,
    Ranking,
    ReviewCase,
    Role,
    User,
)
from labeling.people import deactivation, invitations
from labeling.queue import claims
from rewardtrain.models import Evaluation
from rewardtrain.training.run_files import files_of
from tests.factories import PASSWORD, claimed, join, make_import, make_project, make_prompt, make_user, tiers_of
from tests.labeling.api.client import as_user
from tests.labeling.views.test_doors import as_user as at_desk
from tests.reports import draw_report
from tests.rewardtrain.conftest import make_model

pytestmark = pytest.mark.django_db
NAME = "Qzlena77"
MAIL, FIRST, LAST = "qzmail77@example.org", "Qzfirst77", "Qzlast77"
WORDS = ("Qzcomment77", "Qznote77", "Qzskip77", "Qzdraft77", "Qzcannot77", "Qzchanged77", "Qzreview77", "Qzview77")
TOKENS = (NAME, MAIL, FIRST, LAST, *WORDS)


@pytest.fixture
def root() -> User:
    return make_user("root", superuser=True)


@pytest.fixture
def project(model_dir: Path) -> Project:
    project = make_project(slug="helpful", overlap=2)
    for number in range(6):
        make_prompt(project, external_id=f"p{number}", split="train")
    return project


def tables_with_it() -> dict[str, list[str]]:
    """Of every table the tokens that some column of a row has, whatever the case of its letters."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            with cursor.copy(f'COPY (SELECT t::text FROM "{table}" t) TO STDOUT') as copied:
                text = b"".join(bytes(piece) for piece in copied).decode("utf-8", "replace").lower()
            if seen := [token for token in TOKENS if token.lower() in text]:
                found[table] = seen
    return found


def files_with_it(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(token.lower() in _text_of(path).lower() for token in TOKENS)
    }


def _text_of(path: Path) -> str:
    if path.suffix == ".parquet":
        return str(pq.read_table(path).to_pylist())
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    return path.read_bytes().decode("utf-8", "replace")


def keys_with_it() -> list[bytes]:
    """Of Valkey: keys, and what is under them."""
    broker = redis.Redis.from_url(settings.REDIS_URL)
    found = []
    for key in broker.scan_iter():
        said = key + (broker.dump(key) or b"")
        found += [key for token in TOKENS if token.lower().encode() in said.lower()]
    return found


def _logged(record: logging.LogRecord) -> str:
    """A line as its handler's filter and the formatter leave it: with the end of an error."""
    logs.WithoutAccounts().filter(record)
    return logs.Line().format(record)


def lines_of_postgres() -> list[str]:
    """Of the log of the PostgreSQL that Podium brings along, which tests use as `up` does."""
    return (folders.data_directory() / "logs" / "postgres.log").read_text().splitlines()


def fail_with_her_name(root: User) -> None:
    """The database refuses what names her, and whoever asked logs it: the same name twice, and a rule broken."""
    for statement, person in (("username = %s", root.username), ("is_active = NULL, first_name = %s", NAME)):
        with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE labeling_user SET {statement} WHERE username = %s", [NAME, person])
        assert NAME in str(caught.value)
        logging.getLogger("celery.app.trace").error("raised %r", caught.value, exc_info=caught.value)
    as_user(root).post(f"/api/v1/accounts/{NAME}/nothing/")
    logging.getLogger("labeling.requests.throttle").warning("slows down %s", f"/api/v1/accounts/{NAME}/erase/")


def sessions_with_it(person: User) -> list[object]:
    from django.contrib.sessions.models import Session

    said = [row.get_decoded() for row in Session.objects.all()]
    return [
        row for row in said if NAME.lower() in json.dumps(row).lower() or row.get("_auth_user_id") == str(person.pk)
    ]


def use_everywhere(project: Project, root: User) -> User:
    """She is invited, works, writes, imports, freezes, logs in wrongly and rightly, and is in a report on a model."""
    person = join(project, Role.MANAGER, NAME)
    User.objects.filter(pk=person.pk).update(email=MAIL, first_name=FIRST, last_name=LAST)
    person.refresh_from_db()
    EmailAddress.objects.create(user=person, email=MAIL)
    task = claimed(project, person)
    [first], *_ = tiers_of(task)
    answer = {"tiers": tiers_of(task), "comment": "Qzcomment77", "notes": {first: "Qznote77"}}
    rankings.submit(task, answer)
    rankings.amend(task, {**answer, "comment": "Qzchanged77"})
    claims.skip(claimed(project, person), "Qzskip77")
    claims.cannot_rank(claimed(project, person), "Qzcannot77")
    prompt = project.prompts.get(external_id="p0")
    acts.leave(cases.open_case(prompt, ReviewCase.Reason.ASKED, by=person), by=person, words="Qzreview77")
    claims.save_draft(claimed(project, person), {"comment": "Qzdraft77"}, base=None)
    invitation, _ = invitations.invite(project, by=root, role=Role.LABELER, note=f"for {FIRST} {LAST}")
    invitations.accept_link(invitation, person)
    invitations.invite(project, by=root, role=Role.LABELER, note=f"also for {NAME}")
    invitations.invite(project, by=person, role=Role.LABELER, note="somebody")
    other = make_project(slug="other", manager=root)
    invitations.ask(other, by=root, username=NAME, role=Role.LABELER)
    TOTP.activate(person, generate_totp_secret())
    AuthToken.objects.create(person)
    Client().post("/accounts/login/", {"login": NAME, "password": "wrong"})
    Client().post("/accounts/login/", {"login": NAME, "password": PASSWORD})
    at_desk(person).post("/language/", {"language": "de"})
    LogEntry.objects.create(
        user=root, content_type=ContentType.objects.get_for_model(AuthToken), object_id="1",
        object_repr=f"ab : {NAME}", action_flag=CHANGE,
    )  # fmt: skip
    row = {
        "id": "r", "prompt": "Who?", "completions": [{"id": "a", "text": "x"}, {"id": "b", "text": "y"}],
        "rankings": [{"labeler": NAME, "tiers": [["a"], ["nothing"]]}],
    }  # fmt: skip
    for owner, name in ((person, "Qzview77"), (root, "hers")):
        saved_views.save(project, owner, "rankings", name=name, filters={"labeler": NAME}, is_shared=True)
    job = make_import(project, json.dumps(row) + "\n")
    Import.objects.filter(pk=job.pk).update(file_name=f"{NAME}.jsonl", requested_by=person)
    version = datasets.freeze(project, by=person)
    facts.facts_of(version)
    notes.change(version, by=person, text="A pilot.")
    _in_a_report(project, version)
    return User.objects.get(pk=person.pk)


def _in_a_report(project: Project, version: DatasetVersion) -> None:
    report: dict[str, Any] = {**draw_report()}
    [first, *others] = report["by_labeler"]
    model = make_model(project, {**report, "by_labeler": [{**first, "labeler": NAME}, *others]}, version=version)
    files = files_of(model.run)
    files.report.parent.mkdir(parents=True, exist_ok=True)
    files.report.write_text(json.dumps(model.evaluations.get().report), "utf-8")


def test_name_mail_and_words_are_found_nowhere(
    project: Project, root: User, model_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In no line either that a process or PostgreSQL logged about all that she did, and about what failed."""
    caplog.set_level(logging.INFO)
    person = use_everywhere(project, root)
    as_user(root).get(f"/api/v1/accounts/{NAME}/nothing/")
    as_user(root).get(f"/api/v1/projects/helpful/members/{NAME}-/")
    fail_with_her_name(root)
    before, rankings_before = tables_with_it(), list(Ranking.objects.filter(labeler=person).values_list("pk", "live"))
    assert {token for tokens in before.values() for token in tokens} == set(TOKENS)
    assert len(before) >= 12, sorted(before)
    assert [name for name in files_with_it(model_dir) if name.endswith(".parquet")]
    assert len(files_with_it(model_dir)) >= 4, "facts, a report, lines that could not be read"
    orders = list(PreferencePair.objects.filter(labeler=person).values_list("chosen", "rejected"))
    erasures.request_erasure(person, confirm=NAME, by=root)
    erasure_worker.work_all()
    assert tables_with_it() == {}
    assert files_with_it(model_dir) == set()
    assert keys_with_it() == []
    lines = list(map(_logged, caplog.records))
    assert lines
    assert any("duplicate key value" in line for line in lines_of_postgres())
    lines += lines_of_postgres()
    assert [line for line in lines if any(token.lower() in line.lower() for token in TOKENS)] == []
    assert sessions_with_it(person) == []
    person.refresh_from_db()
    assert (person.username, person.is_active, person.has_usable_password()) == (
        f"erased-person-{person.pk}",
        False,
        False,
    )
    assert list(Ranking.objects.filter(labeler=person).values_list("pk", "live")) == rankings_before
    assert list(PreferencePair.objects.filter(labeler=person).values_list("chosen", "rejected")) == orders
    assert Prompt.objects.filter(held_reason=erased_rows.NO_REASON).count() == 1
    names = [part["labeler"] for each in Evaluation.objects.all() for part in each.report["by_labeler"]]
    assert person.username in names


def test_versions_have_the_pseudonym_and_those_of_before_say_so(project: Project, root: User) -> None:
    person = use_everywhere(project, root)
    first = project.dataset_versions.get()
    erasures.request_erasure(person, confirm=NAME, by=root)
    erasure_worker.work_all()
    assert PersonErasure.objects.get().versions == {f"{project.pk}/1": 1}
    second = datasets.freeze(project)
    assert first.frozen_sha256 is None
    first.refresh_from_db()
    assert first.frozen_sha256 is not None
    assert second.frozen_sha256 is None
    for version in (first, second):
        labelers = {said["labeler"] for row in datasets.read_groups(version) for said in row["rankings"]}
        assert f"erased-person-{person.pk}" in labelers
        assert NAME not in labelers
    page = at_desk(root).get("/p/helpful/versions/1/").content.decode()
    assert "1 person who ranked in it was erased since" in page
    assert first.frozen_sha256 in page
    api = as_user(root).get("/api/v1/projects/helpful/datasets/1/").json()
    assert (api["erased_labelers"], api["frozen_sha256"]) == (1, first.frozen_sha256)
    assert api["sha256"] == first.sha256 != first.frozen_sha256
    assert "In 1 frozen version a pseudonym took" in at_desk(root).get(f"/people/{person.pk}/").content.decode()


def test_her_rankings_are_withdrawn_where_that_is_asked_too(project: Project, root: User) -> None:
    person = use_everywhere(project, root)
    erasures.request_erasure(person, confirm=NAME, by=root, with_work=True)
    erasure_worker.work_all()
    assert not Ranking.objects.filter(labeler=person, live=True).exists()
    assert tables_with_it() == {}


def test_what_was_killed_anywhere_goes_on(project: Project, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    person = use_everywhere(project, root)
    erasure = erasures.request_erasure(person, confirm=NAME, by=root)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for place in ("erase_words", "erase_account", "rename"):
        with monkeypatch.context() as patch:
            patch.setattr(erased_rows, place, killed)
            with pytest.raises(KeyboardInterrupt):
                erasure_worker.work(erasure.pk)
        PersonErasure.objects.update(state="queued")  # as the sweep does where a worker went silent
    erasure_worker.work(erasure.pk)
    assert PersonErasure.objects.get().is_over
    assert tables_with_it() == {}


def test_twice_is_harmless_and_nothing_brings_the_account_back(project: Project, root: User) -> None:
    person = use_everywhere(project, root)
    once = erasures.request_erasure(person, confirm=NAME, by=root)
    assert erasures.request_erasure(person, confirm=NAME, by=None) == once
    erasure_worker.work(once.pk)
    erasure_worker.work(once.pk)
    person.refresh_from_db()
    assert erasures.request_erasure(person, confirm="whatever", by=None).pk == once.pk
    with pytest.raises(Conflict, match="nobody is behind it"):
        deactivation.reactivate(person, by=root)
    assert PersonErasure.objects.count() == 1


def test_an_answer_that_is_on_its_way_is_refused(project: Project, root: User) -> None:
    person = join(project, username=NAME)
    task = claimed(project, person)
    erasures.request_erasure(person, confirm=NAME, by=root)
    with pytest.raises(IntegrityError, match="being erased"):
        rankings.submit(task, {"tiers": tiers_of(task), "comment": "Qzcomment77"})


def test_the_name_is_typed_and_imports_are_waited_for(project: Project, root: User) -> None:
    person = join(project, username=NAME)
    with pytest.raises(Invalid, match="write the account's name"):
        erasures.request_erasure(person, confirm="lena", by=root)
    make_import(project, "{}\n", work=False)
    with pytest.raises(Conflict, match="Import 1 of Helpful is at work"):
        erasures.request_erasure(person, confirm=NAME, by=root)
    page = at_desk(root).get(f"/people/{person.pk}/erase/").content.decode()
    assert "Import 1 of Helpful is at work" in page
    person.refresh_from_db()
    assert person.is_active
    assert not PersonErasure.objects.exists()


def test_who_may_not_leave_is_not_erased(project: Project, root: User) -> None:
    manager = project.memberships.get().user
    for person in (root, manager):
        with pytest.raises(Conflict, match="only"):
            erasures.request_erasure(person, confirm=person.username, by=root)
    assert not PersonErasure.objects.exists()


def test_only_an_administrator_erases(project: Project, root: User) -> None:
    lena = join(project, username="lena")
    everyone: dict[str, User | None] = {
        "manager": project.memberships.earliest("pk").user, "reviewer": join(project, Role.REVIEWER), "labeler": lena,
        "stranger": make_user(),
    }  # fmt: skip
    page, api = f"/people/{lena.pk}/erase/", "/api/v1/accounts/lena/erase/?confirm=lena"
    for user in everyone.values():
        assert at_desk(user).get(page).status_code == at_desk(user).post(page, {"confirm": "lena"}).status_code == 404
        assert as_user(user).post(api).status_code == 404
    assert Client().get(page).status_code == 302
    assert as_user(None).post(api).status_code == 401
    assert as_user(root).post("/api/v1/accounts/lena/erase/?confirm=otto").status_code == 400
    assert at_desk(root).post(page, {"confirm": "otto"}).status_code == 422
    assert not PersonErasure.objects.exists()
    done = as_user(root).post(api)
    assert (done.status_code, done.json()["pseudonym"], done.json()["state"]) == (
        202,
        f"erased-person-{lena.pk}",
        "queued",
    )


def test_the_page_says_first_what_goes_and_then_how_far_it_is(project: Project, root: User) -> None:
    person, desk = use_everywhere(project, root), at_desk(root)
    url = f"/people/{person.pk}/erase/"
    look = " ".join(desk.get(url).content.decode().split())
    for words in ("4 comments and notes", "2 skips", "1 draft", "1 ranking:", "version 1 of Helpful"):
        assert words in look, words
    assert "is being erased" in desk.post(url, {"confirm": NAME}, follow=True).content.decode()
    erasure_worker.work_all()
    assert "was erased for good" in desk.get(url, follow=True).content.decode()


def test_the_command_does_it_and_says_what_stays(
    project: Project, root: User, capsys: pytest.CaptureFixture[str]
) -> None:
    person = use_everywhere(project, root)
    with pytest.raises(CommandError, match="add --confirm"):
        call_command("erase_person", NAME)
    assert "Version 1 of helpful would have the pseudonym, and another checksum." in capsys.readouterr().out
    call_command("erase_person", NAME, "--confirm", NAME, "--withdraw")
    said = capsys.readouterr().out
    assert f"Account {person.pk} is erased-person-{person.pk} now." in said
    assert NAME not in said
    with pytest.raises(CommandError, match="no account"):
        call_command("erase_person", NAME)
