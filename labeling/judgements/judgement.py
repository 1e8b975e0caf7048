"""A kind of judgement: what a project asks of its people, and all on labeling's side that differs by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from django.utils.safestring import SafeString
    from django_stubs_ext import StrOrPromise

    from formats.limits import Limits
    from formats.rankings import RankingRow

Flags = Sequence[Mapping[str, str]]  # a project's: [{"name": "hateful", "label": "Hateful"}]


class Counts(Protocol):
    """Tells how many judgements there are, and whose, for the first line of an overview."""

    @property
    def rankings(self) -> int: ...
    @property
    def pairs(self) -> int: ...
    @property
    def ties(self) -> int: ...
    @property
    def labels(self) -> int: ...
    @property
    def labelers(self) -> int: ...


@dataclass(frozen=True)
class Words:
    """What pages say. A name in %(brackets)s is filled by the page, and a plural is chosen by n; see phrases.say."""

    act: StrOrPromise  # the page on which people judge, and its button
    act_in: StrOrPromise  # its title, %(name)s
    said: StrOrPromise  # everybody's answers, as a heading
    said_in: StrOrPromise  # %(project)s
    yours: StrOrPromise
    yours_in: StrOrPromise  # %(project)s
    search: StrOrPromise
    search_in: StrOrPromise
    found: StrOrPromise  # %(n)s, %(asked)s
    edit: StrOrPromise  # %(words)s
    none_yet: StrOrPromise
    listed_here: StrOrPromise
    first: StrOrPromise
    a_day: StrOrPromise
    of_a_day: StrOrPromise  # the column of numbers
    without_guidelines: StrOrPromise
    prompts_done: StrOrPromise  # %(done)s of %(all)s, as a sentence begins
    done: StrOrPromise  # the same in a line on its own
    own: StrOrPromise  # %(own)s
    done_in: StrOrPromise  # %(project)s
    upload_note: StrOrPromise
    keys: tuple[tuple[tuple[str, ...], StrOrPromise], ...]  # of the board, beside those of every board


@dataclass(frozen=True)
class Judgement:
    """One kind of judgement. `name` is what the project's kind says.

    check_project: raises Invalid for flags with which a project can't ask this.
    check_recorded: raises formats.refusals.Refused for imported rankings that are none of this kind. Takes the names of
    the project's flags.
    flags_in_words: a person's flags of one completion as the history tells them. Takes the flags, and the labels of the
    project's by name.
    given: how many judgements there are from how many people, as a part of a sentence. Takes the address of these
    judgements too.
    """

    name: str
    words: Words
    method: str  # how people judge, as the appendix of a paper says it; in English
    limits: Limits  # of an imported row
    check_project: Callable[[Flags], None]
    check_recorded: Callable[[Sequence[RankingRow], Sequence[str]], None]
    flags_in_words: Callable[[Mapping[str, bool], Mapping[str, str]], list[str]]
    given: Callable[[Counts, str], SafeString]

    has_order: bool  # from best to worst, so that a line in it, ratings and a rewrite of the best can be asked for
    asks_every_flag: bool  # each flag of each completion needs a yes or no
    has_practice: bool
    counts_labels: bool  # each answered text of each person, in the overview
    tells_agreement: bool  # in the overview's first line
    lists_texts: bool  # a prompt may be empty, so that a list names its text

    submit: StrOrPromise
    cannot: StrOrPromise
    cannot_reasons: tuple[str, ...]  # stored as they stand and shown in the reader's language
