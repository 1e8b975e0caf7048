"""The addresses that are asked for, found by walking the URL configuration, and as whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.large_site import Site
    from labeling.models import User

OF_VERSION = ("version", "export_folder", "labeling_api:dataset")


@dataclass(frozen=True)
class Asked:
    who: str
    name: str
    url: str
    is_part: bool = False

    def __str__(self) -> str:
        _, _, query = self.url.partition("?")
        return f"{self.name}{'?' * bool(query)}{query[:40]} as {self.who}{', a part' * self.is_part}"


def everything(site: Site) -> Iterator[Asked]:
    """Each address that somebody may open, as each of them."""
    from tests.doors import NOT_OURS, PARTS, doors

    queries = _queries(site)
    for who, person in people(site).items():
        values = _values(site, person)
        frozen = {**values, "number": site.project.dataset_versions.latest("number").number}
        for door in doors():
            of_version = door.name.startswith(OF_VERSION)
            if door.name.startswith(NOT_OURS) or (who == "administrator" and door.parts):
                continue
            for query in ("", *queries.get(door.name, ())):
                yield Asked(who, door.name, door.address(frozen if of_version else values) + query)
            if door.name in PARTS:
                yield Asked(who, door.name, door.address(frozen if of_version else values), is_part=True)


def people(site: Site) -> dict[str, User]:
    from labeling.models import User

    administrator = User.objects.filter(username="administrator").first() or User.objects.create_superuser(
        "administrator"
    )
    return {
        "manager": site.manager,
        "reviewer": site.reviewer,
        "labeler": site.labelers[0],
        "administrator": administrator,
    }


def _values(site: Site, person: User) -> dict[str, object]:
    from labeling.models import Assignment, ReviewCase
    from labeling.queue import claims

    own = Assignment.objects.filter(labeler=person, prompt__project=site.project)
    ranked = own.filter(state="ranked").first() or own.first() or claims.claim(site.project, person)
    assert ranked is not None
    case = ReviewCase.objects.filter(project=site.project, state="open").values_list("pk", flat=True).first()
    assert case is not None
    return {
        "slug": site.project.slug, "assignment_id": ranked.pk, "pk": ranked.pk, "number": 1, "version": 50,
        "prompt_id": ranked.prompt_id, "username": "nobody", "token": "none", "invitation": 1, "invitation_id": 1,
        "external_id": ranked.prompt.external_id, "place": 70_000, "link": 1, "link_id": 1,
        "case_id": case, "case": case, "layout": "podium", "view_id": 1, "cohort": 1, "cohort_id": 1,
        "person": site.labelers[0].pk, "person_id": site.labelers[0].pk,
    }  # fmt: skip


# A rare word, a common one, one that was said, phrases, and three more conditions at once.
SEARCHED = (
    "q=row-70007",
    "q=neighbour",
    "q=well&disagreement=yes&split=test",
    "q=neighbour&split=test&labeler=nobody&model=nobody",
    "q=%22to+a+child%22+-less&split=test&model=nobody",
    "q=nothingofthekind",
)
# What no index has, and what nothing meets, so that a look goes through all that it may.
NARROWED = (
    "split=test&order=newest",
    "model=nobody",
    "labeler=nobody",
    "to_day=2000-01-01",
    "disagreement=yes&split=test",
    "split=test&labeler=nobody&model=nobody",
    "state=ranked&split=test&labeler=nobody&flag=hateful",
    "disagreement=no&flag=hateful&model=nobody&from_day=2020-01-01",
    *SEARCHED,
)


def _queries(site: Site) -> dict[str, list[str]]:
    """What else an address can be asked for: every filter, and a place deep in the list."""
    middle = site.project.prompts.order_by("pk").values_list("pk", flat=True)[site.project.prompts.count() // 2]
    latest = site.project.dataset_versions.latest("number").number
    return {
        **_of_people_and_reviews(site),
        **_of_prompts(middle),
        **_of_prompts_by_api(middle),
        **_of_answers(),
        "version_prompts": ["?page=1000", "?id=row-70007"],
        "version_difference": [f"?to={latest - 1}"],
        "runs": ["?depth=head", "?page=4"],
        "models": ["?page=4"],
        "auto_labels": ["?probabilities=raw"],
    }


def _of_people_and_reviews(site: Site) -> dict[str, list[str]]:
    from labeling.models import ReviewCase
    from labeling.people import project_people

    cases = ReviewCase.objects.filter(project=site.project).order_by("pk").values_list("pk", flat=True)
    case = cases[cases.count() // 2]
    return {
        "people": [
            *(f"?sort={sign}{name}" for name in project_people.SORTS for sign in ("", "-")),
            "?name=labeler-1",
            "?role=labeler&standing=active&sort=-seconds",
        ],
        "labeling_api:people": [f"?sort=-{name}" for name in project_people.SORTS],
        "review": [
            *(f"?state={state}" for state in ReviewCase.State.values),
            *(f"?reason={reason}" for reason in ReviewCase.Reason.values),
            f"?state=open&after={case}",
            f"?state=closed&before={case}",
        ],
    }


def _of_prompts(middle: int) -> dict[str, list[str]]:
    from labeling.answers.prompt_orders import ORDERS
    from labeling.views.answers.prompts import FILTERS

    return {
        "prompts": [
            *(f"?show={name}" for name in FILTERS),
            *(f"?show={name}&after={middle}" for name in FILTERS),
            *(f"?show={name}&before={middle}" for name in FILTERS),
            *(
                f"?{narrowed}{place}"
                for narrowed in NARROWED
                for place in ("", f"&after={middle}", f"&before={middle}")
            ),
            *(
                f"?order={order}{narrowed}{place}"
                for order in ORDERS
                for narrowed in ("", "&state=waiting", "&state=withdrawn&split=test", "&labeler=nobody", "&q=neighbour")
                for place in ("", f"&after=0_{middle}" if "priority" in order else f"&after=_{middle}")
            ),
            *(f"?order={order}&page=20000" for order in ORDERS),
            "?order=-last_ranked&go=900000",
            "?go=900000",
            "?go=row-900000",
            "?page=20000",
        ],
    }


def _of_prompts_by_api(middle: int) -> dict[str, list[str]]:
    from labeling.answers.prompt_orders import ORDERS

    return {
        "labeling_api:prompts": [
            f"?cursor={_cursor(middle)}",
            "?page_size=1000",
            *(f"?state={name}&since={middle}" for name in ("waiting", "ranked", "held")),
            *(f"?split={name}&since={middle}" for name in ("train", "test")),
            "?state=held&split=test",
            *(f"?{narrowed}&since={middle}" for narrowed in NARROWED if "order" not in narrowed),
            *(f"?order={order}{narrowed}" for order in ORDERS for narrowed in ("", "&state=waiting&split=test")),
            "?id=row-7&id=row-70007",
        ],
    }


def _of_answers() -> dict[str, list[str]]:
    return {
        "history": [
            "?show=skipped",
            "?after=100000",
            "?before=100000",
            "?page=1000",
            "?q=neighbour",
            "?q=nowhere",
            "?q=row-99999",
        ],
        "rankings": [
            "?after=100000",
            "?before=100000",
            "?flag=hateful",
            "?labeler=nobody",
            "?words=some",
            "?split=test&words=some&state=all",
            "?least_seconds=5000",
            "?to_day=2000-01-01",
            "?disagreement=yes&split=test",
            "?disagreement=yes&model=nobody&flag=hateful",
            *(f"?{searched}" for searched in SEARCHED),
        ],
        "labeling_api:rankings": [
            f"?cursor={_cursor(100_000)}",
            "?page_size=1000",
            "?disagreement=yes&model=nobody&flag=hateful",
            "?from_day=2099-01-01",
            *(f"?{searched}" for searched in SEARCHED),
        ],
        "labeling_api:pairs": [f"?cursor={_cursor(600_000)}", "?page_size=1000"],
    }


def _cursor(position: int) -> str:
    from base64 import b64encode
    from urllib.parse import quote

    return quote(b64encode(f"p={position}".encode()).decode())
