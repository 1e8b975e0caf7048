"""Every number that is a link leads to as many rows as it says, and a project's first line consists of such links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

import pytest
from django.test import Client

from labeling.models import Project, Ranking, User
from tests.browser.site.sites import Site, make_site
from tests.labeling.views.test_prompts import as_user, words

pytestmark = pytest.mark.django_db
# A number by itself, or with the words that say of what.
NUMBER = re.compile(r"([\d,]+)(?: rankings?| answers?| today| in the last seven days)?")
ROW = {  # what stands once for each row, by the end of the list's address
    "rankings/": r'<article class="said"',
    "history/": r'<article class="said"',
    "prompts/": r'<tr>\s*<td>\s*(?:<input\s+class="choose"|<div class="clip">)',
    "review/": r'<tr>\s*<td>\s*<div class="clip">',
    "#rankings": r'<div class="soft small sides__about">',
}


class Links(HTMLParser):
    """The words of each link, and where it leads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._open = dict(attrs).get("href") or "#"
            self.found.append(("", self._open))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            said, url = self.found[-1]
            self.found[-1] = (f"{said} {data}", url)


@pytest.fixture
def site() -> Site:
    return make_site("")


def numbers_on(client: Client, address: str) -> Iterator[tuple[int, str]]:
    html = client.get(address, follow=True).content.decode()
    for said, url in Links(html).found:
        if (number := NUMBER.fullmatch(" ".join(said.split()))) and not url.startswith("?page"):
            yield int(number[1].replace(",", "")), urljoin(address, url)


def rows_at(client: Client, url: str) -> int:
    """How many the list has, all of its pages together."""
    address, fragment = urldefrag(url)
    kind = f"#{fragment}" if fragment else re.sub(r"\?.*", "", address).rstrip("/").rsplit("/", 1)[-1] + "/"
    html, n = client.get(address).content.decode(), 0
    while True:
        n += len(re.findall(ROW[kind], html))
        if kind == "prompts/" and "state=" not in url:  # it says how many of its number are withdrawn
            n -= len(re.findall(r">(?:withdrawn|erased)<", html))
        further = [link for said, link in Links(html).found if " ".join(said.split()) == "Next"]
        if not further:
            return n
        html = client.get(urljoin(address, further[0])).content.decode()


def pages(project: Project, people: list[User]) -> list[str]:
    one = f"/p/{project.slug}"
    prompts = [f"{one}/prompts/{key}/" for key in project.prompts.order_by("pk").values_list("pk", flat=True)[:6]]
    persons = [f"{one}/people/{person.pk}/" for person in people]
    return ["/", f"{one}/", f"{one}/prompts/", f"{one}/people/", f"{one}/review/", *persons, *prompts]


def test_a_number_leads_to_as_many_rows(site: Site) -> None:
    client, seen = as_user(site.manager), set()
    for project, people in ((site.project, [site.labeler, site.colleague]), (site.texts, [site.judge])):
        for page in pages(project, people):
            for n, url in numbers_on(client, page):
                seen.add(url)
                assert (page, url, rows_at(client, url)) == (page, url, n)
    assert len(seen) >= 20, seen


def test_a_labelers_numbers_lead_to_their_own(site: Site) -> None:
    client = as_user(site.labeler)
    for n, url in numbers_on(client, "/"):
        assert (url, rows_at(client, url)) == (url, n)


def test_the_days_of_a_project_lead_to_their_answers(site: Site) -> None:
    """More than one day has some."""
    for days, each in enumerate(site.project.rankings.order_by("pk")[:4]):
        Ranking.objects.filter(pk=each.pk).update(created_at=each.created_at - timedelta(days=days))
    client = as_user(site.manager)
    found = [(n, url) for n, url in numbers_on(client, "/p/helpful/") if "from_day" in url]
    assert len(found) == 4
    assert [(url, rows_at(client, url)) for _, url in found] == [(url, n) for n, url in found]


def test_the_first_line_of_a_project_leads_to_its_rows(site: Site) -> None:
    client = as_user(site.manager)
    found = {url: n for n, url in numbers_on(client, "/p/helpful/")}
    all_prompts, ranked, rankings = (f"/p/helpful/{end}" for end in ("prompts/", "prompts/?state=ranked", "rankings/"))
    assert {all_prompts, ranked, rankings} <= set(found)
    assert found[rankings] == site.project.rankings.filter(live=True).count()
    withdrawn = site.project.prompts.filter(withdrawn_at__isnull=False).count()
    assert withdrawn
    assert f"{withdrawn} of them withdrawn" in words(client.get(all_prompts))
