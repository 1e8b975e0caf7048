"""A model leaves as a zip: what its manifest lists and nothing else, and plain transformers gives the same logits."""

from __future__ import annotations

import hashlib
import html
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from labeling.models import Project, Role
from rewardtrain.models import RewardModel
from rewardtrain.registry.model_files import model_folder
from tests.factories import join, make_project, make_user
from tests.labeling.api.client import as_user, bytes_of, errors_of
from tests.rewardtrain.conftest import make_model, make_version
from tests.rewardtrain.model_folders import FILES, write_folder

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/projects/helpful/models/1/download/"


@pytest.fixture
def model() -> RewardModel:
    project = make_project(slug="helpful")
    return make_model(project, version=make_version(project, training_pairs=10))


@pytest.fixture
def folder(model: RewardModel) -> Path:
    return write_folder(model)


@pytest.fixture
def project(model: RewardModel) -> Project:
    return model.project


@pytest.fixture
def page(project: Project) -> Client:
    client = Client()
    client.force_login(project.created_by)
    return client


def test_the_zip_holds_what_the_manifest_lists_and_no_leftovers(project: Project, folder: Path) -> None:
    (folder / "optimizer.bin").write_bytes(b"left over")
    (folder / "config.json.tmp").write_bytes(b"half")
    response = as_user(project.created_by).get(ADDRESS)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"] == 'attachment; filename="helpful-model-1.zip"'
    data = bytes_of(response)
    assert response["Content-Length"] == str(len(data))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    manifest = (folder / "manifest.json").read_bytes()
    sums = found.pop("helpful-model-1/SHA256SUMS").decode()
    assert found == {f"helpful-model-1/{name}": text for name, text in {**FILES, "manifest.json": manifest}.items()}
    assert sums == "".join(
        f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in {**FILES, "manifest.json": manifest}.items()
    )


def test_page_and_api_give_the_same_bytes_whenever_they_are_asked(project: Project, folder: Path, page: Client) -> None:
    once, again = (bytes_of(as_user(project.created_by).get(ADDRESS)) for _ in range(2))
    shown = page.get(reverse("model_download", args=["helpful", 1]))
    assert once == again == bytes_of(shown)
    assert shown["Content-Length"] == str(len(once))


def break_size(folder: Path) -> str:
    (folder / "model.safetensors").write_bytes(b"short")
    return "model.safetensors"


def break_file(folder: Path) -> str:
    (folder / "config.json").unlink()
    return "config.json"


def break_manifest(folder: Path) -> str:
    listed = json.loads((folder / "manifest.json").read_text())
    listed["files"]["../../../secret_key"] = {"bytes": 50, "sha256": "0" * 64}
    (folder / "manifest.json").write_text(json.dumps(listed))
    return "manifest.json"


def lose_manifest(folder: Path) -> str:
    (folder / "manifest.json").unlink()
    return "manifest.json"


@pytest.mark.parametrize("damage", [break_size, break_file, break_manifest, lose_manifest])
def test_a_model_that_is_not_whole_says_which_file_before_the_first_byte(
    project: Project, folder: Path, page: Client, damage: object
) -> None:
    name = damage(folder)  # type: ignore[operator]
    response = as_user(project.created_by).get(ADDRESS)
    assert (response.status_code, errors_of(response)) == (409, [("model_files_gone", None)])
    words = response.json()["errors"][0]["detail"]
    assert words.startswith(f"Model 1 can't leave: its file {name} is missing or was changed on the server.")
    assert str(folder) not in words
    back = page.get(reverse("model_download", args=["helpful", 1]), follow=True)
    assert back.redirect_chain == [("/p/helpful/models/1/", 302)]
    assert html.escape(words) in back.content.decode()


def test_the_api_opens_for_managers_alone(project: Project, folder: Path) -> None:
    people = {
        "owner": project.created_by,
        "administrator": make_user(superuser=True),
        "reviewer": join(project, Role.REVIEWER),
        "labeler": join(project),
        "stranger": make_project().created_by,
        "nobody": None,
    }
    assert {who: as_user(user).get(ADDRESS).status_code for who, user in people.items()} == {
        "owner": 200, "administrator": 200, "reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401,
    }  # fmt: skip


def test_a_version_that_is_not_there_is_a_404(project: Project, page: Client) -> None:
    assert as_user(project.created_by).get(ADDRESS.replace("/1/", "/9/")).status_code == 404
    assert page.get(reverse("model_download", args=["helpful", 9])).status_code == 404


def test_a_download_costs_no_more_statements_than_a_look(project: Project, folder: Path, page: Client) -> None:
    address = reverse("model_download", args=["helpful", 1])
    page.get(address)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        bytes_of(page.get(address))
    assert len(asked) <= 5, [query["sql"] for query in asked]


def snippet(text: str, name: str) -> str:
    found = re.search(rf'id="snippet-{name}"[^>]*>([^<]*)<', text)
    assert found
    return html.unescape(found[1])


def test_the_page_says_how_large_it_is_and_how_to_get_it(project: Project, folder: Path, page: Client) -> None:
    text = page.get(reverse("model", args=["helpful", 1])).content.decode()
    model = project.reward_models.get()
    assert model.manifest_sha256 in text
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert re.search(rf"Download {size / 1024:.1f}\sKB", " ".join(text.split(" ")))
    assert snippet(text, "curl").splitlines() == [
        'curl -fLo helpful-model-1.zip -H "Authorization: Bearer $PODIUM_TOKEN" \\',
        "  http://testserver" + ADDRESS,
        "unzip helpful-model-1.zip && (cd helpful-model-1 && sha256sum --check SHA256SUMS)",
    ]
    (folder / "config.json").unlink()
    gone = page.get(reverse("model", args=["helpful", 1])).content.decode()
    assert "its file config.json is missing" in gone
    assert "snippet-curl" not in gone
    with translation.override("de"):
        assert "config.json" in page.get(reverse("model", args=["helpful", 1])).content.decode()


CHECK = """
import json, re, sys
lines, texts = json.load(sys.stdin)
exec(lines)
import torch
inputs = tokenizer(texts[0], texts[1], return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits
import os
os.chdir(sys.argv[1])
card = open("README.md").read()
exec(re.search("```python\\n(.*?)```", card, re.S)[1], of_card := {})
ours = [name for name in sys.modules if name.partition(".")[0] in ("rewardtrain", "labeling", "formats", "jobs")]
print(json.dumps({"logits": logits.tolist(), "card": of_card["logits"].tolist(), "ours": ours}))
"""
CARD_TEXTS = ("how do i bake bread", "please gladly help you")


@pytest.mark.parametrize("version", [1, 2])
def test_the_lines_on_the_page_and_the_card_load_it_where_our_code_is_not(
    needs_torch: None, tmp_path: Path, version: int
) -> None:
    """Version 1 has one logit and shares its backbone's file, version 2 has two classes."""
    from rewardtrain.core.device import choose_device
    from rewardtrain.core.score import Scorer, parse_request
    from tests.rewardtrain.service import finish_models

    project = make_project(slug="helpful")
    for _ in range(2):
        make_model(project, version=make_version(project, training_pairs=10))
    finish_models(project, tmp_path)
    client = Client()
    client.force_login(project.created_by)
    text = client.get(reverse("model", args=["helpful", version])).content.decode()
    data = bytes_of(client.get(reverse("model_download", args=["helpful", version])))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path / "elsewhere")
    [unpacked] = (tmp_path / "elsewhere").iterdir()
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=unpacked, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-I", "-c", CHECK, str(unpacked)],
        cwd=unpacked.parent,
        input=json.dumps([snippet(text, "python"), CARD_TEXTS]),
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    model = project.reward_models.get(version=version)
    asked = {"prompt": CARD_TEXTS[0], "completions": [CARD_TEXTS[1]]}
    scored = Scorer(model_folder(model), choose_device(1)).score(parse_request("it", json.dumps(asked).encode()))
    assert seen["logits"] == seen["card"]
    assert seen["logits"][0] == pytest.approx(scored["logits"][0], abs=1e-5)
    assert seen["ours"] == []
