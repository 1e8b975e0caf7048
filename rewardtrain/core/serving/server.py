"""Runs the application under uvicorn until it is told to end."""

import signal
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from rewardtrain.core.serving.app import SECONDS

GRACE_SECONDS = SECONDS + 5  # for who waits for an answer when the process is told to end: nobody waits longer


class Server(uvicorn.Server):
    """Tells when it listens, and on SIGTERM ends once all who ask are answered."""

    def __init__(
        self,
        app: Starlette,
        *,
        host: str,
        port: int,
        ready: Callable[[int], None],
        drain: Callable[[], None] = lambda: None,
        drain_seconds: float = 0,
    ) -> None:
        """drain: is called at SIGTERM. drain_seconds: for which it goes on listening from then on, so that a balancer
        sees that it is not ready before it refuses."""
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=round(GRACE_SECONDS),
                timeout_keep_alive=75,  # longer than a client's pool keeps it, so that none finds it just closed
            )
        )
        self._ready, self._drain, self._drain_seconds = ready, drain, drain_seconds
        self._drained_at: float | None = None  # time.monotonic()

    async def startup(self, sockets: object = None) -> None:
        await super().startup(sockets=None)
        if self.started:
            self._ready(self.servers[0].sockets[0].getsockname()[1])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or self._drained_at is not None:
            super().handle_exit(sig, frame)
            return
        self._captured_signals.append(sig)  # which uvicorn sends on at the end, so that the exit status tells of it
        self._drained_at = time.monotonic() + self._drain_seconds
        self._drain()

    async def on_tick(self, counter: int) -> bool:
        if self._drained_at is not None and time.monotonic() >= self._drained_at:
            self.should_exit = True
        return await super().on_tick(counter)
