"""The scoring service in a thread of the test, with the test's own database."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from django.test import override_settings

from labeling.models import Project
from rewardtrain.core.device import choose_device
from rewardtrain.core.serving.app import Service
from rewardtrain.core.serving.batcher import Batcher
from rewardtrain.core.serving.server import Server
from rewardtrain.registry.model_files import model_folder
from rewardtrain.scoring import service
from tests.core.tiny.backbones import save_tiny_bert
from tests.core.tiny.finished import finish


@contextmanager
def running(*, port: int = 0) -> Iterator[Callable[[], None]]:
    """Gives a function that looks up the champions, as the watcher does every second."""
    models = service.make_model_cache(choose_device(1))
    ports: list[int] = []
    listening = threading.Event()

    def ready(port: int) -> None:
        ports.append(port)
        listening.set()

    app = Service(models, Batcher(), service.Tokens()).app()
    server = Server(app, host="127.0.0.1", port=port, ready=ready)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert listening.wait(60)
        with override_settings(REWARDS_URL=f"http://127.0.0.1:{ports[0]}"):
            look_up(models)
            yield lambda: look_up(models)
    finally:
        server.should_exit = True
        thread.join()


def look_up(models: service.ModelCache) -> None:
    """In a thread of its own, for it closes its thread's connections."""
    thread = threading.Thread(target=lambda: models.set_champions(service.champions()))
    thread.start()
    thread.join()


def finish_models(project: Project, folder: Path, *, base: Path | None = None) -> None:
    """Writes the folders of the project's models: the first has a scalar head with an ensemble, others a binary one."""
    base = base or save_tiny_bert(folder / "base", spread=0.2)
    width = json.loads((base / "config.json").read_text())["hidden_size"]
    heads = np.random.default_rng(0).normal(size=(8, width + 1), scale=0.3).astype(np.float32)
    for model in project.reward_models.all():
        scalar = model.version == 1
        finish(
            model_folder(model),
            base=base,
            seed=model.version,
            head="scalar" if scalar else "binary",
            heads=heads if scalar else None,
            backbone=folder / "backbone.safetensors",
            max_length=64,
        )
        model.manifest_sha256 = hashlib.sha256((model_folder(model) / "manifest.json").read_bytes()).hexdigest()
        model.save()
