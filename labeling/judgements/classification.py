"""Classifications: yes or no to each question about each text. A text may stand alone, without a prompt or others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext, ngettext_lazy

from formats.rankings import RankingRow
from formats.refusals import Refused
from labeling.errors import Invalid
from labeling.judgements.judgement import Counts, Flags, Judgement, Words
from labeling.judgements.phrases import linked, say, whole
from labeling.judgements.row_limits import LIMITS

OF_AN_ORDER = ("acceptable", "attributes", "rewrite")


def check_project(flags: Flags) -> None:
    """Raises Invalid where there is no question."""
    if not flags:
        message = _("A classification asks at least one yes/no question; give it a flag, for example %(example)s.")
        raise Invalid("flags_missing", message % {"example": "hateful: Hateful"}, attr="flags")


def check_recorded(rankings: Sequence[RankingRow], asked: Sequence[str]) -> None:
    """Requires every flag of every text with yes or no, and no other flag, which would be trained on unseen."""
    for place, ranking in enumerate(rankings):
        said = {"top_k": ranking.top_k}
        for name, value in (said | {each: getattr(ranking.more, each) for each in OF_AN_ORDER}).items():
            if value not in (None, ()):
                raise Refused(f"rankings[{place}].{name}", value, "of_an_order")
        for index, flags in enumerate(ranking.flags):
            if set(flags) != set(asked):
                raise Refused(f"rankings[{place}].flags[{index}]", flags, "not_answered", asked=", ".join(asked))


def flags_in_words(flags: Mapping[str, bool], labels: Mapping[str, str]) -> list[str]:
    """Names each with its answer, for no is one too; the project's in their order, then former ones."""
    words = {True: _("%(label)s: yes"), False: _("%(label)s: no")}
    order = [name for name in labels if name in flags] + [name for name in flags if name not in labels]
    return [words[flags[name]] % {"label": labels.get(name, name)} for name in order]


def given(counts: Counts, url: str) -> SafeString:
    """Says '700 answers: <strong>1,204</strong> labels from 3 people', and links the first to its rows."""
    answers = say(ngettext("%(shown)s answer", "%(shown)s answers", counts.rankings), shown=whole(counts.rankings))
    labels = say(
        ngettext("<strong>%(shown)s</strong> label", "<strong>%(shown)s</strong> labels", counts.labels),
        shown=whole(counts.labels),
    )
    people = say(ngettext("%(shown)s person", "%(shown)s people", counts.labelers), shown=whole(counts.labelers))
    phrase = _("%(answers)s: %(labels)s from %(people)s")
    return say(phrase, answers=linked(url, answers), labels=labels, people=people)


WORDS = Words(
    act=gettext_lazy("Label"),
    act_in=gettext_lazy("Label in %(name)s"),
    said=gettext_lazy("Answers"),
    said_in=gettext_lazy("Answers in %(project)s"),
    yours=gettext_lazy("Your answers"),
    yours_in=gettext_lazy("Your answers in %(project)s"),
    search=gettext_lazy("Search your answers"),
    search_in=gettext_lazy("Search texts and your words"),
    found=ngettext_lazy(
        "<strong>%(n)s</strong> answer with “%(asked)s”.", "<strong>%(n)s</strong> answers with “%(asked)s”.", "n"
    ),
    edit=gettext_lazy("Edit the answer to: %(words)s"),
    none_yet=gettext_lazy("Nothing labeled yet"),
    listed_here=gettext_lazy("Everything that you label is listed here, newest first."),
    first=gettext_lazy("Label the first text"),
    a_day=gettext_lazy("Texts labeled a day"),
    of_a_day=gettext_lazy("Texts"),
    without_guidelines=gettext_lazy(
        "A manager can write them in the project's settings. Until then: answer as you understand the questions."
    ),
    prompts_done=ngettext_lazy(
        "<strong>%(done)s</strong> of %(all)s text labeled;", "<strong>%(done)s</strong> of %(all)s texts labeled;", "n"
    ),
    done=ngettext_lazy("%(done)s of %(all)s text labeled", "%(done)s of %(all)s texts labeled", "n"),
    own=gettext_lazy("you labeled %(own)s"),
    done_in=gettext_lazy("Texts labeled in %(project)s"),
    upload_note=gettext_lazy("The prompt may be empty where a text stands alone."),
    keys=(
        (
            ("y", "n"),
            gettext_lazy(
                "Answer the marked question with yes or no; the next one is marked. With one text, a digit marks a "
                "question."
            ),
        ),
    ),
)

CLASSIFICATION = Judgement(
    name="classification",
    words=WORDS,
    method="Each person answered yes or no to questions about each text. Agreement on these is not computed here.",
    limits=replace(LIMITS, min_completions=1, needs_prompt=False),
    check_project=check_project,
    check_recorded=check_recorded,
    flags_in_words=flags_in_words,
    given=given,
    has_order=False,
    asks_every_flag=True,
    has_practice=False,
    counts_labels=True,
    tells_agreement=False,
    lists_texts=True,
    submit=gettext_lazy("Submit"),
    cannot=gettext_lazy("Can't be judged"),
    cannot_reasons=(
        gettext_noop("The text makes no sense"),
        gettext_noop("The text is cut off or broken"),
        gettext_noop("The question doesn't fit the text"),
    ),
)
