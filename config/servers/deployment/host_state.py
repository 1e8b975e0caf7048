"""What a worker says of its machine, when `manage.py check_deployment` asks it by Celery's remote control."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from celery.worker.control import inspect_command
from django.conf import settings
from django.utils.crypto import salted_hmac

from config.servers.deployment.files import MARK

NAME = "podium_host_state"


@inspect_command(name=NAME, args=[("mark", str)])
def host_state(state: Any, mark: str = "") -> dict[str, Any]:
    """Tells whether it sees the file of this mark, what its key is (nobody learns the key by that), and its time."""
    seen = bool(re.fullmatch(r"[0-9a-f]{32}", mark)) and (Path(settings.MODEL_DIR) / f"{MARK}{mark}").exists()
    return {"sees_files": seen, "key": key(mark), "time": time.time()}


def key(mark: str) -> str:
    return salted_hmac(NAME, mark, algorithm="sha256").hexdigest()
