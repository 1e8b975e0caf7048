"""Whatever happens in whatever order: pairs follow from the rankings that stand, counters count them, and frozen
versions stay as they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.answers import rankings
from labeling.data.exporting import exports
from labeling.data.importing.background import import_jobs, import_worker
from labeling.data.importing.imports import import_lines
from labeling.data.revising import erasures, revisions
from labeling.data.versions import datasets
from labeling.data.withdrawing import withdrawals
from labeling.errors import PodiumError
from labeling.models import (
    Assignment,
    DatasetVersion,
    Import,
    PreferencePair,
    Project,
    Prompt,
    RankedCompletion,
    Ranking,
    User,
)
from labeling.projects import counters
from labeling.queue import claims
from tests.factories import join, make_import, make_project, tiers_of

NO_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

pytestmark = pytest.mark.django_db

RANKS = [(1, 2, 3), (3, 2, 1), (1, 1, 2), (2, 1, 1), (1, 1, 1)]
Say = dict[int, tuple[int, ...]]  # ranks by assignment


@dataclass
class World:
    """A project, and what has to be true of it, kept by the plainest rules."""

    project: Project
    labelers: list[User]
    said: Say = field(default_factory=dict)  # of prompts that are withdrawn too
    withdrawn: set[int] = field(default_factory=set)  # prompts
    files: dict[int, str] = field(default_factory=dict)  # checksums by version
    erased: set[int] = field(default_factory=set)  # of these, and they stay so
    jobs: list[Import] = field(default_factory=list)  # imports that a worker did

    def imports(self, n: int) -> None:
        names = [f"p{n % 5}", f"p{(n + 1) % 5}"]
        rows = [
            {
                "id": name,
                "prompt": f"Question {name}?",
                "completions": [{"id": each, "text": f"{each} of {name}"} for each in "abc"],
                "rankings": [{"labeler": f"elsewhere{n % 2}", "ranks": list(RANKS[int(name[1])])}] * (n % 3 > 0),
            }
            for name in names
        ]
        lines = [json.dumps(row).encode() for row in rows]
        if n % 2:
            import_lines(self.project, lines)
        else:
            self.jobs.append(make_import(self.project, b"\n".join(lines).decode()))
        recorded = Assignment.objects.filter(
            prompt__project=self.project, rankings__source="imported", rankings__live=True
        )
        for assignment in recorded.exclude(pk__in=self.said).select_related("prompt"):
            self.said[assignment.pk] = RANKS[int(assignment.prompt.external_id[1])]

    def undoes_import(self, n: int) -> None:
        """Takes back what an import brought: its rankings, and its prompts that nobody else worked on."""
        if not self.jobs:
            return
        job = self.jobs[n % len(self.jobs)]
        brought = set(Ranking.objects.filter(imported_by=job).values_list("assignment_id", flat=True))
        others = Assignment.objects.filter(prompt__project=self.project).exclude(pk__in=brought)
        kept = set(others.values_list("prompt_id", flat=True))
        gone = set(Prompt.objects.filter(imported_by=job).values_list("pk", flat=True)) - kept
        import_jobs.undo(job)
        import_worker.work(job.pk)
        job.refresh_from_db()
        assert job.state == "succeeded", job.error
        assert not Prompt.objects.filter(pk__in=gone).exists()
        self.said = {key: ranks for key, ranks in self.said.items() if key not in brought}
        self.withdrawn -= gone
        self.erased -= gone

    def erases(self, n: int) -> None:
        """Erases a prompt's texts: it is withdrawn and stays so, and nothing was said of it."""
        prompts = list(Prompt.objects.filter(project=self.project).order_by("pk"))
        if n % 4 or not prompts:  # else soon none is left
            return
        prompt = prompts[n % len(prompts)]
        erasures.erase(self.project, prompt, confirm=prompt.external_id, by=None)
        self.withdrawn.add(prompt.pk)
        self.erased.add(prompt.pk)

    def corrects(self, n: int) -> None:
        """Changes a prompt's texts, or writes those that it began with again."""
        prompts = list(Prompt.objects.filter(project=self.project).order_by("pk"))
        if not prompts:
            return
        prompt = prompts[n % len(prompts)]
        asked = f"Question {prompt.external_id}?" + f" {n % 3}" * (n % 3 > 0)
        is_same = prompt.messages[0]["content"] == asked
        messages = [{"role": "user", "content": asked}]
        base = prompt.revision
        refused = code_of(lambda: revisions.revise(self.project, prompt, base=base, by=None, messages=messages))
        assert refused == ("erased" if prompt.pk in self.erased else None)
        if not is_same and refused is None:
            of_it = set(Assignment.objects.filter(prompt=prompt).values_list("pk", flat=True))
            self.said = {key: ranks for key, ranks in self.said.items() if key not in of_it}

    def submits(self, n: int) -> None:
        if task := claims.claim(self.project, self.labelers[n % 3]):
            assert task.prompt_id not in self.withdrawn
            rankings.submit(task, {"tiers": tiers_of(task, RANKS[n % 5])})
            self.said[task.pk] = RANKS[n % 5]

    def claims(self, n: int) -> None:
        claims.claim(self.project, self.labelers[n % 3])

    def answers_late(self, n: int) -> None:
        """Answers a task that was given back or ended, from a page that still shows it."""
        ended = Assignment.objects.filter(prompt__project=self.project, state="released").select_related("prompt")
        if tasks := list(ended):
            task = tasks[n % len(tasks)]
            refused = code_of(lambda: rankings.submit(task, {"tiers": tiers_of(task, RANKS[n % 5])}))
            if refused is None:
                self.said[task.pk] = RANKS[n % 5]
            elif task.prompt_id in self.withdrawn:
                assert refused == "prompt_withdrawn"
            elif task.prompt.revised_at and task.prompt.revised_at > task.claimed_at:
                assert refused == "prompt_revised"
            else:
                assert refused == "lease_expired"

    def amends(self, n: int) -> None:
        self._of_one(n, lambda task: rankings.amend(task, {"tiers": tiers_of(task, RANKS[n % 5])}), RANKS[n % 5])

    def undoes(self, n: int) -> None:
        self._of_one(n, rankings.withdraw, None)

    def withdraws(self, n: int) -> None:
        names, keys = self._some(n)
        assert withdrawals.withdraw(self.project, names).prompts == len(keys - self.withdrawn)
        self.withdrawn |= keys

    def puts_back(self, n: int) -> None:
        names, keys = self._some(n)
        due = keys & self.withdrawn - self.erased
        assert withdrawals.restore(self.project, names).prompts == len(due)
        self.withdrawn -= due

    def freezes(self, n: int) -> None:
        refused = code_of(lambda: datasets.freeze(self.project))
        assert refused in (None, "no_pairs")
        for version in DatasetVersion.objects.filter(project=self.project):
            self.files.setdefault(version.number, version.sha256)

    def _some(self, n: int) -> tuple[list[str], set[int]]:
        prompts = {prompt.external_id: prompt.pk for prompt in Prompt.objects.filter(project=self.project)}
        names = [name for place, name in enumerate(sorted(prompts)) if n >> place & 1]
        return [*names, "unknown"], {prompts[name] for name in names}

    def _of_one(self, n: int, act: Callable[[Assignment], object], says: tuple[int, ...] | None) -> None:
        if not self.said:
            return
        key = sorted(self.said)[n % len(self.said)]
        task = Assignment.objects.select_related("prompt__project").get(pk=key)
        refused = code_of(lambda: act(task))
        if refused is not None:
            assert refused == ("prompt_withdrawn" if task.prompt_id in self.withdrawn else "imported")
            return
        self.said.pop(key)
        if says is not None:
            self.said[key] = says

    def check(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        prompts = {prompt.pk: prompt for prompt in Prompt.objects.filter(project=self.project)}
        assert {key for key, prompt in prompts.items() if prompt.withdrawn_at} == self.withdrawn
        standing = Ranking.objects.filter(prompt__project=self.project, live=True)
        of_task = dict(Assignment.objects.filter(pk__in=self.said).values_list("pk", "prompt_id"))
        expected = {key: said for key, said in self.said.items() if of_task[key] not in self.withdrawn}
        assert {each.assignment_id: ranks_of(each) for each in standing} == expected
        assert pairs_of(self.project) == sorted(pair for ranking in standing for pair in expansion(ranking))
        assert not Assignment.objects.filter(prompt__in=self.withdrawn, state="claimed").exists()
        self._check_numbers(prompts)
        for version in DatasetVersion.objects.filter(project=self.project):
            data = datasets.path_of(version).read_bytes()
            assert hashlib.sha256(data).hexdigest() == version.sha256 == self.files[version.number]
            assert sum(1 for _ in datasets.read_groups(version)) == version.n_prompts

    def _check_numbers(self, prompts: dict[int, Prompt]) -> None:
        assert counters.differences(self.project) == []
        total = counters.of(self.project).total
        here = [prompt for key, prompt in prompts.items() if key not in self.withdrawn]
        assert (total.prompts, total.withdrawn) == (len(here), len(self.withdrawn))
        assert total.settled == sum(prompt.ranked >= prompt.overlap for prompt in here)
        exported = exports.stream_pairs(self.project, file_format="jsonl", layout="standard", split="all")
        assert b"".join(exported).count(b"\n") == total.pairs
        for prompt in prompts.values():
            assert prompt.ranked == Assignment.objects.filter(prompt=prompt, state="ranked").count()


def code_of(act: Callable[[], object]) -> str | None:
    """Why it was refused, if it was."""
    try:
        act()
    except PodiumError as error:
        return error.code
    return None


def ranks_of(ranking: Ranking) -> tuple[int, ...]:
    rows = RankedCompletion.objects.filter(ranking=ranking).order_by("completion__position")
    return tuple(rows.values_list("rank", flat=True))


def expansion(ranking: Ranking) -> list[tuple[int, int, int]]:
    rows = list(RankedCompletion.objects.filter(ranking=ranking).values_list("completion_id", "rank"))
    return [(ranking.pk, one, other) for one, best in rows for other, worse in rows if best < worse]


def pairs_of(project: Project) -> list[tuple[int, int, int]]:
    rows = PreferencePair.objects.filter(project=project).values_list("ranking_id", "chosen_id", "rejected_id")
    return sorted(rows)


ACTS = {
    name: getattr(World, name)
    for name in (
        *("imports", "submits", "claims", "answers_late", "amends", "undoes", "withdraws", "puts_back", "freezes"),
        *("undoes_import", "corrects", "erases"),
    )
}
STEPS = st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(0, 31)), min_size=4, max_size=24)


@settings(max_examples=30, deadline=None, suppress_health_check=NO_CHECKS)
@given(steps=STEPS)
def test_any_sequence_leaves_pairs_of_the_rankings_that_stand(steps: list[tuple[str, int]]) -> None:
    project = make_project(overlap=2)
    world = World(project, [join(project) for _ in range(3)])
    world.imports(4)
    for name, n in steps:
        ACTS[name](world, n)
        world.check()
    world.puts_back(31)
    world.check()
    tasks = Assignment.objects.filter(pk__in=world.said).exclude(prompt__in=world.erased)
    assert Ranking.objects.filter(prompt__project=project, live=True).count() == tasks.count()
