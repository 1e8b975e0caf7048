"""The site, the people, and the widths at which each page is looked at."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.servers.basehttp import ServerHandler
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from labeling.data.reviewing import cases
from labeling.data.reviewing.evidence import OtherOrder
from labeling.data.versions import notes
from labeling.data.versions.datasets import freeze
from labeling.models import Ranking, ReviewCase
from tests import factories
from tests.browser.site.sites import People, Site, make_site
from tests.rewardtrain.conftest import make_classifiers, make_past_gate, make_training, models_in
from tests.rewardtrain.model_folders import write_folder
from tests.session import tables

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

SHOWN_AS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"},
    "narrow": {"viewport": {"width": 360, "height": 740}, "reduced_motion": "reduce"},
    "desk": {"viewport": {"width": 3840, "height": 2160}, "reduced_motion": "reduce"},
}


@pytest.fixture(autouse=True)
def _committed(transactional_db: None) -> Iterator[None]:
    """The server runs in a thread of its own, so what a test makes must be committed.

    A page says good-bye as it is closed; what it asked for must have ended before the tables are emptied.
    """
    with running_requests() as running:
        yield
        began = quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 0.1:
            time.sleep(0.01)
            if running:
                quiet_since = time.monotonic()
                assert quiet_since - began < 120, f"no answer to {running}"


@contextmanager
def running_requests() -> Iterator[list[str]]:
    """Gives the addresses of the requests that the server is at, to whatever end.

    Django's signals don't tell: request_finished is left out where the browser hangs up before it has sent all that it
    announced.
    """
    running: list[str] = []
    run = ServerHandler.run

    def counted(handler: ServerHandler, application: WSGIApplication) -> None:
        path = str(handler.base_env["PATH_INFO"])
        running.append(path)
        try:
            run(handler, application)
        finally:
            running.remove(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServerHandler, "run", counted)
        yield running


@pytest.fixture(scope="session")
def sites() -> list[tuple[Site, tables.Kept]]:
    """The site as it was made for the first test, and its rows."""
    return []


@pytest.fixture(scope="session")
def site_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site's versions and models, which its rows name: it stays as long as they do."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture
def site(live_server: LiveServer, sites: list[tuple[Site, tables.Kept]], site_files: Path) -> Iterator[Site]:
    """Made once, which takes a second and more, and put back as it was for each test."""
    with models_in(site_files):
        if sites:
            tables.put_back(sites[0][1])
        else:
            sites.append((furnish(live_server.url), tables.keep()))
        yield deepcopy(sites[0][0])


def furnish(url: str) -> Site:
    made = make_site(url)
    make_training(made.project)
    write_folder(made.project.reward_models.get(version=1))
    notes.change(freeze(made.project, by=made.manager), by=made.manager, text="For the paper.", tags=["paper", "v1"])
    contradict(made)
    make_classifiers(made.texts)
    make_past_gate(factories.make_project(manager=made.manager, slug="unproven"))
    for number, ranking in enumerate(Ranking.objects.order_by("-id")):  # spread over a week, as work is
        Ranking.objects.filter(pk=ranking.pk).update(created_at=ranking.created_at - timedelta(days=number * 3 % 7))
    return made


def contradict(made: Site) -> None:
    """The champion is sure against a ranking of the newest case."""
    case = made.project.review_cases.filter(state="open").latest("pk")
    pair = case.prompt.pairs.earliest("pk")
    said = OtherOrder(1, pair.ranking_id, pair.chosen_id, pair.rejected_id, 0.973, 3.58)
    cases.open_case(case.prompt, ReviewCase.Reason.CHAMPION, evidence=said)


@pytest.fixture
def scoring(site: Site, tmp_path: Path) -> Iterator[None]:
    """The scoring service answers for the site's models."""
    from rewardtrain.core.model.loading import backbone_folder
    from tests.rewardtrain.service import finish_models, running

    with models_in(tmp_path / "models"):
        finish_models(site.project, tmp_path, base=Path(backbone_folder("minilm")))
        with running():
            yield


@pytest.fixture
def people(chromium: Browser, site: Site) -> Iterator[People]:
    opened = People(chromium, site)
    yield opened
    opened.close()


@pytest.fixture(params=["wide", "narrow"])
def looks_like(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def viewers(chromium: Browser, site: Site, looks_like: str) -> Iterator[People]:
    """The same people, each with a screen of that width."""
    opened = People(chromium, site, options=SHOWN_AS[looks_like])
    yield opened
    opened.close()
