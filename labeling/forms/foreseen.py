"""What a change of a project's settings does in words."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.judgements.phrases import whole
from labeling.projects.changes import Flag, Foreseen
from labeling.projects.qualification import Stopped


def sentences(foreseen: Foreseen) -> list[str]:
    """Says it one after another: of the overlap, of how long that takes, of flags."""
    return [
        *(_of_overlap(foreseen) if foreseen.changed or not foreseen.is_all else []),
        *(_of_new(flag, foreseen.rankings) for flag in foreseen.flags_added if foreseen.rankings),
        *(_of_gone(flag) for flag in foreseen.flags_removed if foreseen.rankings),
        *([_of_people(foreseen.stopped)] if foreseen.stopped.n else []),
    ]


def _of_overlap(foreseen: Foreseen) -> list[str]:
    said = []
    if foreseen.reopened:
        words = ngettext("Reopens %(n)s prompt.", "Reopens %(n)s prompts.", foreseen.reopened)
        said.append(words % {"n": whole(foreseen.reopened)})
    if foreseen.more:
        words = ngettext("Adds %(n)s ranking, %(time)s.", "Adds %(n)s rankings, %(time)s.", foreseen.more)
        said.append(words % {"n": whole(foreseen.more), "time": _time(foreseen.time)})
    if foreseen.members is not None:
        words = ngettext(
            "Only %(n)s member can rank: some prompts wait for others to join.",
            "Only %(n)s members can rank: some prompts wait for others to join.",
            foreseen.members,
        )
        said.append(words % {"n": whole(foreseen.members)})
    if foreseen.ended:
        words = ngettext(
            "Ends %(n)s prompt that waits for more rankings.",
            "Ends %(n)s prompts that wait for more rankings.",
            foreseen.ended,
        )
        said.append(words % {"n": whole(foreseen.ended)})
    if foreseen.fewer:
        words = ngettext("Asks for %(n)s ranking less.", "Asks for %(n)s rankings less.", foreseen.fewer)
        said.append(words % {"n": whole(foreseen.fewer)})
        said.append(_("Rankings that there are stay, and so do prompts that people have open."))
    if not said:
        said.append(_("No prompt waits for more or fewer rankings by it."))
    if not foreseen.is_all:
        said.append(_("These are as many as could be counted in a moment; there are more."))
    return said


def _time(time: timedelta | None) -> str:
    if time is None:
        return _("for how long nobody can say: too few were made in the last week")
    hours = round(time.total_seconds() / 3600)
    if hours >= 48:
        return ngettext("about %(n)s day at this pace", "about %(n)s days at this pace", round(hours / 24)) % {
            "n": whole(round(hours / 24))
        }
    if hours >= 1:
        return ngettext("about %(n)s hour at this pace", "about %(n)s hours at this pace", hours) % {"n": hours}
    return _("less than an hour at this pace")


def _of_people(stopped: Stopped) -> str:
    words = ngettext(
        "%(n)s of %(of)s labelers would have to qualify before their next task. What they hold they may finish.",
        "%(n)s of %(of)s labelers would have to qualify before their next task. What they hold they may finish.",
        stopped.n,
    )
    return words % {"n": whole(stopped.n), "of": whole(stopped.of)}


def _of_new(flag: Flag, rankings: int) -> str:
    if flag.answers:  # it was asked before
        words = ngettext(
            "“%(flag)s” is new: of %(answers)s text there is an answer from before, of the others none.",
            "“%(flag)s” is new: of %(answers)s texts there are answers from before, of the others none.",
            flag.answers,
        )
        return words % {"flag": flag.label, "answers": whole(flag.answers)}
    words = ngettext(
        "“%(flag)s” is new: the %(n)s ranking that there is has no answer to it, and keeps none.",
        "“%(flag)s” is new: the %(n)s rankings that there are have no answer to it, and keep none.",
        rankings,
    )
    return words % {"flag": flag.label, "n": whole(rankings)}


def _of_gone(flag: Flag) -> str:
    if not flag.answers:
        return _("“%(flag)s” is asked no more; nobody has answered it.") % {"flag": flag.label}
    words = ngettext(
        "“%(flag)s” is asked no more: what was answered of %(n)s text stays stored.",
        "“%(flag)s” is asked no more: what was answered of %(n)s texts stays stored.",
        flag.answers,
    )
    return words % {"flag": flag.label, "n": whole(flag.answers)}
