"""Scores of the champion for completions that nobody has ranked, and reports on any file.

Each call starts `python -m rewardtrain.core`: seconds for loading the model, in exchange for a web process without
torch. One at a time per process, because each child holds a whole model in memory.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from labeling.errors import Conflict, Invalid, PodiumError
from labeling.models import Project
from rewardtrain import child, registry, runs
from rewardtrain.death import dies_with_parent
from rewardtrain.models import RewardModel

SECONDS = 60.0

_turn = threading.Lock()


class Unavailable(PodiumError):
    """The model can't be reached right now; the same again may work."""


def score(project: Project, prompt: object, completions: list[str], *, timeout: float = SECONDS) -> dict[str, Any]:
    """Rewards of one prompt's completions by the project's champion, as `rewardtrain.core.score.score` gives them.

    prompt: a text or a list of messages. The answer holds the champion's version under "model". Raises
    Conflict('no_champion'), Invalid('bad_request'), Unavailable('busy', 'timeout', 'failed').
    """
    model = registry.champion(project)
    if model is None:
        raise Conflict("no_champion", _("The project has no champion yet: train a model, or promote one by hand."))
    [answer] = score_many(model, [{"prompt": prompt, "completions": completions}], timeout=timeout)
    return {"model": model.version, **answer}


def score_many(
    model: RewardModel, rows: Sequence[Mapping[str, object]], *, timeout: float = SECONDS
) -> list[dict[str, Any]]:
    """The same for many prompts, {"prompt", "completions"} each, by one model: an answer for each, in their order.

    Raises Invalid('bad_request') naming the row by its line, Unavailable.
    """
    folder = runs.model_folder(model)
    if not (folder / "manifest.json").is_file():
        # Our trouble, not the caller's: without this the process would call the folder a bad argument.
        words = _(
            "Model %(version)s is not in %(folder)s any more; restore it from a backup, or promote another model."
        )
        raise Unavailable("failed", words % {"version": model.version, "folder": folder})
    lines = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    output = run_core("score", folder, stdin=lines, timeout=timeout)
    return [json.loads(line) for line in output.splitlines()]


def evaluate(model: RewardModel, data: Path, *, timeout: float | None = None) -> str:
    """The report on a file in the import format with rankings, as text. Raises Invalid, Unavailable."""
    return run_core("evaluate", runs.model_folder(model), data, "--split", "all", timeout=timeout).decode()


def run_core(command: str, *arguments: str | Path, stdin: bytes = b"", timeout: float | None) -> bytes:
    if not _turn.acquire(timeout=-1 if timeout is None else timeout):
        words = _("Other requests kept the model busy for %(seconds).0f s. Try again later.")
        raise Unavailable("busy", words % {"seconds": timeout})
    try:
        done = subprocess.run(
            child.core(command, *arguments),
            input=stdin,
            capture_output=True,
            timeout=timeout,
            cwd=settings.BASE_DIR,
            preexec_fn=dies_with_parent(signal.SIGKILL),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        words = _("No answer within %(seconds).0f s. Send fewer or shorter completions.")
        raise Unavailable("timeout", words % {"seconds": timeout}) from error
    finally:
        _turn.release()
    if done.returncode == 0:
        return done.stdout
    words = child.last_words(done.stderr, done.returncode)
    raise Invalid("bad_request", words) if done.returncode == child.BAD_INPUT else Unavailable("failed", words)
