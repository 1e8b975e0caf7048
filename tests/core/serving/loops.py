"""Runs a coroutine where another event loop may run already: in a whole run, Playwright's does in the tests' thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Its answer, from a thread of its own, which holds up nobody where the test gives up."""
    answer: Future[Any] = Future()

    def work() -> None:
        try:
            answer.set_result(asyncio.run(coroutine))
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return answer.result()
