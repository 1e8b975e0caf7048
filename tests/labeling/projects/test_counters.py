"""Counters say what counting says, whoever changed the rows and however."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from labeling.answers import rankings
from labeling.data.bulk import setting_changes
from labeling.data.importing import imports
from labeling.data.versions import datasets
from labeling.errors import PodiumError
from labeling.models import (
    Assignment,
    Counter,
    LabelerCounter,
    PreferencePair,
    Project,
    Prompt,
    RankedCompletion,
    Ranking,
    Split,
    User,
)
from labeling.projects import counters, overview
from labeling.projects.counters import Labels, Numbers
from labeling.queue import claims
from tests.factories import answer, ids_of, join, make_project, make_prompt, rank, rank_next, tiers_of
from tests.rewardtrain.conftest import models_in
from tests.session.older import older
from tests.threads import waits

RUDE = [{"name": "rude", "label": "Rude"}, {"name": "wrong", "label": "Wrong"}]


class Acts:
    """What people do in a project, one thing after another, drawn by a seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        kind = self.draw.choice(Project.Kind.values)
        self.project = make_project(kind=kind, flags=RUDE, overlap=self.draw.randint(1, 3))
        self.people = [join(self.project) for _ in range(4)]
        self.lines: list[dict[str, object]] = []
        self.done: set[str] = set()
        self.import_new()

    def act(self) -> None:
        doing: Callable[[], object] = self.draw.choice(
            [self.import_new, self.import_again, self.overlap, self.give_back, self.put_back, self.freeze, self.others]
            + [self.submit] * 6 + [self.amend] * 2 + [self.withdraw] * 2 + [self.skip, self.cannot_rank]
        )  # fmt: skip
        killed = self.draw.random() < 0.15
        with suppress(PodiumError, Killed), transaction.atomic():
            doing()
            if killed:
                raise Killed
            self.done.add(doing.__name__)

    def task(self, *states: str) -> Assignment | None:
        of_project = Assignment.objects.filter(prompt__project=self.project, state__in=states).exclude(
            rankings__source="imported"
        )
        tasks = list(of_project.select_related("prompt__project").order_by("pk"))
        return self.draw.choice(tasks) if tasks else None

    def answer_to(self, task: Assignment) -> dict[str, object]:
        names = ids_of(task)
        if self.project.kind == "classification":
            flags = {name: {flag["name"]: self.draw.random() < 0.5 for flag in RUDE} for name in names}
            return {"tiers": [names], "flags": flags}
        ranks = [self.draw.randint(1, len(names)) for _ in names]
        flags = {name: {"rude": self.draw.random() < 0.5} for name in names if self.draw.random() < 0.5}
        return {"tiers": tiers_of(task, ranks), "flags": flags}

    def submit(self) -> None:
        if task := claims.claim(self.project, self.draw.choice(self.people)):
            rankings.submit(task, self.answer_to(task))

    def amend(self) -> None:
        if task := self.task("ranked"):
            rankings.amend(task, self.answer_to(task))

    def withdraw(self) -> None:
        if task := self.task("ranked"):
            rankings.withdraw(task)

    def skip(self) -> None:
        if task := self.task("claimed"):
            claims.skip(task, "too long")

    def cannot_rank(self) -> None:
        if task := self.task("claimed"):
            claims.cannot_rank(task, "nonsense")

    def give_back(self) -> None:
        if task := self.task("claimed"):
            claims.release(task)

    def put_back(self) -> None:
        for prompt in Prompt.objects.filter(project=self.project, held_at__isnull=False)[:1]:
            claims.return_to_queue(prompt)

    def overlap(self) -> None:
        setting_changes.update(self.project, {"overlap": self.draw.randint(1, 4)}, by=None)

    def freeze(self) -> None:
        datasets.freeze(self.project)

    def others(self) -> None:
        """Others rank elsewhere meanwhile."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('labeling_ranking_id_seq', last_value + 900) FROM labeling_ranking_id_seq")

    def import_new(self) -> None:
        first = len(self.lines)
        self.lines += [self.line(f"row-{first + place}") for place in range(self.draw.randint(1, 5))]
        self.load(self.lines[first:])

    def import_again(self) -> None:
        """With recorded rankings that are new."""
        again = self.draw.sample(self.lines, min(3, len(self.lines)))
        for line in again:
            line["rankings"] = [*line["rankings"], self.recorded(line)]  # type: ignore[misc]
        self.load(again)

    def load(self, lines: list[dict[str, object]]) -> None:
        report = imports.import_lines(self.project, [json.dumps(line).encode() + b"\n" for line in lines])
        assert not report.errors, report.errors

    def line(self, name: str) -> dict[str, object]:
        alone = self.project.kind == "classification"
        letters = "a" if alone else "abcd"[: self.draw.randint(2, 4)]
        texts = [{"id": letter, "text": f"{letter} to {name}"} for letter in letters]
        line: dict[str, object] = {"id": name, "prompt": "" if alone else f"Question {name}?", "completions": texts}
        line["rankings"] = [self.recorded(line) for _ in range(self.draw.randint(0, 2))]
        return line

    def recorded(self, line: dict[str, object]) -> dict[str, object]:
        texts: list[object] = line["completions"]  # type: ignore[assignment]
        flags = [{"rude": self.draw.random() < 0.5, "wrong": False} for _ in texts]
        ranks = [self.draw.randint(1, len(texts)) for _ in texts]
        return {"labeler": f"old-{self.draw.randrange(10**9)}", "ranks": _dense(ranks), "flags": flags}


class Killed(Exception):
    """The process ends before its commit."""


def _dense(ranks: list[int]) -> list[int]:
    return [sorted(set(ranks)).index(rank) + 1 for rank in ranks]


@pytest.mark.parametrize("seed", range(8))
def test_counters_say_what_counting_says_after_any_sequence_of_acts(db: None, seed: int, tmp_path: object) -> None:
    acts = Acts(seed)
    with models_in(tmp_path):  # type: ignore[arg-type]
        for _ in range(50):
            acts.act()
            assert counters.differences() == []
    assert acts.done > {"import_new", "submit", "amend", "withdraw"}
    assert_new_since_each_ranking(acts.project)
    assert counters.of(acts.project).total.rankings == Ranking.objects.filter(live=True).count() > 0


def assert_new_since_each_ranking(project: Project) -> None:
    ids = list(Ranking.objects.values_list("pk", flat=True))
    edges = [around for pk in ids for around in (pk | 2047, pk - pk % 2048)]
    pairs = PreferencePair.objects.filter(project=project)
    labels = RankedCompletion.objects.filter(prompt__project=project, ranking__live=True, flags__has_key="rude")
    for last in {0, 1, *ids, *edges}:
        assert counters.pairs_after(project, last) == pairs.filter(ranking_id__gt=last).count()
        assert counters.labels_after(project, "rude", last) == labels.filter(ranking_id__gt=last).count()
    for split in Split.values:
        texts = labels.filter(prompt__split=split).order_by().values("completion").distinct().count()
        for most in (0, 2, 1000):
            assert counters.labeled_texts(project, "rude", split, most=most) == min(texts, most)


class TestWhatIsRead:
    def test_a_project_by_split(self, db: None) -> None:
        project = make_project(overlap=2)
        for split in ("train", "train", "test"):
            make_prompt(project, split=split)
        rank(project, join(project), [1, 1, 2, 3])
        begun = Numbers(2, settled=0, begun=1, waiting=2, missing=3, rankings=1, ranked_texts=4, comparisons=6, pairs=5)
        assert counters.of(project).by_split == {"train": begun, "test": Numbers(1, waiting=1, missing=2)}
        assert counters.of(project).of("train").ties == 1
        assert counters.of(project).of("validation") == Numbers()
        assert counters.of(project).total == begun + Numbers(1, waiting=1, missing=2)

    def test_a_project_without_prompts_has_noughts(self, db: None) -> None:
        project = make_project()
        assert counters.of(project).total == Numbers()
        assert counters.of_projects([project.pk]) == {}

    def test_held_prompts_wait_for_nobody(self, db: None) -> None:
        project = make_project()
        make_prompt(project)
        task = claims.claim(project, join(project))
        assert task
        claims.cannot_rank(task, "nonsense")
        assert counters.of(project).total == Numbers(prompts=1, held=1)

    def test_answers_to_a_flag(self, db: None) -> None:
        project = make_project(kind="classification", flags=RUDE, overlap=2)
        make_prompt(project, k=1, split="train")
        for rude in (True, False):
            answer(project, join(project), rude=rude, wrong=False)
        assert counters.labels_of(project, "rude")["train"] == Labels(labels=2, yes=1)
        assert counters.labels_of(project, "wrong")["train"] == Labels(labels=2, yes=0)
        assert counters.labels_of(project, "unknown")["test"] == Labels()

    def test_people_and_what_each_of_them_ranked(self, db: None) -> None:
        project, other = make_project(overlap=2), make_project()
        for each in (project, project, other):
            make_prompt(each)
        ann, bob = join(project), join(project)
        rank_next(project, ann, 2)
        rankings.withdraw(rank(project, bob).assignment)
        assert counters.labelers(project) == 1
        assert counters.rankings_by(ann, [project.pk, other.pk]) == {project.pk: 2}
        assert counters.rankings_by(bob, [project.pk, other.pk]) == {}

    def test_all_projects_are_one_statement(self, db: None, django_assert_num_queries: Callable) -> None:
        for _ in range(5):
            make_prompt(make_project())
        keys = list(Project.objects.values_list("pk", flat=True))
        with django_assert_num_queries(1):
            assert len(counters.of_projects(keys)) == 5


class TestStatementsByHand:
    """Nobody knows what an administrator types."""

    @pytest.fixture
    def project(self, db: None) -> Project:
        project = make_project(kind="classification", flags=RUDE, overlap=2)
        for _ in range(3):
            make_prompt(project, k=1)
        answer(project, join(project), rude=True, wrong=False)
        answer(project, join(project), rude=False, wrong=False)
        return project

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE labeling_prompt SET overlap = 5",
            "UPDATE labeling_prompt SET held_at = now()",
            "UPDATE labeling_prompt SET priority = 3",
            "UPDATE labeling_ranking SET live = false, ended_at = now()",
            "UPDATE labeling_ranking SET comment = 'x'",
            """UPDATE labeling_rankedcompletion SET flags = '{"wrong": true, "new": false}'""",
            "UPDATE labeling_rankedcompletion SET flags = '[1]'",
            "UPDATE labeling_rankedcompletion SET flags = '{}'",
            "DELETE FROM labeling_rankedcompletion",
            "DELETE FROM labeling_rankedcompletion; DELETE FROM labeling_ranking",
            "DELETE FROM labeling_rankedcompletion; DELETE FROM labeling_ranking; DELETE FROM labeling_assignment; "
            "DELETE FROM labeling_completion; DELETE FROM labeling_prompt",
            # As one statement, whose triggers come when all of it is done.
            "WITH r AS (DELETE FROM labeling_rankedcompletion) UPDATE labeling_prompt SET overlap = 7",
            """WITH old AS (UPDATE labeling_ranking SET live = false, ended_at = now() RETURNING *), fresh AS (
                INSERT INTO labeling_ranking (assignment_id, prompt_id, labeler_id, revision, live, source, comment,
                    payload_sha256, created_at)
                SELECT assignment_id, prompt_id, labeler_id, 2, false, source, '', '', now() FROM old RETURNING *)
            INSERT INTO labeling_rankedcompletion (ranking_id, completion_id, prompt_id, rank, flags)
            SELECT fresh.id, c.id, fresh.prompt_id, 1, '{"rude": true}'
            FROM fresh JOIN labeling_completion c ON c.prompt_id = fresh.prompt_id;
            UPDATE labeling_ranking SET live = true, ended_at = null WHERE revision = 2""",
        ],
    )
    def test_counts_whatever_a_statement_does(self, project: Project, statement: str) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            assert counters.differences() == []

    def test_counts_pairs_that_come_and_go(self, db: None) -> None:
        project = make_project()
        make_prompt(project)
        rank(project, join(project))
        PreferencePair.objects.all()[:1].get().delete()
        assert counters.of(project).total.pairs == 5
        assert counters.differences() == []

    def test_counts_a_copy(self, db: None) -> None:
        project = make_project()
        columns = "project_id, external_id, messages, content_sha256, split, overlap, held_reason, metadata, created_at"
        row = f"{project.pk}\t%d\t[]\tx\ttrain\t1\t\t{{}}\t2026-01-01\n"
        with connection.cursor() as cursor, cursor.copy(f"COPY labeling_prompt ({columns}) FROM STDIN") as copy:
            copy.write("".join(row % number for number in range(1000)))
        assert counters.of(project).total == Numbers(prompts=1000, waiting=1000, missing=1000)
        assert Counter.objects.count() == 1

    def test_the_numbers_go_with_the_project_and_the_person(self, db: None) -> None:
        gone, other = make_project(), make_project()
        for each in (gone, other):
            make_prompt(each)
            rank(each, join(each))
        for model in (PreferencePair, RankedCompletion, Ranking):
            model.objects.filter(prompt__project=gone).delete()
        gone.delete()
        assert counters.differences() == []
        assert set(Counter.objects.values_list("project_id", flat=True)) == {other.pk}
        assert set(LabelerCounter.objects.values_list("project_id", flat=True)) == {other.pk}
        labeler = User.objects.get(rankings__prompt__project=other)
        PreferencePair.objects.all().delete()
        RankedCompletion.objects.all().delete()
        Ranking.objects.all().delete()
        Assignment.objects.all().delete()
        labeler.delete()
        assert not LabelerCounter.objects.filter(project=other).exists()


@pytest.mark.django_db(transaction=True)
class TestSeveralAtOnce:
    @pytest.fixture(autouse=True)
    def whole_range(self, transactional_db: None) -> None:
        """Rows are of ranges of 2,048 rankings; wherever other tests have left the numbers, none ends amid one here."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT setval('labeling_ranking_id_seq', ((last_value >> 11) + 1) << 11) FROM labeling_ranking_id_seq"
            )

    def test_nobody_waits_for_a_labeler_or_an_import_that_has_not_committed(self) -> None:
        project = make_project()
        for _ in range(4):
            make_prompt(project, split="train")
        ann, bob = join(project), join(project)
        with transaction.atomic():
            rank(project, ann)
            assert not waits(lambda: rank(project, bob))
            assert not waits(lambda: rank(project, bob))
        assert counters.differences() == []
        assert counters.of(project).total.rankings == 3
        line = b'{"id": "x", "prompt": "Why?", "completions": [{"id": "a", "text": "x"}, {"id": "b", "text": "y"}]}\n'
        with transaction.atomic():
            imports.import_lines(project, [line])
            assert not waits(lambda: rank(project, bob))
        assert counters.differences() == []

    def test_what_is_rolled_back_counts_nothing(self) -> None:
        project = make_project()
        make_prompt(project)
        labeler = join(project)
        with suppress(Killed), transaction.atomic():
            rank(project, labeler)
            raise Killed
        assert counters.of(project).total == Numbers(prompts=1, waiting=1, missing=1)
        assert counters.differences() == []

    def test_rows_of_a_range_that_is_over_are_put_together(self) -> None:
        project = make_project()
        prompts = [make_prompt(project, split="train") for _ in range(2)]
        with transaction.atomic():
            hold(prompts[0])
            assert not waits(lambda: hold(prompts[1]))
        assert Counter.objects.count() == 2
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('labeling_ranking_id_seq', last_value + 2048) FROM labeling_ranking_id_seq")
        claims.return_to_queue(prompts[0])
        assert sorted(Counter.objects.values_list("prompts", "held")) == [(0, -1), (2, 2)]
        assert counters.differences() == []

    def test_a_row_that_changed_often_is_left_for_a_new_one(self) -> None:
        """While a dump runs, whoever looks for it walks past all its dead versions."""
        project = make_project()
        for _ in range(66):
            make_prompt(project, split="train")
        labeler = join(project)
        rank_next(project, labeler, 64)
        before = Counter.objects.count()
        for _ in range(2):
            rank(project, labeler)
        assert Counter.objects.count() <= before + 1
        assert Counter.objects.latest("id").rankings == 2
        assert counters.of(project).total.rankings == 66
        assert counters.differences() == []


def hold(prompt: Prompt) -> None:
    Prompt.objects.filter(pk=prompt.pk).update(held_at="2026-01-01T00:00Z")


class TestWhereTheyAreWrong:
    def test_what_differs_is_found_and_mended_for_one_project(self, db: None) -> None:
        project, other = make_project(), make_project()
        for each in (project, other):
            make_prompt(each)
            rank(each, join(each))
        Counter.objects.update(pairs=7)
        LabelerCounter.objects.update(rankings=0)
        assert {row["project_id"] for row in counters.differences()} == {project.pk, other.pk}
        assert {row["project_id"] for row in counters.mend(project)} == {project.pk}
        assert counters.differences(project) == counters.mend(project) == []
        assert counters.of(project).total.pairs == 6
        assert counters.labelers(project) == 1
        assert counters.differences(other) != []

    def test_the_command_says_what_differs_and_mends_it(self, db: None) -> None:
        project = make_project(slug="wrong")
        make_prompt(project, split="train")
        rank(project, join(project))
        assert check_counters() == "All counters are right.\n"
        Counter.objects.filter(rankings__gt=0).update(pairs=7)
        with pytest.raises(CommandError, match="1 counters differ"):
            check_counters("wrong")
        assert check_counters("wrong", "--mend") == "wrong, train: pairs -1\n1 counters were put right.\n"
        assert check_counters() == "All counters are right.\n"
        with pytest.raises(CommandError, match="no project 'unknown'"):
            check_counters("unknown")


def check_counters(*words: str) -> str:
    out = StringIO()
    call_command("check_counters", *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_a_site_that_is_older_gets_its_numbers() -> None:
    project = make_project(kind="classification", flags=RUDE)
    make_prompt(project, k=1)
    answer(project, join(project), rude=True, wrong=False)
    make_prompt(make_project())
    with older([("labeling", "0016_versions_without_filters")]):
        pass
    assert counters.differences() == []
    assert counters.of(project).total.rankings == 1
    assert sum(labels.yes for labels in counters.labels_of(project, "rude").values()) == 1


@pytest.mark.parametrize("prompts", [1, 20])
def test_an_overview_and_a_list_of_projects_cost_the_same_however_much_there_is(
    db: None, prompts: int, django_assert_num_queries: Callable
) -> None:
    project = make_project()
    for _ in range(prompts):
        make_prompt(project)
    labeler = join(project)
    rank_next(project, labeler, prompts)
    with django_assert_num_queries(2), without_the_rows():
        assert overview.overview_of(project).rankings == prompts
    with django_assert_num_queries(2), without_the_rows():
        assert overview.done_counts([project])[project.pk].done == prompts
        assert overview.own_counts(labeler, [project]) == {project.pk: prompts}


@contextmanager
def without_the_rows() -> Iterator[None]:
    """Whoever reads a table that grows with the work fails."""

    def refuse(execute: Callable, sql: str, *arguments: object) -> object:
        grown = re.findall(r'"labeling_(prompt|ranking|rankedcompletion|preferencepair|assignment|completion)"', sql)
        assert not grown, sql
        return execute(sql, *arguments)

    with connection.execute_wrapper(refuse):
        yield
