"""Every word of a page goes through the catalogue: in a language that puts ⟦…⟧ around its words, none is outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation
from django.utils.dates import MONTHS

from labeling.models import Cohort, Completion, Project, Prompt, SavedView, User
from labeling.projects import search_languages
from rewardtrain.models import RunPoint
from rewardtrain.registry import champions
from rewardtrain.training.presets.known import PRESETS
from tests.browser.site.sites import Site, make_site, pages_of
from tests.config.test_catalogues import catalogue_of, messages_of
from tests.conftest import REPOSITORY
from tests.reports import LABELERS
from tests.rewardtrain.conftest import make_auto_labels, make_best_of, make_model, make_report, make_run

pytestmark = pytest.mark.django_db

LANGUAGE = "eo"  # any that Django knows and that we don't speak
SPOKEN = ("aria-label", "title", "placeholder", "alt", "data-label", "data-copied", "data-selected", "data-step")
SILENT = {"script", "style", "code", "kbd", "textarea"}
# Classes of elements that hold what somebody wrote.
TYPED = {"prose", "source", "clip", "said__prompt", "completion__letter", "export-cell", "import__name", "import__cell"}
EMPTY = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
# Names, and words that are the same everywhere.
NAMES = {
    "Podium",
    "JSON",
    "Lines",
    "CSV",
    "Parquet",
    "Arrow",
    "Markdown",
    "SHA",
    "English",
    "Esperanto",
    "cpu",
    "gzip",
    "zip",
    "zstd",
}
POLICY = {
    "head_every_pairs": "20", "every_pairs": "50", "first_minimum": "60", "cooldown_minutes": "5",
    "backbone": "minilm", "epochs": "2", "max_length": "256",
    "lora_rank": "0", "graph_budget": "16384",
}  # fmt: skip


class Reader(HTMLParser):
    """What a page says to the eye and to the ear: texts and spoken attributes, but none marked as foreign."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.silent: list[str] = []  # the open elements from the one on whose texts are left out

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        foreign = tag != "html" and "lang" in values
        if self.silent or tag in SILENT or foreign or TYPED & set(values.get("class", "").split()):
            self.silent += [] if tag in EMPTY else [tag]
            return
        self.said += [" ", *(f" {values[name]} " for name in SPOKEN if name in values)]

    def handle_endtag(self, tag: str) -> None:
        self.said.append(" ")
        if self.silent:
            self.silent.pop()

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.said.append(data)


def outside(html: str, data: set[str]) -> set[str]:
    """The words of the page that are neither in brackets nor somebody's data."""
    reader = Reader()
    reader.feed(html)
    words = "".join(reader.said)
    while "⟦" in words:
        shorter = re.sub(r"⟦[^⟦⟧]*⟧", " ", words)
        assert shorter != words, f"a bracket is open in {words!r}"
        words = shorter
    return set(re.findall(r"[A-Za-z]{2,}", words)) - data


@pytest.fixture(autouse=True)
def _bracketed(settings: LazySettings, tmp_path: Path) -> None:
    bracketed = Catalog(locale=LANGUAGE)
    for message in messages_of(catalogue_of(REPOSITORY, "de")):
        forms = (message.id,) if isinstance(message.id, str) else message.id
        said = tuple(f"⟦{form}⟧" for form in forms)
        bracketed.add(message.id, said if len(said) > 1 else said[0], context=message.context)
    folder = tmp_path / LANGUAGE / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "django.mo").open("wb") as file:
        write_mo(file, bracketed)
    settings.LOCALE_PATHS = [tmp_path]
    settings.LANGUAGES = [("en", "English"), (LANGUAGE, "Esperanto")]


@pytest.fixture
def site() -> Site:
    return make_site("http://testserver")


@pytest.fixture
def data(site: Site) -> set[str]:
    """The names that the site was given."""
    names = [name for row in Project.objects.values_list("name", "slug") for name in row]
    names += [*Prompt.objects.values_list("external_id", flat=True), *User.objects.values_list("username", flat=True)]
    names += Prompt.objects.exclude(hold_at=None).values_list("held_reason", flat=True)
    names += SavedView.objects.values_list("name", flat=True)
    names += [word for cohort in Cohort.objects.all() for word in (cohort.name, *cohort.tags)]
    names += Completion.objects.values_list("model_name", flat=True)
    names += [name for preset in PRESETS for name in (preset.title, preset.name, preset.licence)]
    names += [flag["label"] for project in (site.project, site.texts) for flag in project.flags]
    with translation.override(LANGUAGE):
        names += ["Ada", "UTC", *map(str, MONTHS.values()), "je", "de"]  # Django writes the dates
        names += [name for key, name in search_languages.choices() if key != search_languages.PLAIN]  # and these
    return NAMES | set(re.findall(r"[A-Za-z]+", " ".join(names)))


def read(user: User | None, path: str, **sent: object) -> str:
    client = Client(headers={"accept-language": LANGUAGE})
    if user is not None:
        client.force_login(user)
    response = client.post(path, sent) if sent else client.get(path)
    html: str = response.content.decode()
    assert f'<html lang="{LANGUAGE}"' in html or "<html" not in html
    return html


def test_the_pages_of_a_site_with_something_in_it(site: Site, data: set[str]) -> None:
    found = {name: outside(read(who, path), data) for who, name, path in pages_of(site)}
    assert {name: words for name, words in found.items() if words} == {}


def test_the_pages_of_runs_and_models(site: Site, data: set[str]) -> None:
    project = site.project
    counts = {"n_prompts": {"train": 3, "validation": 1, "test": 1}, "device_name": "cpu"}
    ended = make_model(project)
    champions.promote_if_passed(ended, auto_promote=True)
    make_model(project, make_report(log_loss=0.75), rival=ended)
    failed = make_run(project, state="failed", error="It broke.", counts=counts)
    RunPoint.objects.create(run=failed, step=12, loss=0.61)
    running = make_run(project, state="running", phase="training", done=12, total=40, attempts=2)
    make_auto_labels(ended)
    make_best_of(project, n_prompts=2, n=2)
    paths = ["", "machine/", "runs/", "models/", "models/1/", "models/2/", "automatic/", "best-of/", "best-of/1/"]
    paths += [f"runs/{run.number}/" for run in (ended.run, failed, running)]
    data |= {
        *LABELERS,
        "minilm",
        "drop",
        "scalar",
        "full",
        "auto",
        "none",
        "adamw",
        "True",
        "False",
    }  # values of settings
    found = {path: outside(read(site.manager, f"/p/{project.slug}/{path}"), data) for path in paths}
    assert {path: words for path, words in found.items() if words} == {}


def test_what_is_answered_to_a_form(site: Site, data: set[str]) -> None:
    broken = SimpleUploadedFile("prompts.jsonl", b'{"id": "a"}\n[]\n{"id": 7}\n')
    root = f"/p/{site.project.slug}"
    sent: list[tuple[str, dict[str, object]]] = [
        (f"{root}/imports/", {"file": broken}),
        (f"{root}/people/", {"role": "labeler", "note": "Ada"}),
        (f"{root}/policy/", {**POLICY, "learning_rate": "-1"}),
        ("/preferences/", {"daily_goal": "0", "break_minutes": "50"}),
    ]
    found = {
        path: outside(read(site.manager, path, **fields), data | {"id", "line", "completions"}) for path, fields in sent
    }
    assert {path: words for path, words in found.items() if words} == {}


def test_the_page_of_an_error_of_ours() -> None:
    with translation.override(LANGUAGE):
        assert outside(render_to_string("500.html"), NAMES) == set()
