"""What a reader of a terminal is told: each figure of the report in the line that names it."""

from dataclasses import replace
from typing import Any

import pytest

from rewardtrain.core.data.groups import Group
from rewardtrain.core.measures.report_text import flag_lines, format_report
from tests.core.measures.judged import drawn_rewards, made, reported, scored


def interval(figure: dict[str, Any], sign: str = "") -> str:
    return f"{figure['low']:{sign}.4f} to {figure['high']:{sign}.4f}"


def whole(figure: dict[str, Any], sign: str = "") -> str:
    return f"{figure['value']:{sign}.4f} ({interval(figure, sign)})"


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Of a model with classes beside a champion with classes."""
    groups = made()
    ours = scored(drawn_rewards(groups), flags=True, temperature=1.7, raw_scale=0.6, class_temperature=1.3)
    theirs = scored(drawn_rewards(groups, seed=9), flags=True, temperature=0.8)
    return reported(groups, replace(ours, truncated=3, truncated_completions=1), theirs)


def test_each_figure_of_pairs_stands_in_its_line(told: dict[str, Any]) -> None:
    ceiling, champion, tau = told["human_ceiling"], told["champion"], told["kendall_tau_b"]
    shares = [(f"rank gap {part['gap']}", part) for part in told["by_gap"]]
    lines = format_report(told).splitlines()
    assert lines[:8] == [
        f"accuracy {told['accuracy']['value']:.4f}",
        f"  95% interval {interval(told['accuracy'])}, {told['n_pairs']} pairs of {told['n_pair_prompts']} prompts,"
        f" {told['n_ties']} ties left out",
        f"  longer wins {told['baseline_longer']['accuracy']:.4f}, 95% interval {interval(told['baseline_longer'])}",
        f"  human ceiling {ceiling['agreement']:.4f}, 95% interval {interval(ceiling)},"
        f" {ceiling['n']} pairs of {ceiling['n_prompts']} prompts",
        f"log loss {told['log_loss']['value']:.4f}",
        f"  95% interval {interval(told['log_loss'])}, a coin has ln 2 = 0.6931;"
        f" before calibration {whole(told['log_loss_raw'])}",
        f"Brier score {whole(told['brier'])}, a coin has 0.2500",
        f"expected calibration error {whole(told['ece'])}, a perfect model has {told['ece']['by_chance']:.4f} on"
        f" these pairs; before calibration {whole(told['ece_raw'])}",
    ]
    assert lines[8:13] == [
        f"Kendall tau-b {whole(tau)}, {tau['n']} rankings of {tau['n_prompts']} prompts",
        f"mean margin {whole(told['margins'])}, standard deviation {told['margins']['sd']:.4f}",
        f"champion: accuracy {champion['accuracy']:.4f}, log loss {champion['log_loss']:.4f}",
        *(
            f"  {words} minus champion's {difference['value']:+.4f}, 95% interval {interval(difference, '+')}"
            for words, difference in (
                ("accuracy", champion["difference"]["accuracy"]),
                ("log loss", champion["difference"]["log_loss"]),
            )
        ),
    ]
    for place, (name, part) in enumerate(shares, start=13):
        figure = {"value": part["accuracy"], "low": part["accuracy_low"], "high": part["accuracy_high"]}
        of = f"{part['n']} pairs of {part['n_prompts']} prompts"
        assert lines[place] == f"{name}: accuracy {whole(figure)}, {of}"


def test_each_figure_of_a_flag_stands_in_its_line(told: dict[str, Any]) -> None:
    flags = told["flags"]
    baseline, champion = flags["baseline"], flags["champion"]
    area, loss = champion["difference"]["roc_auc"], champion["difference"]["log_loss"]
    assert flag_lines(flags) == [
        f"flag rude: ROC AUC {whole(flags['roc_auc'])}, {flags['n_votes']} votes of {flags['n_prompts']} prompts,"
        f" on {flags['n_completions']} completions",
        f"  accuracy {whole(flags['accuracy'])}, always {baseline['class']} {whole(baseline['accuracy'])}",
        f"  champion: ROC AUC {whole(champion['roc_auc'])}, log loss {whole(champion['log_loss'])};"
        f" ours minus the champion's {whole(area, '+')} and {whole(loss, '+')}",
        f"  log loss {whole(flags['log_loss'])}, the base rate has {whole(baseline['log_loss'])};"
        f" before calibration {whole(flags['log_loss_raw'])}",
        f"  expected calibration error {whole(flags['ece'])}, a perfect model has"
        f" {flags['ece']['by_chance']:.4f} on these votes; before calibration {whole(flags['ece_raw'])}",
        *(
            f"  {one['label']}: F1 {whole(one['f1'])}, precision {whole(one['precision'])},"
            f" recall {whole(one['recall'])}, {one['n']} votes of {one['n_prompts']} prompts"
            for one in flags["classes"]
        ),
    ]
    assert set(flag_lines(flags)) <= set(format_report(told).splitlines())


def test_what_is_not_known_is_said_or_left_out(told: dict[str, Any]) -> None:
    nothing = {"value": None, "low": None, "high": None, "n": 0, "n_prompts": 0}
    less = {**told, "human_ceiling": None, "champion": None, "kendall_tau_b": nothing, "flags": None}
    text = format_report(less)
    assert "human ceiling unknown: no pair was judged by two labelers" in text
    assert not any(word in text for word in ("champion", "tau", "flag", "None"))
    flags = {**told["flags"], "roc_auc": None, "champion": None}
    first, second, *_ = flag_lines(flags)
    assert "ROC AUC unknown: all votes are for one class, " in first
    assert second.startswith("  accuracy")
    assert "champion" not in "".join(flag_lines(flags))


def test_the_last_line_says_what_was_cut_and_what_it_cost(told: dict[str, Any]) -> None:
    costs = {**told, "seconds": 2.34, "peak_memory_mb": 511.6, "device": "CPU, 1 thread"}
    last = format_report(costs).splitlines()[-1]
    assert last == "3 sequences cut, 1 in the completion; 2.3 s; 512 MB at most on CPU, 1 thread"
    more = format_report({**costs, "truncated": 1, "rewritten": 1, "n_alike": 2}).splitlines()[-1]
    assert more == (
        "1 sequence cut, 1 in the completion; 1 completion written otherwise by the chat template, which may drop a"
        " part; 2 comparisons of equal inputs left out; 2.3 s; 512 MB at most on CPU, 1 thread"
    )


def test_a_report_of_flags_alone_says_nothing_of_pairs(groups: list[Group]) -> None:
    alone = [replace(each, rankings=tuple(replace(one, ranks=(1,) * len(one.ranks)) for one in each.rankings))
             for each in groups]  # fmt: skip
    report = reported(alone, scored(drawn_rewards(groups), flags=True))
    assert report["n_pairs"] == 0
    lines = format_report(report).splitlines()
    assert lines[0].startswith("flag rude: ROC AUC")
    assert not any(line.startswith(("accuracy", "log loss")) for line in lines)
