"""Rankings: the completions of a prompt, best first, with ties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext, ngettext_lazy

from formats import fields
from formats.rankings import RankingRow
from formats.refusals import Refused
from labeling.judgements.judgement import Counts, Flags, Judgement, Words
from labeling.judgements.phrases import linked, say, whole
from labeling.judgements.row_limits import LIMITS


def check_project(flags: Flags) -> None:
    """Takes any flags, or none: they stand beside the order."""


def check_recorded(rankings: Sequence[RankingRow], known: Sequence[str]) -> None:
    """Recorded flags may be others than the project's, but none that is one of the project's in another spelling."""
    for place, ranking in enumerate(rankings):
        for index, flags in enumerate(ranking.flags):
            for name in flags:
                if name not in known and (meant := fields.nearest(name, known)):
                    field = f"rankings[{place}].flags[{index}].{name}"
                    raise Refused(field, flags[name], "misspelt_key", meant=meant)


def flags_in_words(flags: Mapping[str, bool], labels: Mapping[str, str]) -> list[str]:
    """Names those that are set."""
    return [labels.get(name, name) for name, value in flags.items() if value]


def given(counts: Counts, url: str) -> SafeString:
    """Says '210 rankings: <strong>1,204</strong> pairs and 30 ties from 3 people', and links the first to its rows."""
    parts = {
        "rankings": linked(
            url, say(ngettext("%(shown)s ranking", "%(shown)s rankings", counts.rankings), shown=whole(counts.rankings))
        ),
        "pairs": say(
            ngettext("<strong>%(shown)s</strong> pair", "<strong>%(shown)s</strong> pairs", counts.pairs),
            shown=whole(counts.pairs),
        ),
        "ties": say(ngettext("%(shown)s tie", "%(shown)s ties", counts.ties), shown=whole(counts.ties)),
        "people": say(ngettext("%(shown)s person", "%(shown)s people", counts.labelers), shown=whole(counts.labelers)),
    }
    if counts.ties:
        return say(_("%(rankings)s: %(pairs)s and %(ties)s from %(people)s"), **parts)
    return say(_("%(rankings)s: %(pairs)s from %(people)s"), **parts)


WORDS = Words(
    act=gettext_lazy("Rank"),
    act_in=gettext_lazy("Rank in %(name)s"),
    said=gettext_lazy("Rankings"),
    said_in=gettext_lazy("Rankings in %(project)s"),
    yours=gettext_lazy("Your rankings"),
    yours_in=gettext_lazy("Your rankings in %(project)s"),
    search=gettext_lazy("Search your rankings"),
    search_in=gettext_lazy("Search prompts, completions and your words"),
    found=ngettext_lazy(
        "<strong>%(n)s</strong> ranking with “%(asked)s”.", "<strong>%(n)s</strong> rankings with “%(asked)s”.", "n"
    ),
    edit=gettext_lazy("Edit the ranking of: %(words)s"),
    none_yet=gettext_lazy("Nothing ranked yet"),
    listed_here=gettext_lazy("Everything that you rank is listed here, newest first."),
    first=gettext_lazy("Rank the first prompt"),
    a_day=gettext_lazy("Rankings a day"),
    of_a_day=gettext_lazy("Rankings"),
    without_guidelines=gettext_lazy(
        "A manager can write them in the project's settings. Until then: put first what you would most like to get."
    ),
    prompts_done=ngettext_lazy(
        "<strong>%(done)s</strong> of %(all)s prompt ranked;",
        "<strong>%(done)s</strong> of %(all)s prompts ranked;",
        "n",
    ),
    done=ngettext_lazy("%(done)s of %(all)s prompt ranked", "%(done)s of %(all)s prompts ranked", "n"),
    own=gettext_lazy("you ranked %(own)s"),
    done_in=gettext_lazy("Prompts ranked in %(project)s"),
    upload_note="",
    keys=(),
)

RANKING = Judgement(
    name="ranking",
    words=WORDS,
    method=(
        "Each person saw a prompt with its completions in an order drawn for that person, without the names of the "
        "models that wrote them, and put them into ranks; equal ranks are a tie. Nobody saw another's ranking."
    ),
    limits=LIMITS,
    check_project=check_project,
    check_recorded=check_recorded,
    flags_in_words=flags_in_words,
    given=given,
    has_order=True,
    asks_every_flag=False,
    has_practice=True,
    counts_labels=False,
    tells_agreement=True,
    lists_texts=False,
    submit=gettext_lazy("Submit ranking"),
    cannot=gettext_lazy("Can't be ranked"),
    cannot_reasons=(
        gettext_noop("The prompt makes no sense"),
        gettext_noop("The completions belong to another prompt"),
        gettext_noop("All of them are broken"),
    ),
)
