"""What this machine has that not every one has: a green run says nothing of what could not be tried."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def described() -> str:
    """Says it in a line."""
    return f"Of this machine: {_device()}; {_namespaces()}."


def _device() -> str:
    return "a GPU" if Path("/dev/nvidiactl").exists() else "no GPU, so the tests marked gpu were left out"


def _namespaces() -> str:
    """Tries it, for neither root nor a version says whether a container may."""
    if shutil.which("ip") is None:
        return "no ip (iproute2), so no network namespaces"
    name = f"podium-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespaces ({made.stderr.strip()[:200]})"
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return "network namespaces"
