"""Not a test, though pytest runs it by name: that brings the database, the server and the browser."""

import os
from pathlib import Path

from tests.browser.sites import People, Site, pages_of


def test_pictures(site: Site, viewers: People, looks_like: str) -> None:
    folder = Path(os.environ["PODIUM_SCREENSHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    for who, name, path in pages_of(site):
        page = viewers.page(who)
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / f"{name}-{looks_like}.png")
        page.close()
