"""Evidence: what the models of a project learn from and are judged by, and all on their side that differs by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rewardtrain.evidence.agreement import Judgements, Share
from rewardtrain.evidence.figures import Check
from rewardtrain.evidence.worth import Worth

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from formats.evaluation_report.report import Report
    from labeling.data.reviewing.evidence import OtherAnswer, OtherOrder
    from labeling.judgements.judgement import Flags
    from labeling.models import DatasetVersion, Project
    from rewardtrain.core.config import TrainConfig
    from rewardtrain.models import PromptScore, RewardModel

Settings = Mapping[str, object]


@dataclass(frozen=True)
class Words:
    """What pages say. A name in %(brackets)s is filled by the page, and a plural is chosen by n; see phrases.say."""

    column: StrOrPromise
    column_of: StrOrPromise  # what they are of
    column_baseline: StrOrPromise  # what needs no model
    data_label: StrOrPromise  # the column's name beside its number, where a phone has no columns
    new: StrOrPromise  # %(shown)s
    missing: StrOrPromise  # %(shown)s, %(there)s, %(needed)s
    first_run: StrOrPromise  # %(number)s
    new_that_start: StrOrPromise
    before_the_first: StrOrPromise
    figures: tuple[StrOrPromise, ...]  # the columns of a list of models
    figures_about: StrOrPromise
    drift: StrOrPromise
    drift_about: StrOrPromise
    drift_part: StrOrPromise  # %(there)s since, and drawn %(n)s from %(first)s to %(last)s
    drift_alarm: StrOrPromise  # %(version)s, %(share)s %(now)s, %(before)s %(then)s


@dataclass(frozen=True)
class Evidence:
    """One kind of evidence. `unit` and `unit_of` are what figures count, as the tag `counted` names them.

    settings: a run's settings with what the project's flags ask for. Raises Invalid for those that can't be.
    new: how many there are of rankings with a higher id than `after`. Takes the settings that the policy's runs have.
    lacking: what is missing for a run, in words, or "".
    due: the same two as an SQL condition on the rows of training/due.py's `waiting`, w.
    n_of: how many a frozen version holds.
    checks: the gate's rules.
    doubt: why a person has to decide about this report, whatever the checks say, or "". Takes the champion.
    worth: what the report says a model is worth, by the best that needs no model and by people.
    promised: the share of it that the model judged right on the test split.
    judged: people's judgements of what the model has scored, of rankings with a higher id than `after`; where they are
        many, some over all that time.
    against: what people said of prompts, by the scores that the model gave these, each with how sure the model is of
        the contrary; of rankings made here with a higher id than `after`.
    rewards: which answers the reward may be the logit of, as a form's choices; none where there is nothing to choose.
    chosen_reward, reward_settings: one of these choices out of the settings, and back.
    """

    unit: str
    unit_of: str
    words: Words
    settings: Callable[[Flags, Settings], dict[str, object]]
    new: Callable[[Project, Settings, int], int]
    lacking: Callable[[Project, TrainConfig], str]
    due: str
    n_of: Callable[[DatasetVersion], int]
    checks: Callable[[Report], list[Check]]
    doubt: Callable[[Report, RewardModel | None], str]
    worth: Callable[[Report], tuple[Worth, str]]
    promised: Callable[[RewardModel], Share | None]
    judged: Callable[[Project, RewardModel, int], Judgements]
    against: Callable[[RewardModel, Mapping[int, PromptScore], int], Iterator[tuple[int, OtherOrder | OtherAnswer]]]
    rewards: Callable[[Flags], Sequence[tuple[str, str]]]
    chosen_reward: Callable[[Flags, Settings], str]
    reward_settings: Callable[[str], dict[str, object]]
    why_no_auto_labels: StrOrPromise  # "" where the automatic labeler can work
    sentence_template: str  # what a report says, in a sentence
    champion_template: str  # the same of the champion, named first
    cells_template: str  # and in the columns of a list
