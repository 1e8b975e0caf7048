"""The evaluation report for a reader. No torch."""

from formats.evaluation_report.attributes import AttributePart
from formats.evaluation_report.figures import Counted, CountedShare, ShareEstimate
from formats.evaluation_report.flags import FlagComparison, FlagReport
from formats.evaluation_report.pairs import PairComparison, PairMeasure
from formats.evaluation_report.report import PairReport, Report, has_pairs
from rewardtrain.core.measures.report_words import counted, ends, estimate, number


def format_report(report: Report) -> str:
    """Writes the report for a reader: every figure with its interval, its n, and what it must be compared with."""
    lines = [*(_pair_lines(report) if has_pairs(report) else []), *(flag_lines(report["flags"]))]
    lines += [_attribute_line(part) for part in report.get("attributes", ())]
    cut = f"{counted(report['truncated'], 'sequence')} cut, {report['truncated_completions']} in the completion"
    if report["rewritten"]:
        rewritten = counted(report["rewritten"], "completion")
        cut += f"; {rewritten} written otherwise by the chat template, which may drop a part"
    if report["n_alike"]:
        cut += f"; {counted(report['n_alike'], 'comparison')} of equal inputs left out"
    memory = f"{report['peak_memory_mb']:.0f} MB at most on {report['device']}"
    return "\n".join([*lines, f"{cut}; {report['seconds']:.1f} s; {memory}"])


def _attribute_line(part: AttributePart) -> str:
    beside = f"the reward {number(part['reward'])}, longer wins {number(part['longer'])}"
    return f"{part['name']}: accuracy {estimate(_share(part))}, {_of(part, 'pair')}; {beside}"


def _pair_lines(report: PairReport) -> list[str]:
    accuracy, longer, ceiling = report["accuracy"], report["baseline_longer"], report["human_ceiling"]
    tau, margins = report["kendall_tau_b"], report["margins"]
    return [
        f"accuracy {number(accuracy['value'])}",
        f"  95% interval {ends(accuracy)}, {counted(report['n_pairs'], 'pair', report['n_pair_prompts'])},"
        f" {counted(report['n_ties'], 'tie')} left out",
        f"  longer wins {number(longer['accuracy'])}, 95% interval {ends(longer)}",
        "  human ceiling unknown: no pair was judged by two labelers"
        if ceiling is None
        else f"  human ceiling {number(ceiling['agreement'])}, 95% interval {ends(ceiling)}, {_of(ceiling, 'pair')}",
        *_calibration_lines(report),
        *([f"Kendall tau-b {estimate(tau)}, {_of(tau, 'ranking')}"] if tau["n"] else []),
        f"mean margin {estimate(margins)}, standard deviation {number(margins['sd'])}",
        *_champion_lines(report["champion"]),
        *_part_lines(report),
    ]


def _calibration_lines(report: PairReport) -> list[str]:
    loss, error = report["log_loss"], report["ece"]
    perfect = f"a perfect model has {number(error['by_chance'])} on these pairs"
    return [
        f"log loss {number(loss['value'])}",
        f"  95% interval {ends(loss)}, a coin has ln 2 = {number(report['ln2'])};"
        f" before calibration {estimate(report['log_loss_raw'])}",
        f"Brier score {estimate(report['brier'])}, a coin has 0.2500",
        f"expected calibration error {estimate(error)}, {perfect}; before calibration {estimate(report['ece_raw'])}",
    ]


def _champion_lines(champion: PairComparison | None) -> list[str]:
    if champion is None:
        return []
    lines = [f"champion: accuracy {number(champion['accuracy'])}, log loss {number(champion['log_loss'])}"]
    measures: tuple[PairMeasure, ...] = ("accuracy", "log_loss")
    for name in measures:
        difference = champion["difference"][name]
        value = f"{number(difference['value'], '+')}, 95% interval {ends(difference, '+')}"
        lines.append(f"  {name.replace('_', ' ')} minus champion's {value}")
    return lines


def _part_lines(report: PairReport) -> list[str]:
    named: list[tuple[str, CountedShare]] = [(f"rank gap {part['gap']}", part) for part in report["by_gap"]]
    named += [(_length_words(part["low"], part["high"]), part) for part in report["by_length_difference"]]
    return [f"{name}: accuracy {estimate(_share(part))}, {_of(part, 'pair')}" for name, part in named]


def _share(part: CountedShare) -> ShareEstimate:
    return {"value": part["accuracy"], "low": part["accuracy_low"], "high": part["accuracy_high"]}


def _length_words(low: int | None, high: int | None) -> str:
    """Says what a part of curves.by_length_difference holds: from low to below high characters longer than the
    rejected."""
    if low is None:
        return f"chosen shorter by more than {-(high or 0)}"
    if high is None:
        return f"chosen longer by {low} or more"
    if high <= 0:
        return f"chosen shorter by {1 - high} to {-low}"
    return "as long as each other" if (low, high) == (0, 1) else f"chosen longer by {low} to {high - 1}"


def flag_lines(flags: FlagReport | None) -> list[str]:
    """Writes the flags' section for a reader."""
    if flags is None:
        return []
    baseline, error = flags["baseline"], flags["ece"]
    perfect = f"a perfect model has {number(error['by_chance'])} on these votes"
    area = "unknown: all votes are for one class" if flags["roc_auc"] is None else estimate(flags["roc_auc"])
    return [
        f"flag {flags['flag']['name']}: ROC AUC {area},"
        f" {counted(flags['n_votes'], 'vote', flags['n_prompts'])}, on {counted(flags['n_completions'], 'completion')}",
        f"  accuracy {estimate(flags['accuracy'])}, always {baseline['class']} {estimate(baseline['accuracy'])}",
        *_flag_champion_lines(flags["champion"]),
        f"  log loss {estimate(flags['log_loss'])}, the base rate has {estimate(baseline['log_loss'])};"
        f" before calibration {estimate(flags['log_loss_raw'])}",
        f"  expected calibration error {estimate(error)}, {perfect}; before calibration {estimate(flags['ece_raw'])}",
        *(
            f"  {one['label']}: F1 {estimate(one['f1'])}, precision {estimate(one['precision'])},"
            f" recall {estimate(one['recall'])}, {_of(one, 'vote')}"
            for one in flags["classes"]
        ),
    ]


def _flag_champion_lines(champion: FlagComparison | None) -> list[str]:
    if champion is None:
        return []
    difference = champion["difference"]
    return [
        f"  champion: ROC AUC {estimate(champion['roc_auc'])}, log loss {estimate(champion['log_loss'])}; ours minus"
        f" the champion's {estimate(difference['roc_auc'], '+')} and {estimate(difference['log_loss'], '+')}"
    ]


def _of(part: Counted, what: str) -> str:
    return counted(part["n"], what, part["n_prompts"])
