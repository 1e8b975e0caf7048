"""The page of a file that waits to be started, and its start."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.data.importing.background import import_files, import_jobs, import_worker
from labeling.models import Import, Project, Prompt, Ranking
from labeling.views.importing.first_rows import CLIP, TURNS, order_of
from tests.labeling.data.importing.bad_uploads.damage import arrow, packed, parquet
from tests.labeling.views.importing.test_import_pages import press, words

TRL = {"prompt": "What is 2 + 2?", "chosen": "**4**", "rejected": "5"}
TABLE = b"Frage,erste,zweite,besser\nWarum?,Darum.,Weil.,erste\nWozu?,Dazu.,,zweite\n"
MAP = {"column-0": "prompt", "column-1": "completion_a", "column-2": "completion_b", "column-3": "winner"}


def csv_of(records: Any) -> bytes:
    return "\n".join([",".join(records[0]), *(",".join(each.values()) for each in records)]).encode()


def zipped_parquet(records: Any) -> bytes:
    return packed(parquet(records))


def send(client: Client, body: bytes, name: str = "rows.jsonl") -> Any:
    return client.post("/p/door/imports/", {"file": SimpleUploadedFile(name, body)}, follow=True)


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


def start(client: Client, **chosen: str) -> Any:
    return client.post("/p/door/imports/1/act/", {"act": "start", **chosen}, follow=True)


def test_it_says_first_what_the_file_is_and_shows_rows_as_labelers_see_them(manager: Client, project: Project) -> None:
    page = send(manager, lines(TRL, {**TRL, "rejected": 5}))
    said = words(page)
    assert "This is TRL preference data in JSON Lines, 2 rows. 1 of them can't be used." in said
    assert "<strong>4</strong>" in page.content.decode()
    assert "Recorded: trl: A > B" in said
    assert "rejected" in said
    assert not Prompt.objects.exists()


def test_a_table_of_unknown_columns_is_mapped_and_started_as_it_was_seen(manager: Client, project: Project) -> None:
    page = send(manager, TABLE, "antworten.csv")
    assert "Its layout is none that Podium knows." in words(page)
    assert "Start the import" not in words(page)
    looked = manager.get("/p/door/imports/1/", MAP)
    assert "This is a wide table in CSV, 2 rows. 1 of them can't be used." in words(looked)
    html = looked.content.decode()
    assert '<input type="hidden" name="column-3" value="winner">' in html
    start(manager, **MAP)
    job = Import.objects.get()
    assert job.columns == {"prompt": "Frage", "completion_a": "erste", "completion_b": "zweite", "winner": "besser"}
    import_worker.work(job.pk)
    assert (Prompt.objects.count(), Ranking.objects.count()) == (1, 1)


@pytest.mark.parametrize("written", [parquet, arrow, partial(arrow, streamed=True), csv_of, zipped_parquet])
def test_tables_of_every_kind_are_mapped_and_started(manager: Client, project: Project, written: Any) -> None:
    send(
        manager,
        written(
            [dict(zip(("Frage", "erste", "zweite", "besser"), ("Warum?", "Darum.", "Weil.", "erste"), strict=True))]
        ),
    )
    looked = manager.get("/p/door/imports/1/", MAP)
    assert "1 row" in words(looked)
    assert "Start the import" in words(looked)
    start(manager, **MAP)
    import_worker.work(Import.objects.get().pk)
    assert (Prompt.objects.count(), Ranking.objects.count()) == (1, 1)


def test_a_map_without_a_completion_yet_leaves_all_to_choose_from(manager: Client, project: Project) -> None:
    send(manager, TABLE, "antworten.csv")
    page = manager.get("/p/door/imports/1/", {"column-0": "prompt"})
    html = page.content.decode()
    assert '<option value="prompt" selected>' in html
    assert '<option value="completion_a">' in html
    assert '<option value="completion">' in html
    assert "Start the import" not in words(page)


def test_a_choice_of_what_was_started_or_deleted_elsewhere_leads_there(manager: Client, project: Project) -> None:
    send(manager, TABLE, "antworten.csv")
    start(manager, **MAP)
    part = manager.get("/p/door/imports/1/", MAP, headers={"HX-Request": "true", "HX-Target": "looked"})
    assert part["HX-Redirect"] == "/p/door/imports/1/"


def test_two_columns_of_one_purpose_are_told_and_nothing_is_started(manager: Client, project: Project) -> None:
    send(manager, TABLE, "antworten.csv")
    twice = {**MAP, "column-1": "prompt"}
    looked = manager.get("/p/door/imports/1/", twice)
    assert (looked.status_code, "are both said to be" in words(looked)) == (422, True)
    chosen = re.findall(r'<option value="(\w+)" selected>', looked.content.decode())
    assert chosen == ["prompt", "prompt", "completion_b", "winner"]  # to be mended, not begun again
    part = manager.get("/p/door/imports/1/", twice, headers={"HX-Request": "true", "HX-Target": "looked"})
    assert (part.status_code, 'role="alert"' in part.content.decode()) == (200, False)
    assert "are both said to be" in words(start(manager, **twice))
    assert Import.objects.get().state == "draft"


def test_a_layout_is_chosen_against_what_the_rows_say(manager: Client, project: Project) -> None:
    send(manager, lines(TRL))
    assert "This is Podium's own rows" in words(manager.get("/p/door/imports/1/?layout=podium"))
    assert "This is TRL preference data" in words(manager.get("/p/door/imports/1/?layout=unknown"))
    start(manager, layout="podium")
    assert Import.objects.get().layout == "podium"


def test_what_nobody_can_read_is_not_started(manager: Client, project: Project) -> None:
    assert "is an Excel workbook" in words(send(manager, b"PK\x03\x04" + b"xl/workbook.xml" * 99, "book.xlsx"))
    assert Import.objects.get().state == "draft"
    send(manager, TABLE)
    assert press(manager, 2, "start") == 302
    assert set(Import.objects.values_list("state", flat=True)) == {"draft"}


@pytest.mark.parametrize("body", [b"\n \n", b"\xef\xbb\xbf", json.dumps(TRL).encode("utf-16")])
def test_a_start_is_not_offered_of_what_holds_nothing_to_import(manager: Client, project: Project, body: bytes) -> None:
    page = words(send(manager, body))
    assert "There is no line in it." in page or "is in UTF-16" in page
    assert "Start the import" not in page
    assert "Delete this file" in page


def test_started_twice_it_is_started_once(manager: Client, project: Project) -> None:
    send(manager, lines(TRL))
    start(manager)
    start(manager, layout="podium")
    job = Import.objects.get()
    assert (job.state, job.layout) == ("queued", "trl-preference")


def test_a_file_that_is_gone_says_so(manager: Client, project: Project) -> None:
    send(manager, lines(TRL))
    import_files.path_of(Import.objects.get().upload).unlink()
    page = manager.get("/p/door/imports/1/")
    assert (page.status_code, "is gone: send it again" in words(page)) == (422, True)
    assert "is gone: send it again" in words(start(manager))


@pytest.mark.django_db(transaction=True)
def test_files_that_nobody_starts_are_deleted_after_a_day(manager: Client, project: Project) -> None:
    for _ in range(2):
        send(manager, lines(TRL))
    old = Import.objects.earliest("pk")
    Import.objects.filter(pk=old.pk).update(requested_at=timezone.now() - timedelta(hours=25))
    import_jobs.discard_abandoned()
    assert not import_files.path_of(old.upload).exists()
    assert [job.number for job in Import.objects.all()] == [2]


def test_no_more_files_wait_than_are_kept_of_a_project(manager: Client, project: Project) -> None:
    for _ in range(import_jobs.MOST_OPEN):
        send(manager, lines(TRL))
    page = send(manager, lines(TRL))
    assert (page.status_code, "20 files are kept" in words(page)) == (422, True)
    assert Import.objects.count() == import_jobs.MOST_OPEN


def test_statements_are_as_many_for_one_row_as_for_many(manager: Client, project: Project) -> None:
    def cost(number: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(f"/p/door/imports/{number}/").status_code == 200
        return len(queries)

    send(manager, lines(TRL))
    send(manager, lines(*({**TRL, "prompt": f"{n}?"} for n in range(400))))
    assert cost(1) == cost(2)


def test_a_text_that_is_very_long_is_cut_on_the_page(manager: Client, project: Project) -> None:
    page = send(manager, lines({**TRL, "chosen": "word " * 100_000}))
    assert len(page.content) < 60_000 + CLIP


# A table pads short rows: of these 2,000 characters Markdown makes a million.
PADDED = "|" * 60 + "\n" + "|-" * 59 + "|\n" + "a\n" * 880


@pytest.mark.parametrize(
    "body",
    [
        lines(*({**TRL, "prompt": f"{n}?", "chosen": f"{n}\n\n{PADDED}", "rejected": PADDED} for n in range(5))),
        lines(*({**TRL, "prompt": f"{n}{'<' * 5_000}", "chosen": "&" * 10**6} for n in range(5))),
        ",".join([f"completion{'!' * 99_000}{label}" for label in "abcde"] + ["prompt"]).encode() + b"\nx,y,z,u,v,w\n",
        b"prompt," + ",".join(f"completion_{n}" for n in range(999)).encode() + b"\nWhy?" + b",x" * 999 + b"\n",
        b"prompt,completion_a,completion_b,score_" + b"." * 90_000 + b"a,score_b\nWhy?,x,y,bad,1\n",
        b"prompt,completion_a,completion_b,labeler,winner\nWhy?,x,y," + b"z" * 10**6 + b",a\n",
        lines({"id": "x" * 10**6, "prompt": "y" * 10**6, "completions": "z" * 10**6}),
        lines({f"key {n} {'x' * 10_000}": 1 for n in range(900)}),
    ],
    ids=[
        *("rendered to a million", "escaped", "long names", "many completions", "a long name of what is wrong"),
        *("a long labeler", "a bad row of megabytes", "unknown keys of megabytes"),
    ],
)
def test_the_page_of_any_file_is_of_a_size_that_can_be_shown(manager: Client, project: Project, body: bytes) -> None:
    page = send(manager, body)
    assert page.status_code == 200
    assert len(page.content) < 1_500_000
    start(manager)
    import_worker.work(Import.objects.get().pk)
    done = manager.get("/p/door/imports/1/")
    assert len(done.content) < 300_000
    assert len(json.dumps(Import.objects.get().errors)) < 10_000


def test_texts_and_dialogues_that_are_cut_say_so(manager: Client, project: Project) -> None:
    assert "are cut here" not in words(send(manager, lines(TRL)))
    assert "Long texts and dialogues are cut here" in words(send(manager, lines({**TRL, "chosen": "x" * (CLIP + 1)})))
    turns = [{"role": ("user", "assistant")[n % 2], "content": f"turn {n}"} for n in range(TURNS + 1)]
    assert "Long texts and dialogues are cut here" in words(send(manager, lines({**TRL, "prompt": turns})))


def test_ranks_are_written_as_letters_from_the_best_on() -> None:
    assert order_of((2, 1, 2)) == "B > A = C"
