"""The real server on a free port, in a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from rewardtrain.core.serving.batcher import Batcher
    from rewardtrain.core.serving.model_cache import ModelCache, Ref


@dataclass
class Served:
    url: str
    models: ModelCache
    batcher: Batcher
    said: list[str]
    end: Callable[[], None]  # may be called twice

    def post(self, path: str, body: object, **options: object) -> requests.Response:
        return requests.post(f"{self.url}/{path}", json=body, timeout=60, **options)  # type: ignore[arg-type]


Serve = Callable[..., Served]


@pytest.fixture
def serve(needs_torch: None) -> Iterator[Serve]:
    """serve(refs, ...): a service whose champions are these."""
    from rewardtrain.core.device import choose_device
    from rewardtrain.core.serving.app import Service
    from rewardtrain.core.serving.batcher import Batcher
    from rewardtrain.core.serving.foreign.agreement import Foreign
    from rewardtrain.core.serving.foreign.server import parse_addresses
    from rewardtrain.core.serving.model_cache import ModelCache
    from rewardtrain.core.serving.problems import Refused
    from rewardtrain.core.serving.server import Server

    ends: list[Callable[[], None]] = []

    def start(
        *refs: Ref,
        room: int = 4,
        seconds: float = 60,
        token: str | None = None,
        port: int = 0,
        servers: Mapping[str, str] = {},
        patience: float = 60,
    ) -> Served:
        said: list[str] = []
        known = {(ref.project, ref.version): ref for ref in refs}
        models = ModelCache(choose_device(1), room=room, find=lambda *key: known.get(key), tell=said.append)
        models.set_champions({ref.project: ref for ref in refs})

        def authorize(credential: str | None, project: str | None) -> None:
            if token and credential != token:
                raise Refused(401, "not_authenticated", "Send a token.")

        batcher = Batcher()
        addresses = parse_addresses([f"{name}={value}" for name, value in servers.items()])
        foreign = {
            name: Foreign(address, batcher, seconds=patience, retry_seconds=0.05, tell=said.append)
            for name, address in addresses.items()
        }
        service = Service(models, batcher, authorize, seconds=seconds, foreign=foreign)
        app = service.app()
        ports: list[int] = []
        listening = threading.Event()

        def ready(port: int) -> None:
            ports.append(port)
            listening.set()

        server = Server(app, host="127.0.0.1", port=port, ready=ready)
        thread = threading.Thread(target=server.run)
        thread.start()
        assert listening.wait(30)

        def end() -> None:
            server.should_exit = True
            thread.join()

        ends.append(end)
        return Served(f"http://127.0.0.1:{ports[0]}", models, batcher, said, end)

    yield start
    for end in ends:
        end()


@contextmanager
def held(batcher: Batcher) -> Iterator[None]:
    """The network is busy until the block ends."""
    begun, go_on = threading.Event(), threading.Event()

    def wait(tick: Callable[[], None]) -> None:
        begun.set()
        go_on.wait(60)

    batcher.call(wait)
    assert begun.wait(60)
    try:
        yield
    finally:
        go_on.set()
