"""The pages of a project that each role finds, and that labeling lists those of nobody above it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import get_resolver, reverse

from labeling.models import Project, Role, User
from labeling.projects import navigation
from tests import factories

pytestmark = pytest.mark.django_db

LABELER = ["Rank", "History", "Guidelines"]
REVIEWER = ["Overview", "Rank", "Prompts"]
MANAGER = [*REVIEWER, "Training", "Models", "People", "Versions", "Export", "Settings"]
FLAGS = [{"name": "hateful", "label": "Hateful"}]


@pytest.fixture
def project() -> Project:
    return factories.make_project(slug="shown")


def strip(person: User, url: str) -> tuple[list[str], list[str]]:
    """The words of the navigation, and those of the current page."""
    client = Client()
    client.force_login(person)
    answer = client.get(url)
    assert answer.status_code == 200, url
    (nav,) = re.findall(r'<nav class="site-nav".*?</nav>', answer.content.decode(), re.DOTALL)
    links = re.findall(r"<a href=\"[^\"]*\"( aria-current=\"page\")?>([^<]*)</a>", nav)
    return [words for _, words in links], [words for current, words in links if current]


@pytest.mark.parametrize(
    ("role", "shown"), [(Role.LABELER, LABELER), (Role.REVIEWER, REVIEWER), (Role.MANAGER, MANAGER)]
)
def test_each_role_finds_its_pages_in_order_and_where_it_is(project: Project, role: Role, shown: list[str]) -> None:
    person = factories.join(project, role)
    for page, words in zip(navigation.pages_of(role), shown, strict=True):
        assert strip(person, reverse(page.address, args=[project.slug])) == (shown, [words])


def test_an_administrator_finds_the_managers_pages(project: Project) -> None:
    administrator = factories.make_user(superuser=True)
    shown = strip(administrator, reverse("people", args=[project.slug]))
    assert shown == (MANAGER, ["People"])


def test_a_page_behind_another_shows_that_one_as_current(project: Project) -> None:
    manager = factories.join(project, Role.MANAGER)
    for address in ("best_of", "playground", "auto_labels"):
        assert strip(manager, reverse(address, args=[project.slug])) == (MANAGER, ["Models"])


def test_of_texts_that_are_classified_people_label(project: Project) -> None:
    texts = factories.make_project(slug="texts", kind=Project.Kind.CLASSIFICATION, flags=FLAGS)
    assert strip(factories.join(texts), reverse("guidelines", args=[texts.slug]))[0] == ["Label", *LABELER[1:]]


def test_every_address_in_it_exists() -> None:
    names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    for role in Role:
        for page in navigation.pages_of(role):
            assert {page.address, *page.belonging} <= names


def test_pages_behind_one_that_there_is_not_are_refused() -> None:
    with pytest.raises(ValueError, match="no_such_page"):
        navigation.add_pages(Role.MANAGER, navigation.Page("Gold", "gold"), after="no_such_page")
    assert "gold" not in [page.address for page in navigation.pages_of(Role.MANAGER)]


def test_labeling_names_no_address_of_rewardtrain() -> None:
    """Anywhere in tags, navigation and what is done for every request; elsewhere in what is reversed."""
    theirs = _addresses("rewardtrain.urls")
    assert {"runs", "models", "playground"} <= theirs
    found = []
    for file in sorted(Path(settings.BASE_DIR, "labeling").rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        everywhere = {"templatetags", "projects", "requests"} & set(file.parts)
        for text in _texts(tree) if everywhere else _reversed(tree):
            if text in theirs or text.startswith("rewardtrain_api:"):
                found.append(f"{file.name}: {text}")
    assert found == []


def test_no_template_of_labeling_names_what_is_rewardtrains() -> None:
    names = "|".join(_addresses("rewardtrain.urls"))
    theirs = re.compile(rf"""url\s+['"]({names})['"]|(include|extends)\s+['"]rewardtrain/""")
    templates = Path(settings.BASE_DIR, "templates")
    naming = [
        f"{file.relative_to(templates)}: {theirs.search(file.read_text(encoding='utf-8'))}"
        for file in sorted(templates.rglob("*.html"))
        if "rewardtrain" not in file.relative_to(templates).parts and theirs.search(file.read_text(encoding="utf-8"))
    ]
    assert naming == []


def test_the_overviews_parts_of_other_apps_are_for_managers(project: Project) -> None:
    factories.make_prompt(project)
    for role, n in ((Role.MANAGER, 1), (Role.REVIEWER, 0)):
        client = Client()
        client.force_login(factories.join(project, role))
        shown = client.get(reverse("project", args=[project.slug])).content.decode()
        assert shown.count('hx-get="/p/shown/') == n
        assert shown.count("shows the runs and the next retraining") == n


def _addresses(urls: str) -> set[str]:
    return {name for name in get_resolver(urls).reverse_dict if isinstance(name, str)}


def _texts(tree: ast.AST) -> list[str]:
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _reversed(tree: ast.AST) -> list[str]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    names = {"reverse", "redirect", "resolve_url"}
    to = (call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id in names)
    return [text for argument in to for text in _texts(argument)]
