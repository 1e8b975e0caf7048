"""manage.py push_model PROJECT VERSION|champion HUB_ID"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.data.hub import names, tokens
from labeling.data.hub.push import Outgoing, Pushed, push
from labeling.errors import PodiumError
from labeling.models import Project
from rewardtrain.management.commands.evaluate import find_model
from rewardtrain.registry.model_download import SUMS, Download, download_of

OWNED = ("*.safetensors", "*.safetensors.index.json")  # an earlier version's weights would be loaded with this one's


class Command(BaseCommand):
    help = (
        "Push a reward model with its card to a Hugging Face hub (HF_ENDPOINT names another). The token is "
        "HF_TOKEN, or is asked for. Private unless --public."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("model", help="a version number, or 'champion'")
        parser.add_argument("hub_id", help="owner/name")
        parser.add_argument("--public", action="store_true", help="everybody may see it")

    def handle(self, *args: Any, project: str, model: str, hub_id: str, public: bool, **options: Any) -> None:
        of_project = Project.objects.filter(slug=project).first()
        if of_project is None:
            raise CommandError(f"There is no project {project!r}.")
        chosen = find_model(of_project, model)
        try:
            name, download = names.check_name(hub_id), download_of(chosen)
            message = f"Model {chosen.version} of {of_project.slug}"
            pushed = _push(download, name, token=tokens.needed(), public=public, message=message)
        except PodiumError as error:
            raise CommandError(error.detail) from None
        seen = "public" if pushed.is_public else "private"
        self.stdout.write(f"Model {chosen.version}: {pushed.address} ({seen}), commit {pushed.commit[:12]}")


def _push(download: Download, name: str, *, token: str, public: bool, message: str) -> Pushed:
    """Sends the files from where they lie."""
    with tempfile.TemporaryDirectory(prefix="podium-model-") as aside:
        sums = Path(aside) / SUMS
        sums.write_text(download.sums(), encoding="utf-8")
        files = [*(Outgoing(file.name, file.path) for file in download.files), Outgoing(SUMS, sums)]
        return push(files, name, kind="model", public=public, token=token, message=message, owned=OWNED)
