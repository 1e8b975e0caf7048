"""A training run, from a data file to a finished model folder and its report."""

import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rewardtrain.core.artifact.folder import is_finished, require_model, require_same
from rewardtrain.core.artifact.rehearsal import REHEARSAL
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.groups import fingerprint
from rewardtrain.core.errors import ConfigError, SmallerBatches, from_exception
from rewardtrain.core.finish import MODEL, REPORT, Further, finish
from rewardtrain.core.full.checkpoint import last_checkpoint, note_smaller
from rewardtrain.core.full.meeting import Alone, Meeting, Together
from rewardtrain.core.full.node import Node
from rewardtrain.core.full.node_folders import told_apart
from rewardtrain.core.full.prepare import CHECKPOINTS, counts_of, prepare
from rewardtrain.core.full.process_group import launch
from rewardtrain.core.full.trainer import Trainer
from rewardtrain.core.head.ensemble import Reference
from rewardtrain.core.head.run import train_head
from rewardtrain.core.measures.report import Scores
from rewardtrain.core.model.adapters import merge_adapters
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.quantized import compute_in
from rewardtrain.core.model.team import ALONE, Team, given_team
from rewardtrain.core.progress import METRICS, MetricsLog
from rewardtrain.core.unchanged import measure


def train(
    data: Path,
    out: Path,
    config: TrainConfig,
    *,
    cache: Path | None = None,
    champion: Path | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    measured: str = "test",
    formerly: Collection[str] = (),
    node: Node | None = None,
) -> None:
    """Train, evaluate on the test split and write out/model, out/report.json and out/metrics.jsonl.

    Called again with the same arguments it goes on from the last checkpoint, on a CPU to the same bits; on a finished
    folder it does nothing, or raises where that was made of other data or settings. should_stop is asked between
    micro-batches. cache is for what later runs can use again. measured is the split of the evaluation: see finish.
    formerly: fingerprints that the data had before names of labelers in it were replaced, so that a run goes on.
    node: which of the run's machines this is, where there are several and Podium starts their processes: each is called
    with the same arguments, all but `out` and what it holds are the first one's. Raises a CoreError.
    """
    if node:
        _train_on(node, data, out, config, champion, measured, formerly, should_stop)
        return
    team = given_team(config.processes)
    if team and config.depth != "full":
        raise ConfigError(f"depth is {config.depth!r}, which one process does, but {team.size} were started; start one")
    if (team or ALONE).from_first(lambda: _is_done(data, out, config, champion, formerly)):
        return
    arguments = data, out, config, champion, measured
    if config.depth == "head":
        train_head(*arguments, cache=cache, should_stop=should_stop)
    elif config.depth == "none":
        measure(*arguments, should_stop=should_stop)
    elif config.processes > 1 and not team:
        _launch((*arguments, formerly), Alone(config.processes), should_stop)
    else:
        _train(team or ALONE, *arguments, formerly, should_stop=should_stop)
    if not team or team.is_first:
        shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)  # three times the model's size, and of no more use


def _train_on(
    node: Node,
    data: Path,
    out: Path,
    config: TrainConfig,
    champion: Path | None,
    measured: str,
    formerly: Collection[str],
    should_stop: Callable[[], bool],
) -> None:
    """Does this machine's part of a run on several."""
    if config.depth != "full":
        raise ConfigError(f"depth is {config.depth!r}, which one machine does, but --nodes is {node.count}; start one")
    with Together(node, config.processes, should_stop=should_stop) as meeting:
        if not meeting.is_done(lambda: _is_done(data, out, config, champion, formerly)):
            _launch((data, out, config, champion, measured, formerly), meeting, should_stop)
            shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def _launch(arguments: tuple[Any, ...], meeting: Meeting, should_stop: Callable[[], bool]) -> None:
    """Starts the processes, and anew with smaller micro-batches where the memory of one of them was too little."""
    while True:
        try:
            return launch(_train, arguments, meeting=meeting, should_stop=should_stop)
        except SmallerBatches as error:
            if should_stop():
                raise
            out = arguments[1]
            note_smaller(out / CHECKPOINTS, Budgets(error.tokens, error.graph))  # where another machine has noted it


def _is_done(data: Path, out: Path, config: TrainConfig, champion: Path | None, formerly: Collection[str]) -> bool:
    """Tells whether nothing is left to do; else what is wrong with the arguments is said before the work begins."""
    if is_finished(out / MODEL) and (out / REPORT).is_file():
        require_same(out / MODEL, config, fingerprint(data), formerly)
        return True
    if champion:
        require_model(champion)
    _make_folder(out)
    return False


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        advice = "give one that can be written"
        seen = f"output folder {str(out)[:200]!r} can't be made: {error.strerror}"
        raise from_exception(error) or ConfigError(f"{seen}; {advice}") from error
    for leftover in out.glob(f"{REHEARSAL}*"):  # of a run that was killed in it
        shutil.rmtree(leftover, ignore_errors=True)


def _train(
    team: Team,
    data: Path,
    out: Path,
    config: TrainConfig,
    champion: Path | None,
    measured: str,
    formerly: Collection[str],
    *,
    should_stop: Callable[[], bool],
) -> None:
    """Does the run of one process, and writes down what it is to be begun anew with where memory ran out."""
    try:
        _run(team, data, out, config, champion, measured, formerly, should_stop)
    except SmallerBatches as error:
        note_smaller(out / CHECKPOINTS, Budgets(error.tokens, error.graph))
        raise


def _run(
    team: Team,
    data: Path,
    out: Path,
    config: TrainConfig,
    champion: Path | None,
    measured: str,
    formerly: Collection[str],
    should_stop: Callable[[], bool],
) -> None:
    """Goes through the run; the first process goes on alone once the model is whole again."""
    run = config.identity(fingerprint(data))
    _make_folder(out)  # one of this machine's own perhaps
    team = told_apart(team, out)
    found = team.from_first(lambda: last_checkpoint(out / CHECKPOINTS, config, run["data"], formerly))
    checkpoint = found.at(out / CHECKPOINTS) if found else None
    keep_bytes = checkpoint.metrics_bytes if checkpoint else 0
    path = out / METRICS if team.is_first else None
    alone = team.size == 1
    with MetricsLog(path, keep_bytes=keep_bytes, should_stop=should_stop if alone else lambda: False) as log:
        trainer, shards = prepare(data, out, config, run, log, checkpoint, team, should_stop)
        log.emit("phase", phase="training")
        trainer.run_steps()
        small = config.quantize != "none"
        ending = _read_before_merging(trainer, measured) if shards or small else _read_alone(trainer, measured)
        if shards:
            model = shards.gathered()
            team.leave()
            if model is None:
                return
            trainer.model = model
        if small:
            trainer.model.network.to("cpu")  # the GPU need not have room for all of it
        if shards or small:
            merge_adapters(trainer.model.network)
        _finish(trainer, ending, data, config, out, log, champion, measured)
        log.emit("done")


@dataclass(frozen=True)
class _Ending:
    """What is read of the trained network for its calibration and report."""

    reference: Reference  # a part of the training split, forwarded once for calibration and ensemble
    score: Callable[[str], Scores]
    further: Further | None


def _read_alone(trainer: Trainer, measured: str) -> _Ending:
    """Reads what is read last when it is asked for, of the network with its adapters merged."""
    if trainer.config.lora_rank:
        merge_adapters(trainer.model.network)
    return _Ending(trainer.read_reference(), trainer.score, trainer.read_further(measured))


def _read_before_merging(trainer: Trainer, measured: str) -> _Ending:
    """Reads all of it while the network is in parts, or in 4 bits, which are then multiplied by in full precision."""
    compute_in(trainer.model.network, torch.float32)
    trainer.log.emit("phase", phase="evaluating")
    reference = trainer.read_reference()
    scores = {split: trainer.score(split) for split in dict.fromkeys(("validation", measured))}
    return _Ending(reference, scores.__getitem__, trainer.read_further(measured))


def _finish(
    trainer: Trainer,
    ending: _Ending,
    data: Path,
    config: TrainConfig,
    out: Path,
    log: MetricsLog,
    champion: Path | None,
    measured: str,
) -> None:
    finish(
        trainer.model,
        trainer.data,
        lambda split: ending.reference.scores() if split == "train" else ending.score(split),
        config,
        out,
        log=log,
        counts={**counts_of(trainer), "kept": trainer.kept, "file": data.name},
        champion=champion,
        heads=ending.reference.heads(config),
        attributes=ending.further,
        measured=measured,
    )
