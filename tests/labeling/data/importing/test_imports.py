"""Import: what goes in, what is named as bad, and that the second time changes nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from formats.refusals import Refused
from labeling.data.importing.import_report import Report
from labeling.data.importing.imports import import_lines, parse_line
from labeling.data.importing.row_words import words_of
from labeling.data.importing.upload_lines import lines_of
from labeling.models import Assignment, Completion, PreferencePair, Project, Prompt, RankedCompletion, Ranking, User
from rewardtrain.core.data.groups import read_groups
from tests.factories import make_project

Row = dict[str, object]


def row(**changes: object) -> Row:
    completions = [{"id": "a", "text": "one", "model": "m1"}, {"id": "b", "text": "two"}]
    return {"id": "p1", "prompt": "Why?", "completions": completions, **changes}


def line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


class TestARow:
    def test_a_text_is_a_single_user_turn(self) -> None:
        assert parse_line(line(row())).messages == ({"role": "user", "content": "Why?"},)

    def test_ranks_are_made_dense(self) -> None:
        parsed = parse_line(line(row(rankings=[{"labeler": "x", "ranks": [7, 3]}])))
        assert parsed.rankings[0].ranks == (2, 1)

    @pytest.mark.parametrize(
        ("bad", "said"),
        [
            (b"{not json", "line: not valid JSON"),
            (b'{"id": "\xff"}', "line: not UTF-8 at byte 8: save the file as UTF-8"),
            (b"[1]", "line: each line must be a JSON object (got [1])"),
            (line(row(id="")), "id: must be a text that is not empty"),
            (line(row(id=7)), "(got 7)"),
            (line(row(prompt=[])), "prompt: must be a text or a list"),
            (
                line(row(prompt=[{"role": "bot", "content": "x"}])),
                "prompt[0].role: must be one of system, user, assist",
            ),
            (line(row(prompt=[{"role": "assistant", "content": "x"}])), "must not end with the assistant"),
            (line(row(completions=[{"id": "a", "text": "x"}])), "completions: must be a list of 2 to 10"),
            (line(row(completions=[{"id": "a", "text": True}, {"id": "b", "text": "x"}])), "completions[0].text: must"),
            (line(row(completions=[{"id": "a", "text": "x"}, {"id": "b", "text": " "}])), "completions[1].text: must"),
            (line(row(completions=[{"id": "a", "text": "x"}, {"id": "a", "text": "y"}])), "make ids unique"),
            (
                line(row(completions=[{"id": "a", "text": "x"}, {"id": "b", "text": "x"}])),
                "is the same as completions[0]",
            ),
            (line(row(rankings=[{"labeler": "x", "ranks": [1]}])), "rankings[0].ranks: must be a list of 2 ranks"),
            (line(row(rankings=[{"labeler": "x", "ranks": [0, 1]}])), "rankings[0].ranks[0]: must be a whole number"),
            (line(row(rankings=[{"labeler": "x", "ranks": [True, 1]}])), "(got true)"),
            (line(row(rankings=[{"ranks": [1, 2]}])), "rankings[0].labeler: must be a text"),
            (line(row(rankings=[{"labeler": "x", "ranks": [1, 2]}] * 2)), "one ranking each"),
            (line(row(rankings=[{"labeler": "x", "ranks": [1, 2], "flags": [{}, {"h": 1}]}])), "rankings[0].flags[1]"),
            (line(row(prompt="a\x00b")), "NUL character"),
            (line(row()).replace(b"Why", b"\\ud800"), "half a surrogate pair"),
            (line(row(metadata=[])), "metadata: must be an object"),
        ],
    )
    def test_a_bad_one_is_named_by_field_value_and_remedy(self, bad: bytes, said: str) -> None:
        with pytest.raises(Refused) as caught:
            parse_line(bad)
        assert said in words_of(caught.value) == str(caught.value)


@pytest.mark.django_db
class TestImporting:
    @pytest.fixture
    def project(self) -> Project:
        return make_project()

    def test_it_stores_prompts_completions_and_recorded_rankings(self, project: Project) -> None:
        recorded = [
            {"labeler": "ann", "ranks": [2, 1], "flags": [{"hateful": True}, {}]},
            {"labeler": "bob", "ranks": [1, 1]},
        ]
        report = import_lines(project, [line(row(rankings=recorded))])
        assert (report.created, report.rankings, report.errors) == (1, 2, [])
        prompt = Prompt.objects.get()
        assert prompt.overlap == 2
        pair = PreferencePair.objects.get()
        assert (pair.chosen.external_id, pair.labeler.username) == ("b", f"ann@{project.slug}")
        assert RankedCompletion.objects.get(ranking=pair.ranking, rank=2).flags == {"hateful": True}
        assert set(Ranking.objects.values_list("source", flat=True)) == {"imported"}

    def test_an_imported_labeler_is_marked_and_can_not_log_in(self, project: Project) -> None:
        import_lines(project, [line(row(rankings=[{"labeler": "an n", "ranks": [1, 2]}]))])
        user = User.objects.get(is_imported=True)
        assert not user.is_active
        assert not user.has_usable_password()

    def test_the_second_time_changes_nothing(self, project: Project) -> None:
        lines = [line(row(rankings=[{"labeler": "ann", "ranks": [1, 2]}])), line(row(id="p2"))]
        import_lines(project, lines)
        again = import_lines(project, lines)
        assert (again.created, again.updated, again.skipped) == (0, 0, 2)
        assert (Prompt.objects.count(), Completion.objects.count(), Ranking.objects.count()) == (2, 4, 1)

    def test_a_new_ranking_of_a_known_prompt_is_added(self, project: Project) -> None:
        ann, bob = {"labeler": "ann", "ranks": [1, 2]}, {"labeler": "bob", "ranks": [2, 1]}
        import_lines(project, [line(row(rankings=[ann]))])
        report = import_lines(project, [line(row(rankings=[ann, bob]))])
        assert (report.updated, report.rankings) == (1, 1)
        assert Assignment.objects.filter(state="ranked").count() == 2

    def test_a_known_id_with_another_text_is_an_error_and_the_stored_one_stays(self, project: Project) -> None:
        import_lines(project, [line(row())])
        report = import_lines(project, [line(row(prompt="How?"))])
        assert "import a changed prompt under a new id" in report.errors[0].detail
        assert Prompt.objects.get().messages[0]["content"] == "Why?"

    def test_bad_lines_are_named_and_the_rest_goes_in(self, project: Project) -> None:
        lines = [b"\xef\xbb\xbf" + line(row()), b"oops\n", b"\n", line(row()), line(row(id="p2"))]
        report = import_lines(project, lines_of(io.BytesIO(b"".join(lines))))
        assert report.created == 2
        assert [error.line for error in report.errors] == [2, 4]
        assert "is line 1's too" in report.errors[1].detail

    def test_a_dry_run_says_the_same_and_stores_nothing(self, project: Project) -> None:
        lines = [line(row(rankings=[{"labeler": "ann", "ranks": [1, 2]}])), b"oops"]
        report = import_lines(project, lines, dry_run=True)
        assert (report.created, report.rankings, report.n_errors) == (1, 1, 1)
        assert not Prompt.objects.exists()
        assert not User.objects.filter(is_imported=True).exists()

    def test_the_same_dialogue_falls_into_the_same_split_everywhere(self, project: Project) -> None:
        import_lines(project, [line(row()), line(row(id="p2"))])
        import_lines(make_project(), [line(row(id="other"))])
        assert len(set(Prompt.objects.values_list("split", flat=True))) == 1

    def test_the_splits_are_about_a_tenth_each(self, project: Project) -> None:
        import_lines(project, [line(row(id=f"p{n}", prompt=f"Question {n}")) for n in range(1000)])
        assert 70 <= Prompt.objects.filter(split="test").count() <= 130
        assert 70 <= Prompt.objects.filter(split="validation").count() <= 130


def imported(project: Project, path: Path) -> Report:
    with path.open("rb") as lines:
        return import_lines(project, lines)


@pytest.mark.django_db
def test_each_wrong_row_of_real_data_is_named(shared_data: Path) -> None:
    project = make_project()
    path = shared_data / "bad_rows.jsonl"
    report = imported(project, path)
    rows = len(path.read_bytes().splitlines())
    assert report.created + report.n_errors == rows
    assert report.n_errors > 0
    assert all(error.field.startswith("completions") for error in report.errors)


@pytest.mark.django_db
def test_real_rankings_make_as_many_pairs_as_their_ranks_say(shared_data: Path) -> None:
    for name in ("oasst_en", "oasst_zh"):
        project = make_project()
        path = shared_data / f"{name}.jsonl"
        report = imported(project, path)
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        good = {row["id"] for row in rows} - {""} if not report.errors else None
        assert good is not None, report.errors[:3]
        expected = sum(
            ranks[i] != ranks[j]
            for row in rows
            for ranks in (ranking["ranks"] for ranking in row["rankings"])
            for i in range(len(ranks))
            for j in range(i)
        )
        assert PreferencePair.objects.filter(project=project).count() == expected


@pytest.mark.django_db
class TestTheCommand:
    def test_it_names_an_unknown_project(self) -> None:
        make_project(slug="known")
        with pytest.raises(CommandError, match=r"no project 'nope'\. Projects: known"):
            call_command("import_prompts", "nope", "-")

    def test_it_names_a_file_that_can_not_be_read(self) -> None:
        make_project(slug="known")
        with pytest.raises(CommandError, match=r"no-such-file\.jsonl: No such file"):
            call_command("import_prompts", "known", "no-such-file.jsonl")

    def test_it_reports_what_it_did(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        make_project(slug="known")
        file = tmp_path / "prompts.jsonl"
        file.write_bytes(line(row()) + b"oops\n")
        call_command("import_prompts", "known", str(file))
        out, err = capsys.readouterr()
        assert "1 created" in out
        assert "1 bad lines" in out
        assert "line 2: line: not valid JSON" in err


FLAGS = [{"name": "hateful", "label": "Hateful"}]


def text_row(text: str, **changes: object) -> Row:
    said = {"labeler": "crowd", "ranks": [1], "flags": [{"hateful": False}]}
    alone = {"id": text, "prompt": "", "completions": [{"id": "a", "text": text}], "rankings": [said]}
    return {**alone, **changes}


@pytest.mark.django_db
class TestAClassification:
    @pytest.fixture
    def project(self) -> Project:
        return make_project(kind="classification", flags=FLAGS)

    def test_single_texts_without_a_prompt_go_in_with_their_answers(self, project: Project) -> None:
        report = import_lines(project, [line(text_row("one")), line(text_row("two", prompt=" "))])
        assert (report.created, report.rankings, report.n_errors) == (2, 2, 0)
        assert [prompt.messages for prompt in project.prompts.all()] == [[{"role": "user", "content": ""}]] * 2
        assert [place.flags for place in RankedCompletion.objects.all()] == [{"hateful": False}] * 2
        assert not PreferencePair.objects.exists()
        assert import_lines(project, [line(text_row("one"))]).skipped == 1

    def test_texts_that_stand_alone_are_split_by_their_own_hash_as_the_core_splits_them(
        self, project: Project, tmp_path: Path
    ) -> None:
        file = tmp_path / "texts.jsonl"
        file.write_bytes(b"".join(line(text_row(f"text {n}")) for n in range(60)))
        with file.open("rb") as lines:
            import_lines(project, lines)
        here = {prompt.external_id: prompt.split for prompt in project.prompts.all()}
        assert here == {group.id: group.split for group in read_groups(file)}
        assert set(here.values()) == {"train", "validation", "test"}

    @pytest.mark.parametrize(
        ("flags", "said"),
        [
            (None, "rankings[0].flags[0]: must answer just the flags of the project, with true or false: hateful"),
            ([{}], "(got {})"),
            ([{"rude": True}], '(got {"rude": true})'),
            ([{"hateful": True, "rude": True}], "must answer just the flags of the project"),
            ([{"hateful": "yes"}], "must be an object such as"),
        ],
    )
    def test_a_recorded_answer_that_is_none_is_named(self, project: Project, flags: object, said: str) -> None:
        bad = text_row("one", rankings=[{"labeler": "crowd", "ranks": [1], "flags": flags}])
        report = import_lines(project, [line(bad)])
        assert report.created == 0
        assert said in report.errors[0].detail

    def test_a_project_that_ranks_takes_neither_one_text_nor_an_empty_prompt(self) -> None:
        ranks = make_project(flags=FLAGS)
        report = import_lines(ranks, [line(text_row("one")), line(row(id="p2", prompt=""))])
        assert [error.field for error in report.errors] == ["completions", "prompt"]
        assert report.created == 0
