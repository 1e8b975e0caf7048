"""A backup brings a site back into an empty one as it was."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import threading
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from jobs import lifecycle
from labeling.data.versions import datasets
from labeling.models import Assignment, Completion, Project, Prompt, User
from operations.backup import tables
from operations.backup.backup import back_up
from operations.backup.progress import Silent
from rewardtrain.models import RewardModel, TrainingRun
from rewardtrain.registry.model_files import model_folder
from tests.factories import PASSWORD, make_prompt, rank
from tests.operations.backup.conftest import OpenEmpty, tree
from tests.upgrade.conftest import url

pytestmark = pytest.mark.django_db(transaction=True)


def everything() -> dict[str, list[Any]]:
    """All rows of all tables."""
    with connection.cursor() as cursor:
        found = {}
        for name in tables.ours(cursor):
            columns = ", ".join(f'"{column}"' for column in tables.columns_of(cursor, name))
            cursor.execute(f'SELECT {columns} FROM "{name}" ORDER BY 1')
            found[name] = cursor.fetchall()
        return found


def info(step: int, best: int | None) -> str:
    return json.dumps({"step": step, "values": {"stopping": {"best_step": best}}})


def restored(file: Path) -> str:
    said = io.StringIO()
    call_command("restore", str(file), stdout=said, verbosity=1)
    return said.getvalue()


def test_a_site_comes_back_as_it_was_and_people_go_on(
    site: Project, models: Path, empty: OpenEmpty, tmp_path: Path
) -> None:
    file, said = tmp_path / "site.tar.zst", io.StringIO()
    call_command("backup", str(file), stdout=said)
    assert "holds 1 projects, 2 accounts, 8 rankings" in said.getvalue()
    assert "manage.py restore FILE" in said.getvalue()
    assert file.stat().st_mode & 0o777 == 0o600
    before, files = everything(), tree(models)
    with empty(migrated=True) as data:
        assert "Restored as of" in restored(file)
        after = everything()
        assert {name: len(rows) for name, rows in after.items()} == {name: len(rows) for name, rows in before.items()}
        changed = {name for name in before if before[name] != after[name]}
        assert changed == {"rewardtrain_trainingrun"}  # it goes on
        run = site.runs.get(number=3)
        assert (run.state, run.attempts, run.worker, run.phase) == ("queued", 0, "", "")
        assert lifecycle.claim(TrainingRun, run.pk)
        left_out = {
            f"{run.folder}/out/checkpoints/{name}"
            for name in ("step-10/weights.pt", "step-10/info.json", "step-20/weights.pt")
        } | {f"{run.folder}/out/model/half.safetensors"}
        here = tree(data / "models")
        assert here == {name: sha256 for name, sha256 in files.items() if name not in left_out}
        version = site.dataset_versions.get()
        assert here[version.file] == version.sha256
        assert [group["id"] for group in datasets.read_groups(version)]
        champion, other = site.reward_models.get(champion=True), site.reward_models.get(champion=False)
        one, two = (model_folder(model) / "backbone.safetensors" for model in (champion, other))
        assert one.samefile(two), "heads share their backbone's file"
        assert one.stat().st_mode & 0o777 == 0o600
        call_command("check_counters", stdout=io.StringIO())
        assert User.objects.get(username="ann").check_password(PASSWORD)
        assert Assignment.objects.get(state="claimed").draft == {"comment": "half a thought"}
        make_prompt(site, external_id="later")
        ranking = rank(site, User.objects.get(username="manager-of-helpful"))
        assert ranking.pk > max(row[0] for row in before["labeling_ranking"])
        call_command("check_counters", stdout=io.StringIO())
        with pytest.raises(CommandError, match=r"(?s)not empty.*2 accounts, 1 projects.*Nothing was changed"):
            restored(file)
        assert Prompt.objects.filter(external_id="later").exists()


@pytest.mark.parametrize(
    ("infos", "copied"),
    [
        pytest.param({5: '{"step": 5}', 10: '{"step": 10}'}, {5, 10}, id="of before sharding: either may be the best"),
        pytest.param({5: info(5, 5), 10: info(10, 10), 15: info(15, 15)}, {15}, id="the newest is the best"),
        pytest.param({5: info(5, None), 10: info(10, None)}, {10}, id="not validated yet"),
        pytest.param({5: info(5, 5), 10: info(10, 5), 15: "{"}, {5, 10}, id="the newest is damaged"),
        pytest.param({10: info(10, 10), 15: info(15, 5)}, {10}, id="the best of the newest is lost"),
        pytest.param({5: "[]"}, set(), id="nothing to go on from"),
    ],
)
def test_a_run_that_goes_on_has_its_newest_checkpoint_and_its_best(
    site: Project, models: Path, tmp_path: Path, infos: dict[int, str], copied: set[int]
) -> None:
    folder = models / site.runs.get(number=3).folder / "out/checkpoints"
    shutil.rmtree(folder)
    for step, text in infos.items():
        (folder / f"step-{step}").mkdir(parents=True)
        (folder / f"step-{step}/info.json").write_text(text)
    call_command("backup", str(tmp_path / "site.tar.zst"), stdout=io.StringIO())
    with (
        pa.input_stream(tmp_path / "site.tar.zst", compression="zstd") as packed,
        tarfile.open(fileobj=io.BytesIO(packed.read())) as plain,
    ):
        names = plain.getnames()
    assert {int(name.split("step-")[1].split("/")[0]) for name in names if "/step-" in name} == copied


def test_the_rows_are_of_one_moment_while_others_write(
    site: Project, empty: OpenEmpty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection stores a project's prompt and a version's row after each table that was copied."""
    stop, wrote = threading.Event(), threading.Event()
    address = url(connection.settings_dict["NAME"])

    def write() -> None:
        with psycopg.connect(address, autocommit=True) as own:
            number = 0
            while not stop.wait(0.01):
                number += 1
                own.execute(
                    "INSERT INTO labeling_prompt SELECT (jsonb_populate_record(p, jsonb_build_object("
                    "'id', p.id + 1000 * %s, 'external_id', 'w' || %s::text))).* FROM labeling_prompt p "
                    "WHERE external_id = 'p11'",
                    (number, number),
                )
                own.execute(
                    "INSERT INTO labeling_completion SELECT (jsonb_populate_record(c, jsonb_build_object("
                    "'id', c.id + 1000 * %s, 'prompt_id', c.prompt_id + 1000 * %s))).* FROM labeling_completion c "
                    "JOIN labeling_prompt p ON p.id = c.prompt_id WHERE p.external_id = 'p11'",
                    (number, number),
                )
                wrote.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert wrote.wait(20)
        manifest = back_up(tmp_path / "b", Silent())
    finally:
        stop.set()
        writer.join()
    with empty():
        restored(tmp_path / "b")
        assert Prompt.objects.count() == manifest.rows_of("labeling_prompt")
        call_command("check_counters", stdout=io.StringIO())
        assert not Completion.objects.exclude(prompt__in=Prompt.objects.all()).exists()


def test_a_role_that_only_owns_its_database_can_restore(site: Project, empty: OpenEmpty, tmp_path: Path) -> None:
    back_up(tmp_path / "b", Silent())
    n_rankings = site.prompts.filter(ranked__gt=0).count()
    with psycopg.connect(url("postgres"), autocommit=True) as maintenance:
        maintenance.execute("CREATE ROLE plain LOGIN")
    own_user = connection.settings_dict["USER"]
    try:
        connection.settings_dict["USER"] = "plain"
        with empty(role="plain"):
            restored(tmp_path / "b")
            assert Prompt.objects.filter(ranked__gt=0).count() == n_rankings
            back_up(tmp_path / "again", Silent())
    finally:
        connection.close()
        connection.settings_dict["USER"] = own_user
        with psycopg.connect(url("postgres"), autocommit=True) as maintenance:
            maintenance.execute("DROP ROLE plain")


def test_logins_are_left_out_and_the_key_of_the_folder_comes(
    site: Project, empty: OpenEmpty, tmp_path: Path, client: Any
) -> None:
    client.force_login(User.objects.get(username="ann"))
    here = tmp_path / "here"
    here.mkdir()
    (here / "secret_key").write_text("of this site\n")
    with override_settings(DATA_DIR=here, SECRET_KEY="of this site"):
        assert "secret key" in _said_by_backup(tmp_path / "b")
    with empty() as data, override_settings(SECRET_KEY="made at the start"):
        (data / "secret_key").write_text("made at the start\n")
        restored(tmp_path / "b")
        assert (data / "secret_key").read_text() == "of this site\n"
        assert (data / "secret_key").stat().st_mode & 0o777 == 0o600
        assert not Session.objects.exists()


def test_a_key_that_the_operator_set_is_not_in_it_and_that_is_said(site: Project, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "secret_key").write_text("not in use\n")
    with override_settings(DATA_DIR=here, SECRET_KEY="of the environment"):
        assert "SECRET_KEY is set by you and not in it" in _said_by_backup(tmp_path / "b")


def _said_by_backup(file: Path) -> str:
    said = io.StringIO()
    call_command("backup", str(file), stdout=said)
    return said.getvalue()


def test_a_lost_or_changed_file_is_named_and_the_rest_is_there(
    site: Project, models: Path, empty: OpenEmpty, tmp_path: Path
) -> None:
    challenger = RewardModel.objects.get(champion=False)
    (models / challenger.folder / "head.safetensors").write_bytes(b"other bytes")
    (models / site.dataset_versions.get().file).unlink()
    with pytest.raises(CommandError, match=r"(?s)whole but for 2 files.*00001.parquet.*head.safetensors \(it was"):
        _said_by_backup(tmp_path / "b")
    with empty():
        restored(tmp_path / "b")
        assert model_folder(RewardModel.objects.get(champion=True)).is_dir()
