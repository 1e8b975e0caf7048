"""The scoring service in a thread of the test, with the test's own database."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.test import override_settings

from rewardtrain import serving
from rewardtrain.core.device import choose_device
from rewardtrain.core.serving.app import Service
from rewardtrain.core.serving.batcher import Batcher
from rewardtrain.core.serving.server import Server


@contextmanager
def running(*, port: int = 0) -> Iterator[Callable[[], None]]:
    """Gives a function that looks up the champions, as the watcher does every second."""
    shelf = serving.make_shelf(choose_device(1))
    ports: list[int] = []
    listening = threading.Event()

    def ready(port: int) -> None:
        ports.append(port)
        listening.set()

    app = Service(shelf, Batcher(), serving.Tokens()).app()
    server = Server(app, host="127.0.0.1", port=port, ready=ready)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert listening.wait(60)
        with override_settings(REWARDS_URL=f"http://127.0.0.1:{ports[0]}"):
            look_up(shelf)
            yield lambda: look_up(shelf)
    finally:
        server.should_exit = True
        thread.join()


def look_up(shelf: serving.Shelf) -> None:
    """In a thread of its own, for it closes its thread's connections."""
    thread = threading.Thread(target=lambda: shelf.crown(serving.champions()))
    thread.start()
    thread.join()
