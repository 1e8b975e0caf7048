"""manage.py push_dataset PROJECT HUB_ID [--dataset N]"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.data.exporting import dataset_folder
from labeling.data.exporting.dataset_folder import Folder
from labeling.data.hub import names, tokens
from labeling.data.hub.push import Outgoing, Pushed, push
from labeling.data.versions import datasets
from labeling.errors import PodiumError
from labeling.models import DatasetVersion, Project

OWNED = ("pairs/*.parquet", "rankings/*.parquet")


class Command(BaseCommand):
    help = (
        "Push a frozen version as a dataset with a card to a Hugging Face hub (HF_ENDPOINT names another). The token "
        "is HF_TOKEN, or is asked for. Private unless --public; test prompts stay out unless --split asks for them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("hub_id", help="owner/name")
        parser.add_argument("--dataset", type=int, metavar="N", help="frozen version N (default: what is ranked now)")
        parser.add_argument("--split", help="train, validation, test, several with commas, or all [train,validation]")
        parser.add_argument("--public", action="store_true", help="everybody may see it")

    def handle(
        self,
        *args: Any,
        project: str,
        hub_id: str,
        dataset: int | None,
        split: str | None,
        public: bool,
        **options: Any,
    ) -> None:
        of_project = Project.objects.filter(slug=project).first()
        if of_project is None:
            raise CommandError(f"There is no project {project!r}.")
        try:
            name, token = names.check_name(hub_id), tokens.needed()
            version = (
                datasets.freeze(of_project) if dataset is None else of_project.dataset_versions.get(number=dataset)
            )
            folder = dataset_folder.folder_of(version, split)
            pushed = _push(folder, name, token=token, public=public)
        except DatasetVersion.DoesNotExist:
            raise CommandError(f"{project} has no dataset version {dataset}.") from None
        except PodiumError as error:
            raise CommandError(error.detail) from None
        seen = "public" if pushed.is_public else "private"
        self.stdout.write(
            f"Version {version.number}, {' and '.join(folder.splits)}: {pushed.address} ({seen}), "
            f"commit {pushed.commit[:12]}\ncontents {folder.contents}"
        )


def _push(folder: Folder, name: str, *, token: str, public: bool) -> Pushed:
    """Writes the folder aside, for a hub asks for sizes and checksums first, and sends it."""
    with tempfile.TemporaryDirectory(prefix="podium-dataset-") as aside:
        files = []
        for member in folder.members():
            path = Path(aside) / member.name
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as file:
                file.writelines(member.pieces())
            files.append(Outgoing(member.name, path))
        message = f"Version {folder.version.number} of {folder.project.slug}"
        return push(files, name, kind="dataset", public=public, token=token, message=message, owned=OWNED)
