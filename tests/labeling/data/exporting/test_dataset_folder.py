"""A version as a Hugging Face dataset folder: `datasets` loads it, an import takes it again, and nobody is named."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import datasets as hf
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from huggingface_hub import DatasetCard

from labeling.data.exporting import dataset_folder, exports
from labeling.data.importing.imports import import_records
from labeling.data.importing.upload_lines import records_of
from labeling.data.versions import contents
from labeling.data.versions.datasets import freeze, path_of
from labeling.errors import Invalid
from labeling.models import DatasetVersion, Project, Split, User
from tests.factories import answer, join, make_project, make_prompt, rank
from tests.labeling.api.client import as_user, bytes_of, errors_of

pytestmark = pytest.mark.django_db
AWKWARD = ['=HYPERLINK("x")', 'a "quoted", text\r\nin two lines', "数学 ∑ 👩‍🔬 \u2028 é", "+1"]


@pytest.fixture
def project() -> Project:
    """Two labelers, ties, strengths, flags, every split."""
    project = make_project(slug="helpful", overlap=2, ask_strength=True, flags=[{"name": "rude", "label": "Rude"}])
    make_prompt(project, split="train", external_id="z", texts=["best", "worst"])
    make_prompt(project, split="validation", external_id="b", texts=AWKWARD)
    make_prompt(project, split="test", external_id="c", texts=["yes", "no"])
    make_prompt(project, split="train", external_id="a", texts=["one", "two", "three"])
    make_prompt(project, split="train", external_id="nobody ranked me")
    for labeler, ranks in (("lena", [[1, 2], [1, 2, 2, 3], [2, 1], [1, 1, 2]]), ("otto", [[2, 1], [4, 3, 2, 1]])):
        for said in ranks:
            rank(project, join(project, username=labeler) if said is ranks[0] else by(labeler), said)
    return project


def by(name: str) -> User:
    return User.objects.get(username=name)


@pytest.fixture
def version(project: Project) -> DatasetVersion:
    return freeze(project)


def unpacked(version: DatasetVersion, into: Path, split: str | None = None) -> Path:
    folder = dataset_folder.folder_of(version, split)
    with zipfile.ZipFile(io.BytesIO(b"".join(folder.stream()))) as archive:
        assert archive.testzip() is None
        archive.extractall(into)
    return into / folder.name


def load(folder: Path, cache: Path, *config: str) -> Any:
    return hf.load_dataset(str(folder), *config, cache_dir=str(cache))


def test_datasets_loads_both_configs_with_their_splits(version: DatasetVersion, tmp_path: Path) -> None:
    folder = unpacked(version, tmp_path, "all")
    assert folder.name == "helpful-v1-train-validation-test"
    pairs, rankings = load(folder, tmp_path / "cache"), load(folder, tmp_path / "cache", "rankings")
    assert {split: len(rows) for split, rows in pairs.items()} == {"train": 4, "validation": 11, "test": 1}
    assert {split: rows["id"] for split, rows in rankings.items()} == {
        "train": ["z", "a"], "validation": ["b"], "test": ["c"],
    }  # fmt: skip
    first = pairs["train"][0]
    assert first["prompt"] == [{"role": "user", "content": "Question z?"}]
    assert first["chosen"] == [{"role": "assistant", "content": "best"}]
    assert [one["text"] for one in rankings["validation"][0]["completions"]] == AWKWARD


def test_the_pairs_are_those_of_an_export(project: Project, version: DatasetVersion, tmp_path: Path) -> None:
    folder = unpacked(version, tmp_path, "all")
    for split in Split.values:
        exported = exports.stream_pairs(
            project, file_format="parquet", layout="conversational", split=split, version=version
        )
        assert (folder / f"pairs/{split}-00000.parquet").read_bytes() == b"".join(exported)


def test_test_prompts_stay_out_unless_they_are_asked_for(version: DatasetVersion, tmp_path: Path) -> None:
    folder = unpacked(version, tmp_path)
    assert folder.name == "helpful-v1-train-validation"
    assert not list(folder.rglob("test-*"))
    assert "The test prompts are not in it" in (folder / "README.md").read_text()
    assert sorted(load(folder, tmp_path / "cache")) == ["train", "validation"]


def test_nobody_is_named_and_the_same_people_have_the_same_numbers(version: DatasetVersion, tmp_path: Path) -> None:
    folder = unpacked(version, tmp_path, "all")
    whole = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    assert b"otto" not in whole
    assert b"lena" not in whole
    rows = load(folder, tmp_path / "cache", "rankings")
    said = {row["id"]: [one["labeler"] for one in row["rankings"]] for split in rows.values() for row in split}
    assert said == {
        "z": ["labeler-1", "labeler-2"],
        "b": ["labeler-1", "labeler-2"],
        "c": ["labeler-1"],
        "a": ["labeler-1"],
    }


def test_the_card_counts_what_is_there_and_leaves_the_licence_to_people(
    version: DatasetVersion, tmp_path: Path
) -> None:
    card = DatasetCard.load(unpacked(version, tmp_path, "all") / "README.md")
    assert card.data.license is None
    assert card.data.pretty_name == "Helpful"
    assert [config["config_name"] for config in card.data.configs] == ["pairs", "rankings"]
    assert version.sha256 in card.text
    assert contents.sha256_of(version, Split.values) in card.text
    assert "| train | 2 | 3 | 4 | 1 | 0 |" in card.text
    assert "What 2 people said" in card.text


def pull(folder: Path, slug: str) -> Project:
    project = make_project(slug=slug, ask_strength=True, flags=[{"name": "rude", "label": "Rude"}])
    for path in sorted((folder / "rankings").iterdir()):
        with path.open("rb") as file:
            report = import_records(project, records_of(file, path.name))
        assert (report.n_errors, report.stopped) == (0, None)
    return project


@pytest.mark.parametrize("split", [None, "all"])
def test_an_import_into_an_empty_project_freezes_to_the_same_contents(tmp_path: Path, split: str | None) -> None:
    """Prompts come in another order, and rankings and labelers have other ids and names."""
    project = make_project(slug="source", overlap=3, flags=[{"name": "rude", "label": "Rude"}])
    for number in range(40):
        make_prompt(project, external_id=f"p{number * 7 % 40}", k=3)
    people = [join(project) for _ in range(3)]
    for number in range(100):
        rank(project, people[number % 3], [(1, 2, 3), (2, 2, 1), (3, 1, 2)][number % 7 % 3])
    version = freeze(project)
    folder = unpacked(version, tmp_path, split)
    pulled = freeze(pull(folder, "target"))
    wanted = contents.sha256_of(version, exports.splits_of(split))
    assert pulled.sha256 != version.sha256
    assert contents.sha256_of(pulled, Split.values) == wanted
    assert wanted in (folder / "README.md").read_text()
    again = unpacked(pulled, tmp_path / "again", split)
    assert contents.sha256_of(freeze(pull(again, "third")), Split.values) == wanted


def test_what_anybody_said_otherwise_is_another_checksum(project: Project, version: DatasetVersion) -> None:
    before = contents.sha256_of(version, Split.values)
    assert before != contents.sha256_of(version, ["train"])
    rank(project, by("otto"), [1, 2])
    assert contents.sha256_of(freeze(project), Split.values) != before


def test_single_texts_with_flags_have_no_pairs(tmp_path: Path) -> None:
    project = make_project(kind=Project.Kind.CLASSIFICATION, flags=[{"name": "rude", "label": "Rude"}])
    for number in range(3):
        make_prompt(project, question="", texts=[f"Text {number}"], split="train")
    labeler = join(project)
    for _ in range(3):
        answer(project, labeler, rude=True)
    folder = unpacked(freeze(project), tmp_path)
    assert not (folder / "pairs").exists()
    rows = load(folder, tmp_path / "cache")
    assert [json.loads(row["rankings"][0]["flags"]) for row in rows["train"]] == [[{"rude": True}]] * 3


def test_a_split_without_prompts_or_of_another_name_is_refused(project: Project) -> None:
    version = freeze(project)
    client, url = as_user(project.created_by), reverse("labeling_api:dataset_folder", args=["helpful", version.number])
    assert errors_of(client.get(f"{url}?split=tset")) == [("unknown_split", "split")]
    only = make_project()
    make_prompt(only, split="test")
    rank(only, join(only))
    with pytest.raises(Invalid, match=r"Version 1 has no prompts in train, validation\."):
        dataset_folder.folder_of(freeze(only))


def test_a_version_whose_file_is_gone_says_so_before_the_first_byte(project: Project, version: DatasetVersion) -> None:
    path_of(version).unlink()
    client, url = as_user(project.created_by), reverse("labeling_api:dataset_folder", args=["helpful", version.number])
    assert errors_of(client.get(url)) == [("version_file_gone", None)]


def test_page_and_api_give_the_same_folder_for_few_statements(project: Project, version: DatasetVersion) -> None:
    client = as_user(project.created_by)
    url = reverse("labeling_api:dataset_folder", args=["helpful", version.number])
    client.get(url)
    with CaptureQueriesContext(connection) as asked:
        response = client.get(f"{url}?split=train")
        data = bytes_of(response)
    assert len(asked) <= 6, [query["sql"] for query in asked]
    assert response["X-Podium-Split"] == "train"
    assert response["Content-Disposition"] == 'attachment; filename="helpful-v1-train.zip"'
    assert data == b"".join(dataset_folder.folder_of(version, "train").stream())


def test_a_name_with_line_ends_stays_in_its_line(project: Project, tmp_path: Path) -> None:
    project.name = "One\n---\n# Two: 'x'\n{y}"
    project.save()
    folder = unpacked(freeze(project), tmp_path)
    card = DatasetCard.load(folder / "README.md")
    assert card.data.pretty_name == "One --- # Two: 'x' {y}"
    assert len(re.findall("^# ", card.text, re.M)) == 1
