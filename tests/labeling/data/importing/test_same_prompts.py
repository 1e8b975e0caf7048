"""Prompts that are the same stand on one side, in whatever file, import, project or version they came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext

from formats.prompts import prompt_key, split_of
from labeling.data.importing.imports import import_lines
from labeling.data.versions import datasets
from labeling.models import Project, Prompt
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import build_dataset
from rewardtrain.core.data.groups import read_groups
from tests.factories import make_project
from tests.labeling.api.client import row
from tests.session.older import older, upgrade
from tests.threads import at_once

TWINS = ["Why?", "Why? ", "\ufeffWhy?\r\n", "\N{NO-BREAK SPACE}Why\N{ZERO WIDTH SPACE}?"]


def lines(*rows: dict[str, object]) -> list[bytes]:
    return [json.dumps(each).encode() for each in rows]


def splits(project: Project) -> set[str]:
    return set(project.prompts.values_list("split", flat=True))


def old_prompt(project: Project, question: str, split: str) -> Prompt:
    """As Podium stored one before prompts were normalised: on the side that a hash of its own said."""
    return Prompt.objects.create(
        project=project,
        external_id=f"old {question}",
        messages=[{"role": "user", "content": question}],
        content_sha256=sha256(f"old {question}".encode()).hexdigest(),
        prompt_key=prompt_key([("user", question)], []),
        split=split,
    )


@pytest.mark.django_db
class TestImporting:
    def test_twins_of_one_file_stand_on_one_side(self) -> None:
        project = make_project()
        for n in range(60):
            question = TWINS[0].replace("Why", f"Why {n}")
            twins = [row(f"{n}-{place}", prompt=twin.replace("Why", f"Why {n}")) for place, twin in enumerate(TWINS)]
            assert import_lines(project, lines(*twins)).created == len(TWINS)
            assert set(project.prompts.filter(external_id__startswith=f"{n}-").values_list("split", flat=True)) == {
                split_of(prompt_key([("user", question)], []))
            }
        assert splits(project) == {"train", "validation", "test"}

    def test_twins_of_two_files_and_projects_stand_on_one_side(self) -> None:
        first, second = make_project(), make_project()
        for place, twin in enumerate(TWINS):
            import_lines(first, lines(row(f"q{place}", prompt=twin)))
            import_lines(second, lines(row(f"r{place}", prompt=[{"role": "user", "content": twin}])))
        assert len(splits(first) | splits(second)) == 1
        assert first.prompts.count() == second.prompts.count() == len(TWINS)

    @pytest.mark.parametrize("side", ["train", "validation", "test"])
    def test_a_new_twin_joins_the_side_of_one_that_is_there_whatever_its_hash_says(self, side: str) -> None:
        project = make_project()
        old = old_prompt(project, "Why? ", side)
        import_lines(project, lines(row("new", prompt="Why?"), row("newer", prompt="\nWhy?")))
        new = Prompt.objects.get(external_id="new")
        assert splits(project) == {side}
        assert new.content_sha256 == Prompt.objects.get(pk=old.pk).content_sha256  # held out of automatic labels alike
        import_lines(project, lines(row("newest", prompt="  Why?")))
        assert splits(project) == {side}

    def test_where_old_twins_stand_apart_they_stay_and_a_new_one_is_held_out(self) -> None:
        project = make_project()
        for side, twin in zip(("train", "test", "validation"), TWINS, strict=False):
            old_prompt(project, twin, side)
        import_lines(project, lines(row("new", prompt="Why?   ")))
        assert Prompt.objects.get(external_id="new").split == "test"
        assert list(project.prompts.order_by("id").values_list("split", flat=True)[:3]) == [
            "train",
            "test",
            "validation",
        ]

    def test_a_twin_in_another_project_does_not_count(self) -> None:
        key = prompt_key([("user", "Why?")], [])
        other = "test" if split_of(key) != "test" else "train"
        old_prompt(make_project(), "Why?", other)
        project = make_project()
        import_lines(project, lines(row("new", prompt="Why?")))
        assert splits(project) == {split_of(key)}

    def test_texts_that_stand_alone_are_the_same_by_their_text(self) -> None:
        project = make_project(kind="classification", flags=[{"name": "rude", "label": "Rude"}])
        alone = [row(f"t{n}", prompt="", completions=[{"id": "a", "text": text}]) for n, text in enumerate(TWINS)]
        assert import_lines(project, lines(*alone)).created == len(TWINS)
        assert len(splits(project)) == 1

    def test_looking_for_twins_reads_an_index(self) -> None:
        project = make_project()
        with connection.cursor() as cursor, CaptureQueriesContext(connection) as queries:
            cursor.execute(
                "INSERT INTO labeling_prompt (project_id, external_id, messages, content_sha256, split, overlap, "
                "metadata, held_reason, created_at) "
                "SELECT %s, n::text, '[]', md5(n::text), 'train', 1, '{}', '', now() FROM generate_series(1, 5000) n",
                [project.pk],
            )
            cursor.execute("ANALYZE labeling_prompt")
            import_lines(project, lines(*(row(f"q{n}") for n in range(20))))
            [asked] = [query["sql"] for query in queries.captured_queries if "COALESCE" in query["sql"]]
            cursor.execute(f"EXPLAIN {asked}")
            assert "prompt_same" in str(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_twins_of_two_imports_at_once_stand_on_one_side() -> None:
    """Whichever is second waits for the first and joins it; here an old hash would have it elsewhere."""
    project = make_project()
    old_prompt(project, "Why? ", "test")

    def bring(place: int) -> int:
        twins = [row(f"{place}-{n}", prompt=twin) for n, twin in enumerate(TWINS)]
        return import_lines(project, lines(*twins)).created

    assert sum(at_once([partial(bring, place) for place in range(4)])) == 4 * len(TWINS)
    assert splits(project) == {"test"}


@pytest.mark.django_db(transaction=True)
def test_the_same_file_twice_at_once_goes_in_once() -> None:
    project = make_project()
    rankings = [{"labeler": "ann", "ranks": [1, 2]}]
    file = lines(*(row(f"q{n}", rankings=rankings) for n in range(50)))
    reports = at_once([partial(import_lines, project, file[::order]) for order in (1, -1, 1)])
    assert sum(report.created for report in reports) == 50
    assert sum(report.skipped for report in reports) == 100
    assert sum(report.n_errors for report in reports) == 0
    assert sum(report.rankings for report in reports) == 50


@pytest.mark.django_db
def test_a_frozen_version_and_training_keep_sides_and_leave_old_leaks_out() -> None:
    project = make_project()
    rankings = [{"labeler": "ann", "ranks": [1, 2]}]
    import_lines(project, lines(*(row(f"q{n}", prompt=f"Why {n}?", rankings=rankings) for n in range(30))))
    first = datasets.freeze(project)
    twin = next(iter(project.prompts.filter(split="test"))).messages[0]["content"] + " "
    import_lines(project, lines(row("twin", prompt=twin, rankings=rankings)))
    second = datasets.freeze(project)
    assert second.number == first.number + 1
    sides = {group.id: group.split for group in read_groups(datasets.path_of(second))}
    assert sides == dict(project.prompts.values_list("external_id", "split"))
    assert sides["twin"] == "test"


def test_plain_files_are_split_by_the_same_rule_and_their_leaks_left_out(tmp_path: Path) -> None:
    ranked = {"rankings": [{"labeler": "ann", "ranks": [1, 2]}]}
    file = tmp_path / "plain.jsonl"
    plain = [
        row(f"{n}-{p}", prompt=twin.replace("Why", f"Why {n}"), **ranked)
        for n in range(40)
        for p, twin in enumerate(TWINS)
    ]
    leaky = [row("a", prompt="Leak?", split="test", **ranked), row("b", prompt=" Leak?\n", split="train", **ranked)]
    file.write_bytes(b"\n".join(lines(*plain, *leaky)))
    groups = read_groups(file)
    by_prompt: dict[str, set[str]] = {}
    for group in groups[: len(plain)]:
        by_prompt.setdefault(group.id.partition("-")[0], set()).add(group.split)
    assert all(len(sides) == 1 for sides in by_prompt.values())
    dataset = build_dataset(groups, TrainConfig())
    assert dataset.left_out["leak"] == 1


@pytest.fixture
def project(transactional_db: None) -> Project:
    return make_project()  # while the tables are as its model says


@pytest.fixture
def before(project: Project) -> Iterator[MigrationExecutor]:
    with older([("labeling", "0008_keys_shown")]) as executor:
        yield executor


def test_an_older_database_keeps_its_sides_and_knows_its_twins(project: Project, before: MigrationExecutor) -> None:
    old = before.loader.project_state([("labeling", "0008_keys_shown")]).apps.get_model("labeling", "Prompt")
    key, text_key = prompt_key([("user", "Why?")], []), prompt_key([("user", "")], ["Text."])
    sides = {"plain": "train", "blank": "test", "alone": "validation"}
    for name, text, digest in (("plain", "Why?", key), ("blank", "Why? ", "b" * 64), ("alone", "", "c" * 64)):
        messages = [{"role": "user", "content": text}]
        about = {"project_id": project.pk, "external_id": name, "split": sides[name]}
        old.objects.create(messages=messages, content_sha256=digest, **about)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO labeling_completion (prompt_id, external_id, text, model_name, position) "
            "SELECT id, 'a', 'Text.', '', 0 FROM labeling_prompt WHERE external_id = 'alone'"
        )
    upgrade(before)
    prompts = project.prompts.all()
    assert dict(prompts.values_list("external_id", "split")) == sides
    keys = {"plain": None, "blank": key, "alone": text_key}
    assert dict(prompts.values_list("external_id", "prompt_key")) == keys
    import_lines(project, lines(row("new", prompt="Why?\n")))
    assert Prompt.objects.get(external_id="new").split == "test"
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Prompt.objects.filter(external_id="blank").update(prompt_key=None)
