"""Files of every layout at every door: recognised without being asked, and read as Podium's own rows."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from formats.files.records import Record, Records
from formats.layouts import known
from formats.layouts.layout import read
from labeling.data.importing import upload_layouts
from labeling.data.importing.import_report import Report
from labeling.data.importing.imports import import_records
from labeling.data.importing.upload_layouts import laid_out, read_map, read_object, rows_of
from labeling.errors import Invalid
from labeling.models import Completion, Project, Prompt, RankedCompletion, Ranking
from tests.formats.layouts.samples_of import FOLDER, files, layout_of, records_of
from tests.labeling.api.client import as_user, row
from tests.labeling.data.importing.test_import_refusals import Door, api, command, doors, project

pytestmark = pytest.mark.django_db
__all__ = ["project"]  # the fixture

TRL = [
    {"prompt": "What is 2 + 2?", "chosen": "4", "rejected": "5"},
    {"prompt": "Name a colour.", "chosen": "Blue", "rejected": "Seven"},
]
ANY = pytest.mark.parametrize("path", files(), ids=lambda path: path.name)


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


def imported(project: Project, body: bytes, **asked: object) -> Report:
    return import_records(project, rows_of(io.BytesIO(body), **asked))  # type: ignore[arg-type]


@doors
@ANY
def test_a_file_of_any_layout_is_recognised_at_every_door(
    project: Project, door: Door, tmp_path: Path, path: Path
) -> None:
    chosen = known.BY_NAME[layout_of(path)]
    rows = [made for _, made in read(chosen, enumerate(records_of(path), start=1)) if isinstance(made, dict)]
    said = door(project, path.read_bytes(), tmp_path)
    assert upload_layouts.title_of(chosen).replace("'", "&#x27;") in said.replace("'", "&#x27;")
    stored = set(Prompt.objects.values_list("external_id", flat=True))
    assert stored
    assert stored <= {str(each["id"]) for each in rows}
    wanted = sum(len(each.get("rankings", ())) for each in rows if str(each["id"]) in stored)  # type: ignore[arg-type]
    assert Ranking.objects.count() == wanted
    again = door(project, path.read_bytes(), tmp_path)
    assert Prompt.objects.count() == len(stored)
    assert any(words in again.replace(":0", ": 0") for words in ('created": 0', "0 created", "New prompts 0"))


@doors
def test_what_is_no_layout_at_all_is_one_sentence(project: Project, door: Door, tmp_path: Path) -> None:
    said = door(project, lines(*({"subject": n, "object": "x"} for n in range(40))), tmp_path)
    told = ("The records have the keys subject, object, which is no layout", "Its layout is none that Podium knows.")
    assert sum(map(said.count, told)) == 1  # the page goes on with what each key is for
    assert "trl-preference" in said or "TRL preference data" in said
    assert "must be a list" not in said


def test_rows_that_are_nearly_podiums_own_are_told_what_is_wrong_with_each(project: Project) -> None:
    report = imported(project, lines(row("q1", completions=[]), {"id": "q2", "prompt": "Why?"}))
    assert report.layout == "Podium's own rows"
    assert [(error.line, error.field) for error in report.errors] == [(1, "completions"), (2, "completions")]


@doors
def test_whole_numbers_are_ids(project: Project, door: Door, tmp_path: Path) -> None:
    door(project, lines(row("q1") | {"id": 17}), tmp_path)
    assert Prompt.objects.get().external_id == "17"


def test_a_named_layout_is_read_as_such_and_a_name_that_is_none_is_refused(project: Project) -> None:
    assert imported(project, lines(*TRL), layout="trl-preference").created == 2
    with pytest.raises(Invalid, match=r"format is one of podium, trl-preference.*; got 'trl'"):
        rows_of(io.BytesIO(lines(*TRL)), layout="trl")
    as_podium = imported(project, lines(*TRL), layout="podium")
    assert as_podium.n_errors == 2


TABLE = b"Frage;erste;zweite;besser\nWarum?;Darum;Weil;zweite\nWie?;So;Anders;erste\n"
MAP = ("prompt=Frage", "completion_a=erste", "completion_b=zweite", "winner=besser")


def test_columns_that_nobody_guesses_are_named_by_a_map(project: Project) -> None:
    assert imported(project, TABLE).n_good == 0
    report = imported(project, TABLE, columns=read_map(MAP))
    assert (report.created, report.rankings, report.layout) == (2, 2, "a wide table")
    best = RankedCompletion.objects.filter(rank=1).order_by("prompt_id")
    assert list(best.values_list("completion__text", flat=True)) == ["Weil", "So"]


def test_a_map_of_one_completion_a_row_reads_a_long_table(project: Project) -> None:
    table = b"Frage,Antwort,Note\nWarum?,Darum,1\nWarum?,Weil,2\nWie?,So,2\nWie?,Anders,1\n"
    columns = {"prompt": "Frage", "completion": "Antwort", "rank": "Note"}
    report = imported(project, table, columns=columns)
    assert (report.created, report.rankings, report.layout) == (2, 2, "a long table")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"prompt": "question"}, "no column has this name; these are there: Frage, erste, zweite, besser"),
        ({"frage": "Frage"}, "must be one of prompt"),
        ({"completion_a": "x" * 500}, "no column has this name"),
    ],
)
def test_a_map_that_does_not_fit_is_refused_with_what_is_there(columns: dict[str, str], said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        rows_of(io.BytesIO(TABLE), columns=columns, layout="wide-table")
    assert refused.value.attr == "map"


def test_only_a_table_has_a_map() -> None:
    with pytest.raises(Invalid, match="Only a table's columns are named by a map, and this is read as TRL"):
        rows_of(io.BytesIO(lines(*TRL)), layout="trl-preference", columns={"prompt": "prompt"})


@pytest.mark.parametrize("words", [["prompt"], ["=x"], ["prompt="], ["prompt=a", "prompt=b"]])
def test_a_map_in_words_is_a_purpose_and_a_column(words: list[str]) -> None:
    with pytest.raises(Invalid, match="purpose=column"):
        read_map(words)


def test_a_column_may_have_a_sign_of_equality_in_its_name() -> None:
    assert read_map(["prompt = a=b"]) == {"prompt": "a=b"}


POTATO = [
    {"id": "i1", "user_id": who, "prompt": "Why?", "text1": "A", "text2": "B",
     "label_annotations": {"better": {"selection": choice}}}
    for who, choice in (("ann", "A"), ("bob", "B"), ("eve", "tie"))
]  # fmt: skip


class TestPromptsInParts:
    def test_each_persons_ranking_goes_to_the_same_prompt(self, project: Project) -> None:
        other = [{**each, "id": "i2", "prompt": "How?"} for each in POTATO]
        report = imported(project, lines(*(line for pair in zip(POTATO, other, strict=True) for line in pair)))
        assert (report.created, report.rankings, report.n_errors, report.n_read) == (2, 6, 0, 6)
        assert Prompt.objects.get(external_id="i1").ranked == 3

    def test_the_same_over_batches(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("labeling.data.importing.imports.BATCH", 1)
        report = imported(project, lines(*POTATO))
        assert (report.created, report.updated, report.rankings, report.n_errors) == (1, 2, 3, 0)

    def test_the_same_record_again_is_here_already(self, project: Project) -> None:
        report = imported(project, lines(TRL[0], TRL[0], TRL[1]))
        assert (report.created, report.skipped, report.rankings, report.n_errors) == (2, 1, 2, 0)

    def test_another_text_under_the_same_id_is_refused(self, project: Project) -> None:
        report = imported(project, lines(POTATO[0], {**POTATO[1], "text1": "C"}))
        assert (report.created, report.rankings) == (1, 1)
        assert "id: is further up in the file with other texts" in report.errors[0].detail

    def test_another_ranking_by_the_same_person_is_refused(self, project: Project) -> None:
        report = imported(project, lines(POTATO[0], {**POTATO[1], "user_id": "ann"}))
        assert "rankings[0].labeler: ranked this prompt otherwise further up" in report.errors[0].detail

    def test_json_min_has_a_record_for_each_annotation_of_a_task(self, project: Project) -> None:
        task = {"id": 41, "prompt": "Name a pass.", "text1": "Brenner.", "text2": "Inn."}
        annotations = [
            {**task, "pw": side, "annotator": n, "annotation_id": 90 + n, "created_at": f"2024-01-0{n}", "lead_time": n}
            for n, side in ((1, "left"), (2, "right"))
        ]
        report = imported(project, json.dumps(annotations).encode())
        assert (report.layout, report.created, report.rankings, report.n_errors) == ("Label Studio", 1, 2, 0)

    def test_statements_grow_with_batches_and_not_with_records(self, project: Project) -> None:
        def cost(name: str, n: int) -> int:
            records = ({**POTATO[0], "id": name, "user_id": f"{name}{who}"} for who in range(n))
            with CaptureQueriesContext(connection) as queries:
                assert imported(project, lines(*records)).rankings == n
            return len(queries)

        assert cost("few", 2) == cost("many", 400)

    def test_podiums_own_ids_are_unique_in_the_file_as_ever(self, project: Project) -> None:
        assert "line 1's too" in imported(project, lines(row("q1"), row("q1"))).errors[0].detail


class TestPeeking:
    """What tells the layout is read once, is bounded, and loses nothing."""

    def test_no_record_is_lost(self, project: Project) -> None:
        many = [{**TRL[0], "prompt": f"{n}?"} for n in range(known.LOOKED_AT + 7)]
        assert imported(project, lines(*many)).created == known.LOOKED_AT + 7

    def test_long_records_are_peeked_at_by_their_size(self) -> None:
        taken = []

        def long() -> Iterator[Record]:
            for n in range(1, 1_000):
                taken.append(n)
                yield Record(n, row(f"q{n}"), 3 * 2**20)

        laid_out(Records("JSON Lines", long()))
        assert len(taken) == 2

    def test_a_file_that_breaks_off_in_the_first_records_has_those_before(self, project: Project) -> None:
        report = imported(project, json.dumps(TRL).encode()[:-2])
        assert report.layout == "TRL preference data"
        assert report.stopped is not None
        assert report.created == 1

    def test_rows_of_one_prompt_are_not_gathered_without_end(self, project: Project) -> None:
        def table() -> Iterator[Record]:
            for n in range(1, 9):
                yield Record(n, {"prompt": "Why?", "answer": f"{n}", "rank": n}, 5 * 2**20)

        report = import_records(project, laid_out(Records("CSV", table())).records)
        assert report.n_errors == 5
        assert all("more than 16 MiB together" in error.detail for error in report.errors)
        assert Completion.objects.count() == 3


def test_errors_of_one_kind_are_said_once(project: Project, tmp_path: Path) -> None:
    bad = [{**TRL[0], "prompt": f"{n}?", "rejected": "4"} for n in range(30)]
    body = lines(TRL[1], *bad, {**TRL[0], "rejected": 5})
    report = json.loads(api(project, body, tmp_path))
    assert [(group["field"], group["count"]) for group in report["groups"]] == [("chosen", 30), ("rejected", 1)]
    assert report["groups"][0]["lines"] == list(range(2, 22))
    assert report["groups"][0]["example"] == report["errors"][0]
    assert (report["layout"], report["container"]) == ("TRL preference data", "JSON Lines")
    said = command(project, body, tmp_path)
    assert said.count("is the same as rejected") == 1
    assert "the same of lines 3, 4, 5, 6, 7 and 24 more" in said


def test_the_api_takes_a_format_and_a_map(project: Project) -> None:
    client = as_user(project.created_by)
    address = "/api/v1/projects/helpful/prompts/?" + urlencode({"dry_run": 1, "map": json.dumps(read_map(MAP))})
    response = client.generic("POST", address, TABLE, content_type="text/csv")
    assert (response.status_code, response.json()["created"]) == (200, 2)
    assert not Prompt.objects.exists()
    refused = client.generic("POST", address + "&format=csv", TABLE, content_type="text/csv")
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "format")


@pytest.mark.parametrize("text", ["prompt", "[1]", "{", '{"prompt": 1}', '{"prompt": "a", "prompt": "b"}', '"x"'])
def test_a_map_in_an_address_is_an_object_of_names(project: Project, text: str) -> None:
    with pytest.raises(Invalid, match="JSON object") as refused:
        read_object(text)
    assert refused.value.attr == "map"


def test_all_samples_have_a_door() -> None:
    assert {layout_of(path) for path in files()} == set(known.BY_NAME)
    assert FOLDER.is_dir()


@doors
def test_podiums_own_rows_may_come_from_a_program_with_tools(project: Project, door: Door, tmp_path: Path) -> None:
    prompt = [
        {"role": "developer", "content": "Be short."},
        {"role": "user", "content": [{"type": "text", "text": "Warm?"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "name": "weather", "content": "21"},
    ]
    bad = [{"role": "user", "content": [{"type": "text"}]}]
    said = door(project, lines({**row("q1"), "prompt": prompt}, {**row("q2"), "prompt": bad}), tmp_path)
    stored = Prompt.objects.get()
    assert [message["role"] for message in stored.messages] == ["system", "user", "assistant", "user"]
    assert stored.metadata["prompt"] == prompt
    assert "prompt[0].content[0].text" in said
    door(project, lines({**row("q1"), "prompt": prompt}), tmp_path)
    assert Prompt.objects.get() == stored


def test_a_dry_run_says_what_an_import_does_to_prompts_that_come_in_parts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.data.importing.imports.BATCH", 2)
    table = b"id,prompt,completion_a,completion_b,winner,labeler\n"
    table += b"".join(b"q%d,Why?,One.,Two.,A,%s\n" % (n, name) for name in (b"ann", b"bob", b"cy") for n in range(3))
    dry = import_records(project, rows_of(io.BytesIO(table)), dry_run=True)
    assert not Prompt.objects.exists()
    real = imported(project, table)
    counts = [(each.created, each.updated, each.skipped, each.rankings, each.n_errors) for each in (dry, real)]
    assert counts[0] == counts[1]
    assert counts[0] == (3, 6, 0, 9, 0)
