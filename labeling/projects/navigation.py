"""Lists the pages of a project that each role finds in the navigation, in the order shown, and its overview's parts.

An app above labeling adds its own when it is ready: labeling names no address that isn't its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

from labeling.models import Role

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Page:
    label: StrOrPromise
    address: str  # its name, which takes the project's slug
    belonging: tuple[str, ...] = ()  # names of other addresses at which this page is the current one


@dataclass(frozen=True)
class Part:
    """A part of a project's overview, or of a version's page, for managers: fetched once the page is there."""

    label: StrOrPromise
    address: str  # its name, which takes the project's slug; of a part of a version's page its number too
    elsewhere: StrOrPromise  # for whoever has no scripts; a phrase with the %(url)s of `page`
    page: str  # the name of the address that shows the same, or more; it takes the slug alone


@dataclass(frozen=True)
class Setting:
    """What a project is set to on a page of its own: the page of settings leads there."""

    name: str  # its place on that page
    label: StrOrPromise
    about: StrOrPromise
    address: str  # the name of the page's address, which takes the project's slug
    place: str = ""  # where on that page, as "#policy"


_PARTS: list[Part] = []
_SETTINGS = [
    Setting(
        "cohorts",
        gettext_lazy("Cohorts"),
        gettext_lazy("Prompts that some people alone get: of a language, a field, or those whom you name."),
        "cohorts",
    )
]
_VERSION_PARTS: list[Part] = []
_PAGES: dict[Role, tuple[Page, ...]] = {
    Role.LABELER: (
        Page(gettext_lazy("Rank"), "rank", ("practice", "practice_item", "qualification", "qualification_item")),
        Page(gettext_lazy("History"), "history", ("history_edit",)),
        Page(gettext_lazy("Guidelines"), "guidelines"),
    ),
    Role.REVIEWER: (
        Page(gettext_lazy("Overview"), "project"),
        Page(gettext_lazy("Rank"), "rank", ("practice", "practice_item", "history", "history_edit", "guidelines")),
        Page(
            gettext_lazy("Prompts"),
            "prompts",
            (
                "prompt",
                "prompt_revise",
                "prompt_erase",
                "prompts_withdraw",
                "prompts_bulk",
                "prompts_bulk_act",
                "rankings",
                "imports",
                "import",
                "review",
                "review_case",
                "review_decide",
                "golds",
                "prompt_gold_rank",
            ),
        ),
    ),
}
_PAGES[Role.MANAGER] = (
    *_PAGES[Role.REVIEWER],
    Page(gettext_lazy("People"), "people", ("person", "person_work", "member_set", "invitation_ask")),
    Page(
        gettext_lazy("Versions"),
        "versions",
        ("version", "version_prompts", "version_prompt", "version_methods", "version_difference"),
    ),
    Page(gettext_lazy("Export"), "export"),
    Page(
        gettext_lazy("Settings"),
        "project_settings",
        ("project_delete", "cohorts", "cohort", "cohort_new", "cohort_delete"),
    ),
)


def pages_of(role: Role) -> Sequence[Page]:
    return _PAGES[role]


def add_pages(role: Role, *pages: Page, after: str) -> None:
    """Shows an app's own pages behind the one at the address `after`. Call it once, when the app is ready."""
    addresses = [page.address for page in _PAGES[role]]
    place = addresses.index(after) + 1
    _PAGES[role] = (*_PAGES[role][:place], *pages, *_PAGES[role][place:])


def parts() -> Sequence[Part]:
    return _PARTS


def add_part(part: Part) -> None:
    """Shows an app's own part on every overview, behind those there are. Call it once, when the app is ready."""
    _PARTS.append(part)


def version_parts() -> Sequence[Part]:
    return _VERSION_PARTS


def add_version_part(part: Part) -> None:
    """Shows an app's own part on every page of a frozen version. Call it once, when the app is ready."""
    _VERSION_PARTS.append(part)


def settings_elsewhere() -> Sequence[Setting]:
    return _SETTINGS


def add_setting(setting: Setting) -> None:
    """Leads from every page of settings to an app's own. Call it once, when the app is ready."""
    _SETTINGS.append(setting)
