"""What a person's page says of how they work: a sentence of what stands out, and a line for each number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.models import Project
from labeling.people.access import Which
from labeling.people.project_people import Person
from labeling.quality.answer_numbers import Answers
from labeling.quality.labeler_numbers import Numbers
from labeling.quality.shares import Share
from labeling.templatetags.podium import between, counted, interval, percent
from labeling.views.people.links import to_rankings

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Line:
    """beside: what the value is read against, in words. url: of the rows; value_url: of the share of them that the
    value is. Each may be empty."""

    name: StrOrPromise
    about: StrOrPromise
    value: str
    interval: str
    of: str
    beside: str = ""
    url: str = ""
    value_url: str = ""


def findings(numbers: Numbers) -> list[str]:
    """Says in sentences what the intervals leave no doubt about; what they leave open is not said."""
    said = []
    people = numbers.agreement_in_project.value
    values = {"own": _with_interval(numbers.agreement, "comparisons"), "people": percent(people)}
    if numbers.agreement.is_below(people):
        said.append(_("Agrees with others less often than people here do: %(own)s against %(people)s.") % values)
    elif numbers.agreement.is_above(people):
        said.append(_("Agrees with others more often than people here do: %(own)s against %(people)s.") % values)
    if numbers.answers:
        said += _of_answers(numbers.answers)
    shown = numbers.shown_first
    if shown and shown.first.is_above(shown.expected):
        values = {"own": _with_interval(shown.first, "rankings"), "chance": percent(shown.expected)}
        message = _("Ranks the completion shown first best more often than chance would: %(own)s against %(chance)s.")
        said.append(message % values)
    elif shown and shown.first.is_below(shown.expected):
        values = {"own": _with_interval(shown.first, "rankings"), "chance": percent(shown.expected)}
        message = _("Ranks the completion shown first best less often than chance would: %(own)s against %(chance)s.")
        said.append(message % values)
    project = numbers.longer_in_project.value
    values = {"own": _with_interval(numbers.longer, "pairs"), "people": percent(project)}
    if numbers.longer.is_above(project):
        said.append(_("Prefers the longer one more often than people here do: %(own)s against %(people)s.") % values)
    elif numbers.longer.is_below(project):
        said.append(_("Prefers the longer one less often than people here do: %(own)s against %(people)s.") % values)
    return said


def _of_answers(answers: Answers) -> Iterator[str]:
    people = answers.agreement_in_project.value
    values = {"own": _with_interval(answers.agreement, "answers"), "people": percent(people)}
    if answers.agreement.is_below(people):
        yield _("Answers as others do less often than people here do: %(own)s against %(people)s.") % values
    elif answers.agreement.is_above(people):
        yield _("Answers as others do more often than people here do: %(own)s against %(people)s.") % values


def _with_interval(share: Share, kind: str) -> str:
    return f"{percent(share.value)} {interval(share.low, share.high, share.n, share.n_prompts, kind)}"


def lines(project: Project, person: Person, numbers: Numbers) -> list[Line]:
    """Gives a line for each number that there is a case of."""
    since = timezone.localtime(numbers.since).date() if numbers.since and numbers.of_latest else None
    url = to_rankings(project, person.username, since=since, which=Which.GIVEN)
    skips = reverse("person_skips", args=[project.slug, person.id])
    return [
        *_pace(numbers, url),
        *_of_others(numbers, url),
        *_answers(numbers.answers, url),
        *_of_share(_("Ties"), _("Comparisons of two completions that tie."), numbers.ties, "comparisons", url),
        *_of_share(
            _("Skips"), _("Of tasks that ended with a ranking or a skip."), numbers.skips, "tasks", value_url=skips
        ),
        *_biases(numbers, url),
        *_flags(numbers, url),
        *_words(numbers, url),
    ]


def _answers(answers: Answers | None, url: str) -> Iterator[Line]:
    """Gives those of yes/no questions; of ties, places and lengths only what texts beside one another have."""
    if answers is None:
        return
    people = answers.agreement_in_project.value
    yield from _of_share(
        _("The same answer as others"),
        _("Of answers that another person gave to the same question about the same text, how often both are the same."),
        answers.agreement,
        "comparisons",
        url,
        beside=_people_here(people),
    )
    yield from _of_share(
        _("Answers that others gave too"),
        _("Of answers, how many somebody else gave to the same question about the same text, the same one or not."),
        answers.compared,
        "answers",
        url,
    )
    for question in answers.questions:
        name = _("Yes to “%(question)s”") % {"question": question.label}
        about = _("Of the texts that were asked about, how many were answered with yes.")
        people = question.yes_in_project.value
        alone = question.yes.n == question.yes.n_prompts  # a text for each prompt: said once
        yes = replace(question.yes, n_prompts=None) if alone else question.yes
        yield from _of_share(name, about, yes, "texts", url, beside=_people_here(people))


def _people_here(share: float | None) -> str:
    return "" if share is None else _("people here: %(share)s") % {"share": percent(share)}


def _flags(numbers: Numbers, url: str) -> Iterator[Line]:
    if numbers.answers is None:  # where each is a question, each has a line of its own
        name, about = _("Flags"), _("Rankings with a flag on some completion.")
        yield from _of_share(name, about, numbers.flags, "rankings", url)


def _words(numbers: Numbers, url: str) -> Iterator[Line]:
    name, about = _("Comments and notes"), _("Rankings with a comment, or a note on a completion.")
    yield from _of_share(name, about, numbers.words, "rankings", url, value_url=f"{url}&words=some")


def _pace(numbers: Numbers, url: str) -> Iterator[Line]:
    pace = numbers.pace
    if pace.value is None:
        return
    span = _("%(low)s to %(high)s s") % {"low": floatformat(pace.low, 0), "high": floatformat(pace.high, 0)}
    yield Line(
        _("Time for one"),
        _("Median of active seconds; the interval lies between two of them."),
        _("%(seconds)s s") % {"seconds": floatformat(pace.value, 0)},
        span if pace.low is not None else str(_("too few for an interval")),
        counted(pace.n, kind="rankings"),
        url=url,
    )


def _of_others(numbers: Numbers, url: str) -> Iterator[Line]:
    people = numbers.agreement_in_project.value
    yield from _of_share(
        _("Agreement with others"),
        _("Of two completions that another person ordered too, how often the same one is above; ties left out."),
        numbers.agreement,
        "comparisons",
        url,
        beside=_people_here(people),
    )
    yield from _of_share(
        _("Choices that others made too"),
        _("Of choices between two completions, how many somebody else made between the same two, the same way or not."),
        numbers.compared,
        "pairs",
        url,
    )


def _biases(numbers: Numbers, url: str) -> Iterator[Line]:
    if shown := numbers.shown_first:
        yield from _of_share(
            _("Shown first, ranked first"),
            _("How often the completion that stood first on the screen is best; a shared first rank counts in parts."),
            shown.first,
            "rankings",
            url,
            beside=_("by chance: %(share)s") % {"share": percent(shown.expected)},
        )
    project = numbers.longer_in_project.value
    yield from _of_share(
        _("The longer one preferred"),
        _("Of two completions of different length, how often the one with more letters is above."),
        numbers.longer,
        "pairs",
        url,
        beside=_people_here(project),
    )


def _of_share(
    name: StrOrPromise,
    about: StrOrPromise,
    share: Share,
    kind: str,
    url: str = "",
    *,
    beside: str = "",
    value_url: str = "",
) -> Iterator[Line]:
    if share.value is None:
        return
    yield Line(
        name, about, percent(share.value), between(share.low, share.high), counted(share.n, share.n_prompts, kind),
        beside, url, value_url if share.value else "",
    )  # fmt: skip
