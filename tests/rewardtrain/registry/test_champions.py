from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from formats.evaluation_report.report import OtherSchema
from labeling.errors import Conflict, Invalid
from labeling.models import Project
from rewardtrain.evidence import PAIRS
from rewardtrain.models import Evaluation, Promotion, RewardModel
from rewardtrain.registry import champions
from rewardtrain.registry.gate import Gate
from rewardtrain.registry.gate import gate as gate_of
from tests.factories import make_user
from tests.rewardtrain.conftest import make_model, make_report, make_run, rank_prompts
from tests.rewardtrain.training.test_runs import side_by_side


@pytest.fixture
def ranked(project: Project) -> Project:
    rank_prompts(project, train=4, test=2, validation=0)
    return project


def judge(report: dict[str, Any]) -> Gate:
    return gate_of(report, PAIRS)


def against(*, log_loss: float, accuracy: tuple[float, float, float], champion_accuracy: float = 0.7) -> dict[str, Any]:
    """The champion's part of a report, by its differences: of log loss, and of accuracy with its interval."""
    value, low, high = accuracy
    return {
        "accuracy": champion_accuracy,
        "accuracy_low": champion_accuracy - 0.1,
        "accuracy_high": champion_accuracy + 0.1,
        "log_loss": 0.6 - log_loss,
        "log_loss_low": 0.5 - log_loss,
        "log_loss_high": 0.7 - log_loss,
        "difference": {
            "log_loss": {"value": log_loss, "low": log_loss - 0.02, "high": log_loss + 0.02},
            "accuracy": {"value": value, "low": low, "high": high},
        },
    }


def test_the_first_model_passes_below_ln_2_and_above_chance() -> None:
    gate = judge(make_report(accuracy=0.7, interval=(0.6, 0.8), log_loss=0.6))
    assert gate.passed
    assert gate.reasons == [
        "Log loss 0.6000 (0.5500 to 0.6500) is below ln 2 = 0.6931, a coin's, on 120 test pairs of 20 prompts.",
        "Accuracy 0.7000 (0.6000 to 0.8000) is above chance with its whole interval, on 120 test pairs of 20 prompts.",
    ]


def test_the_gate_counts_pairs_and_prompts_as_the_pages_do() -> None:
    gate = judge(make_report(n_pairs=1455, n_prompts=20) | {"n_pair_prompts": 1020})
    assert gate.reasons[1].endswith("on 1,455 test pairs of 1,020 prompts.")


def test_a_good_accuracy_does_not_make_up_for_a_log_loss_above_ln_2() -> None:
    gate = judge(make_report(accuracy=0.7, interval=(0.6, 0.8), log_loss=0.75))
    assert not gate.passed
    assert "is not below ln 2 = 0.6931" in gate.reasons[0]
    assert "is above chance" in gate.reasons[1]


def test_an_interval_that_reaches_chance_does_not_pass() -> None:
    gate = judge(make_report(accuracy=0.6, interval=(0.5, 0.7), log_loss=0.6))
    assert not gate.passed
    assert "is not above chance with its whole interval" in gate.reasons[1]


def test_prompts_without_a_pair_count_for_nothing() -> None:
    """120 pairs of 3 prompts, and 17 of which all is a tie."""
    report = make_report() | {"n_pair_prompts": 3}
    assert (report["n_distinct_prompts"], judge(report).passed) == (20, False)
    assert judge(report).reasons[0].startswith("The test split has 120 pairs of 3 prompts")


@pytest.mark.parametrize(("n_pairs", "n_prompts"), [(19, 20), (120, 4)])
def test_too_few_test_pairs_or_prompts_judge_nothing(n_pairs: int, n_prompts: int) -> None:
    gate = judge(make_report(n_pairs=n_pairs, n_prompts=n_prompts))
    assert not gate.passed
    assert gate.reasons == [
        f"The test split has {n_pairs} pairs of {n_prompts} prompts; "
        "at least 20 pairs of 5 prompts are needed to judge a model."
    ]


def test_a_later_model_passes_with_a_lower_log_loss_and_an_accuracy_that_is_not_worse() -> None:
    champion = against(log_loss=-0.02, accuracy=(-0.01, -0.04, 0.02))
    gate = judge(make_report(champion=champion))
    assert gate.passed
    assert gate.reasons[0] == (
        "Log loss 0.6000 is lower than the champion's 0.6200 on the same 120 test pairs of 20 prompts "
        "(difference -0.0200 (-0.0400 to +0.0000))."
    )


def test_an_equal_accuracy_with_a_higher_log_loss_is_refused() -> None:
    gate = judge(make_report(champion=against(log_loss=0.05, accuracy=(0.0, -0.03, 0.03))))
    assert not gate.passed
    assert "is not lower than the champion's" in gate.reasons[0]
    assert "is not worse than the champion's" in gate.reasons[1]


def test_a_lower_log_loss_with_an_accuracy_that_is_worse_is_refused() -> None:
    gate = judge(make_report(champion=against(log_loss=-0.05, accuracy=(-0.05, -0.09, -0.01))))
    assert not gate.passed
    assert "is worse than the champion's" in gate.reasons[1]


def test_a_fine_tuning_has_to_beat_the_newest_head_too() -> None:
    """Beside a champion that it beats, and where there is no champion."""
    for champion in (against(log_loss=-0.02, accuracy=(0.01, -0.02, 0.04)), None):
        report = make_report(champion=champion)
        head = {"version": 7, **against(log_loss=-0.01, accuracy=(0.0, -0.03, 0.03))}
        gate = judge(report | {"head_rival": head})
        assert gate.passed
        assert gate.reasons[2] == (
            "Log loss 0.6000 is lower than the 0.6100 of the newest head, version 7 "
            "(difference -0.0100 (-0.0300 to +0.0100))."
        )
        head = {"version": 7, **against(log_loss=0.01, accuracy=(0.0, -0.03, 0.03))}
        gate = judge(report | {"head_rival": head})
        assert not gate.passed
        assert "is not lower than the 0.5900 of the newest head, version 7" in gate.reasons[2]


def test_the_newest_head_is_a_rival_where_the_champion_is_none(ranked: Project) -> None:
    full = make_run(ranked)
    assert champions.baselines(full) == champions.Baselines(None, None)
    make_model(ranked, depth="head")
    head = make_model(ranked, depth="head")
    assert champions.baselines(full) == champions.Baselines(None, head)
    assert champions.baselines(head.run) == champions.Baselines(None, None)
    champions.promote(head, by=None, reason="the first")
    assert champions.baselines(full) == champions.Baselines(head, None)
    tuned = make_model(ranked)
    champions.promote(tuned, by=None, reason="better")
    assert champions.baselines(full) == champions.Baselines(tuned, head)
    assert champions.baselines(head.run) == champions.Baselines(tuned, None)
    theirs = make_model(ranked, depth="none")
    champions.promote(theirs, by=None, reason="a reward model of others is better yet")
    assert champions.baselines(full) == champions.Baselines(theirs, head)


def test_a_model_that_passed_is_promoted_only_if_the_policy_says_so(ranked: Project) -> None:
    model = make_model(ranked)
    champions.promote_if_passed(model, auto_promote=False)
    assert champions.champion(ranked) is None
    assert champions.waiting_for_promotion(ranked) == model
    champions.promote_if_passed(model, auto_promote=True)
    assert champions.champion(ranked) == model
    assert champions.waiting_for_promotion(ranked) is None


def test_a_model_that_did_not_pass_is_promoted_by_hand_alone(ranked: Project) -> None:
    model = make_model(ranked, make_report(log_loss=0.8))
    champions.promote_if_passed(model, auto_promote=True)
    assert champions.champion(ranked) is None
    manager = make_user()
    with pytest.raises(Conflict, match="Version 1 did not pass its gate"):
        champions.promote(model, by=manager, reason="it is all we have")
    assert champions.champion(ranked) is None
    champions.promote(model, by=manager, reason="it is all we have", past_gate=True)
    assert champions.champion(ranked) == model
    promotion = Promotion.objects.get()
    assert (promotion.action, promotion.by, promotion.reason) == ("hand", manager, "it is all we have")


def test_a_champion_past_its_gate_is_remembered_until_another_one_is(ranked: Project) -> None:
    assert champions.past_gate(champions.champion(ranked)) is None
    failed, passed = make_model(ranked, make_report(log_loss=0.8)), make_model(ranked)
    champions.promote(failed, by=make_user("mara"), reason="it is all we have", past_gate=True)
    found = champions.past_gate(champions.champion(ranked))
    assert found is not None
    assert (found.by.username, found.reason) == ("mara", "it is all we have")
    champions.promote(passed, by=None, reason="better")
    assert champions.past_gate(champions.champion(ranked)) is None
    champions.rollback(ranked, by=None, reason="no")
    found = champions.past_gate(champions.champion(ranked))
    assert found is not None
    assert (found.action, found.reason) == ("rollback", "no")


def test_each_rule_of_the_gate_says_whether_it_was_passed(ranked: Project) -> None:
    def rules_of(model: RewardModel) -> list[bool | None]:
        return [rule.passed for rule in champions.rules(model, model.evaluations.get().report)]

    good = make_model(ranked)
    assert rules_of(good) == [True, True]
    assert rules_of(make_model(ranked, make_report(log_loss=0.8))) == [False, True]
    report = make_report(champion=against(log_loss=-0.1, accuracy=(0.1, 0.0, 0.2)))
    late = make_model(ranked, report, rival=good)  # there is no champion at all
    assert rules_of(late) == [True, True, False]
    late.gate = {"passed": False, "reasons": ["It was made before Podium kept rules."]}
    assert rules_of(late) == [None]


def test_a_comparison_with_a_champion_of_yesterday_does_not_pass(ranked: Project) -> None:
    old, new = make_model(ranked), make_model(ranked)
    champions.promote(new, by=None, reason="meanwhile")
    model = make_model(ranked, make_report(champion=against(log_loss=-0.1, accuracy=(0.1, 0.0, 0.2))), rival=old)
    assert not model.gate["passed"]
    assert model.gate["reasons"][-1] == "The champion changed meanwhile, to model 2."


def test_rolling_back_goes_to_the_champion_before_and_then_further_back(ranked: Project) -> None:
    first, second, third = (make_model(ranked) for _ in range(3))
    for model in (first, second, third):
        champions.promote(model, by=None, reason="better")
    assert champions.rollback(ranked, by=None, reason="it scores nonsense") == second
    assert champions.rollback(ranked, by=None, reason="this one too") == first
    with pytest.raises(Conflict, match="nothing to go back to"):
        champions.rollback(ranked, by=None, reason="and on")
    champions.promote(third, by=None, reason="it was right after all")
    assert champions.rollback(ranked, by=None, reason="no") == first
    assert [promotion.action for promotion in Promotion.objects.order_by("pk")] == (
        ["hand"] * 3 + ["rollback"] * 2 + ["hand", "rollback"]
    )


def test_a_change_by_hand_needs_a_reason(ranked: Project) -> None:
    model = make_model(ranked)
    with pytest.raises(Invalid, match="Write why"):
        champions.promote(model, by=None, reason="  ")
    champions.promote(model, by=None, reason="good")
    with pytest.raises(Conflict, match="Version 1 is the champion already"):
        champions.promote(model, by=None, reason="again")
    with pytest.raises(Invalid, match="Write why"):
        champions.rollback(ranked, by=None, reason="")


def test_promotions_at_once_leave_one_champion(ranked: Project) -> None:
    models = [make_model(ranked) for _ in range(4)]

    def promote(model: RewardModel) -> RewardModel:
        return champions.promote(model, by=None, reason="mine")

    answers = side_by_side(*[lambda model=model: promote(model) for model in models])  # type: ignore[misc]
    assert all(isinstance(answer, RewardModel) for answer in answers), answers
    assert RewardModel.objects.filter(project=ranked, champion=True).count() == 1
    last = Promotion.objects.first()
    assert last is not None
    assert last.reward_model == champions.champion(ranked)


def test_the_database_itself_refuses_a_second_champion(ranked: Project) -> None:
    first, second = make_model(ranked), make_model(ranked)
    champions.promote(first, by=None, reason="good")
    with pytest.raises(IntegrityError, match="reward_model_one_champion"), transaction.atomic():
        RewardModel.objects.filter(pk=second.pk).update(champion=True)


def test_a_finished_evaluation_never_changes(ranked: Project) -> None:
    make_model(ranked)
    with pytest.raises(DatabaseError), transaction.atomic():
        Evaluation.objects.update(accuracy=1.0)
    with pytest.raises(DatabaseError), transaction.atomic():
        Evaluation.objects.all().delete()


def test_a_stored_report_of_another_schema_is_refused_where_it_is_read(ranked: Project) -> None:
    """The model goes on serving: who needs the report is told what to do."""
    model = make_model(ranked, make_report() | {"schema": 3})
    champions.promote(model, by=None, reason="to have one")
    with pytest.raises(OtherSchema, match=r"has schema 3 and this version .* reads schema 4: migrate the database"):
        model.evaluations.get()
    assert champions.needed_champion(ranked) == model
