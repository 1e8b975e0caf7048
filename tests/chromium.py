"""Which Chromium the browser tests use. `python -m tests.chromium` names it, or fails where there is none."""

import os
import shutil
import sys
from pathlib import Path

# Without these it calls home at every start, which a closed network refuses many times a second.
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--no-first-run",
]


def chromium() -> str | None:
    """The machine's own, then the one that Playwright downloaded."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def arguments() -> list[str]:
    return ARGUMENTS + (["--no-sandbox"] if os.geteuid() == 0 else [])


if __name__ == "__main__":
    found = chromium()
    print(found or "no Chromium")
    sys.exit(found is None)
