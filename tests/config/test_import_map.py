"""What scripts import: bare names that lead to hashed addresses, by a map that the policy lets run and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client, override_settings

from config.http import import_map

JS = Path(__file__).resolve().parents[2] / "static" / "js"
IMPORTED = re.compile(r'^import .* from "(.*)";$', re.MULTILINE)


def test_every_import_is_in_the_map_and_everything_in_the_map_is_imported() -> None:
    imported = {name for path in JS.rglob("*.js") for name in IMPORTED.findall(path.read_text())}
    assert imported == set(import_map.SHARED) == {path.stem for path in (JS / "shared").glob("*.js")}


@pytest.mark.django_db
def test_the_policy_lets_the_map_of_the_page_run_and_nothing_else_inline() -> None:
    page = Client().get("/accounts/login/")
    [inline] = re.findall(r"<script(?![^>]* src=)([^>]*)>(.*?)</script>", page.content.decode(), re.DOTALL)
    assert inline == (' type="importmap"', import_map.import_map())
    [scripts] = re.findall(r"script-src ([^;]*)", page["Content-Security-Policy"])
    assert scripts == f"'self' {import_map.source()}"


def test_what_is_no_page_needs_no_map() -> None:
    """A check of health asks for no files, which need not be collected yet."""
    assert "sha256" not in Client().get("/healthz")["Content-Security-Policy"]


def test_the_map_leads_to_the_hashed_addresses(tmp_path: Path) -> None:
    """Files are served under these for ever, so what a page imports must change its address with its content."""
    hashed = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": hashed}, STATIC_ROOT=tmp_path):
        call_command(
            "collectstatic", interactive=False, verbosity=0, ignore_patterns=["admin", "drf*", "rest*", "vendor"]
        )
        addresses = json.loads(import_map.import_map())["imports"]
    for name, address in addresses.items():
        assert re.fullmatch(rf"/static/js/shared/{name}\.[0-9a-f]{{12}}\.js", address)
        assert (tmp_path / address.removeprefix("/static/")).is_file()
