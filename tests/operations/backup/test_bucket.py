"""A site whose artifacts are in a bucket comes back into a folder, and the other way round."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from artifacts import store
from labeling.data.versions import datasets
from labeling.models import Project
from rewardtrain.models import RewardModel
from rewardtrain.registry.model_files import model_folder
from tests.artifacts.s3 import artifacts_in_bucket, keys
from tests.operations.backup.conftest import OpenEmpty, tree

pytestmark = pytest.mark.django_db(transaction=True)


def finished(models: Path) -> dict[str, str]:
    """The artifacts among the files."""
    return {name: sha256 for name, sha256 in tree(models).items() if "/datasets/" in name or "safetensors" in name}


def test_a_site_goes_from_a_folder_to_a_bucket_and_back(
    site: Project, models: Path, empty: OpenEmpty, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.tar.zst", tmp_path / "second.tar.zst"
    call_command("backup", str(first), stdout=io.StringIO())
    before = {name: sha256 for name, sha256 in finished(models).items() if "half" not in name}
    with empty() as data, artifacts_in_bucket(data / "models") as bucket:
        call_command("restore", str(first), stdout=io.StringIO())
        version = site.dataset_versions.get()
        assert version.file in keys(bucket)
        assert sum(key.endswith("manifest.json") for key in keys(bucket)) == 2
        shutil.rmtree(data / "models" / "copies")  # another machine
        assert list(datasets.read_groups(version))
        one, two = (model_folder(model) / "backbone.safetensors" for model in RewardModel.objects.all())
        assert one.samefile(two)
        call_command("backup", str(second), stdout=io.StringIO())
    with (
        empty() as data,
        artifacts_in_bucket(data / "other", name=bucket.bucket_name),
        pytest.raises(CommandError, match=r"not empty: there is .* in the bucket"),
    ):
        call_command("restore", str(second), stdout=io.StringIO())
    shutil.rmtree(tmp_path / "restored")
    with empty() as data:
        call_command("restore", str(second), stdout=io.StringIO())
        assert finished(data / "models") == before
        assert store.local_copy(site.dataset_versions.get().file).is_file()
        one, two = (model_folder(model) / "backbone.safetensors" for model in RewardModel.objects.all())
        assert one.samefile(two)


def test_what_was_changed_in_the_bucket_is_named_by_the_backup(
    site: Project, models: Path, empty: OpenEmpty, tmp_path: Path
) -> None:
    first = tmp_path / "first.tar.zst"
    call_command("backup", str(first), stdout=io.StringIO())
    with empty() as data, artifacts_in_bucket(data / "models") as bucket:
        call_command("restore", str(first), stdout=io.StringIO())
        file = site.dataset_versions.get().file
        bucket.client.put_object(Bucket=bucket.bucket_name, Key=f"podium/{file}", Body=b"other")
        shutil.rmtree(data / "models" / "copies")
        with pytest.raises(CommandError, match=r"it was changed"):
            call_command("backup", str(tmp_path / "second.tar.zst"), stdout=io.StringIO())
