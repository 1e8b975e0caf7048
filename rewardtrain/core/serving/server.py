"""Runs the application under uvicorn until it is told to end."""

from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette

GRACE_SECONDS = 10  # for answers that are being computed when the process is told to end


class Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, app: Starlette, *, host: str, port: int, ready: Callable[[int], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
                timeout_keep_alive=75,  # longer than a client's pool keeps it, so that none finds it just closed
            )
        )
        self._ready = ready

    async def startup(self, sockets: object = None) -> None:
        await super().startup(sockets=None)
        if self.started:
            self._ready(self.servers[0].sockets[0].getsockname()[1])
