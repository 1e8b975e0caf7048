"""python -m rewardtrain.core train | sweep | evaluate | compare | score | serve | warm | job"""

import argparse
import atexit
import gc
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import ConfigError, CoreError, DataError, from_exception
from rewardtrain.core.full.node import read_node
from rewardtrain.core.quiet import quiet_libraries

_stop_asked = False


def main(arguments: list[str]) -> int:
    """Run one command; the exit code is 0, or that of the CoreError whose text is the last line of stderr."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except Exception as error:
        known = error if isinstance(error, CoreError) else from_exception(error)
        if known is None:
            raise
        print(f"error: {known}".replace("\n", " "), file=sys.stderr)
        return known.exit_code
    return 0


def _at_stop(handler: Callable[[int, object], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def _ask_to_stop(number: int, frame: object) -> None:
    global _stop_asked
    _stop_asked = True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rewardtrain.core", description="Train and use reward models.")
    commands = parser.add_subparsers(required=True, metavar="train|sweep|evaluate|compare|score|serve|warm|job")

    train = commands.add_parser("train", help="train on ranked completions, resuming what was begun in OUT")
    train.add_argument("data", type=Path, metavar="DATA", help="JSON Lines in the import format, or Parquet")
    train.add_argument("out", type=Path, metavar="OUT", help="folder for checkpoints, metrics, model and report")
    train.add_argument("--config", type=Path, metavar="FILE.json", help="settings as one JSON object")
    train.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; may be repeated")
    train.add_argument("--champion", type=Path, metavar="MODEL", help="model to compare with on the test split")
    train.add_argument("--cache", type=Path, metavar="DIR", help="keeps what later runs can use again")
    words = "a fingerprint DATA had before names of labelers in it were replaced; may be repeated"
    train.add_argument("--formerly", action="append", default=[], metavar="SHA256", help=words)
    _add_node(train)
    train.set_defaults(command=_train)

    sweep = commands.add_parser("sweep", help="train a small grid of settings, compare on validation, test the winner")
    sweep.add_argument("data", type=Path, metavar="DATA", help="JSON Lines in the import format, or Parquet")
    sweep.add_argument("out", type=Path, metavar="OUT", help="folder for a run of each point and sweep.json")
    sweep.add_argument("--grid", action="append", default=[], metavar="KEY=VALUE,VALUE", help="may be repeated")
    sweep.add_argument("--config", type=Path, metavar="FILE.json", help="settings of all points, as one JSON object")
    sweep.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one of them; may be repeated")
    sweep.add_argument("--cache", type=Path, metavar="DIR", help="keeps what later runs can use again")
    sweep.set_defaults(command=_sweep)

    warm = commands.add_parser("warm", help="train and encode by requests on stdin, one JSON object a line")
    warm.add_argument("--cache", type=Path, metavar="DIR", required=True)
    warm.set_defaults(command=_warm)

    evaluate = commands.add_parser("evaluate", help="measure a model against rankings")
    evaluate.add_argument("model", metavar="MODEL", help="model folder, or any sequence classifier's folder or id")
    evaluate.add_argument("data", type=Path, metavar="DATA", help="import format, or rows of chosen and rejected")
    evaluate.add_argument("--split", choices=("test", "all"), default="test", help="which prompts (default: test)")
    evaluate.add_argument("--champion", metavar="MODEL", help="model to compare with on the same pairs")
    evaluate.add_argument("--out", type=Path, metavar="FILE.json", help="write the whole report here too")
    evaluate.set_defaults(command=_evaluate)

    compare = commands.add_parser("compare", help="measure models, ours or any sequence classifier, on the same pairs")
    compare.add_argument("models", nargs="+", metavar="MODEL", help="folder or Hugging Face id")
    compare.add_argument("data", type=Path, metavar="DATA", help="import format, or rows of chosen and rejected")
    compare.add_argument("--split", choices=("test", "all"), default="test", help="which prompts (default: test)")
    compare.add_argument("--out", type=Path, metavar="FILE.json", help="write the figures here too")
    compare.set_defaults(command=_compare)

    score = commands.add_parser("score", help='read {"prompt", "completions"} lines on stdin, write rewards')
    score.add_argument("model", type=Path, metavar="MODEL")
    score.add_argument("--raw", action="store_true", help="probabilities as training left them, not calibrated")
    score.set_defaults(command=_score)

    serve = commands.add_parser("serve", help="answer over HTTP with finished models, without the rest of Podium")
    serve.add_argument("models", nargs="+", metavar="NAME=MODEL", help="what it is asked for by, and its folder")
    serve.add_argument("--host", default="127.0.0.1", help="default: this machine alone; nobody is asked for a token")
    serve.add_argument("--port", type=int, default=8001)
    drain = "seconds for which it goes on answering after SIGTERM and says that it isn't ready (default: 0)"
    serve.add_argument("--drain", type=float, default=0, help=drain)
    servers = "another server that holds a model, asked while its rewards are ours: NAME=vllm:URL or NAME=tei:URL"
    serve.add_argument("--server", action="append", default=[], help=servers)
    serve.set_defaults(command=_serve)
    _add_job(commands)
    return parser


def _add_node(train: argparse.ArgumentParser) -> None:
    words = "machines of the run, each called with the same words; its processes are shared out evenly"
    train.add_argument("--nodes", type=int, metavar="N", help=words)
    train.add_argument("--node-rank", type=int, metavar="R", help="which of them this one is, from 0")
    words = "where all meet: the machine of rank 0, at a port that is free there"
    train.add_argument("--first-node", metavar="HOST:PORT", help=words)
    words = "tells this run's machines from those of another that meets there"
    train.add_argument("--run", default="", metavar="NAME", help=words)


def _add_job(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    job = commands.add_parser("job", help="do what a file in the storage says, as a job of a cluster")
    words = "folder shared with the web's machines, or the web's address for this job"
    job.add_argument("storage", metavar="FOLDER|URL", help=words)
    job.add_argument("spec", metavar="NAME", help="the job's description, below that folder")
    job.add_argument("--name", required=True, help="what the scheduler calls it")
    job.add_argument("--sha256", required=True, help="of the description")
    words = "machines of the job, each called with the same words (default: 1)"
    job.add_argument("--nodes", type=int, default=1, metavar="N", help=words)
    job.add_argument("--scratch", type=Path, metavar="DIR", help="where it works (default: TMPDIR)")
    words = "how long the storage may be away for (default: an hour)"
    job.add_argument("--patience", type=float, default=3600.0, metavar="SECONDS", help=words)
    job.set_defaults(command=_job)


# torch and transformers are imported by the commands, so that --help and a wrong setting are answered at once.


def _train(options: argparse.Namespace) -> None:
    _at_stop(_ask_to_stop)
    config = TrainConfig.read(options.config, options.set)
    node = read_node(options.nodes, options.node_rank, options.first_node, options.run)
    quiet_libraries()
    from rewardtrain.core.train import train

    train(
        options.data,
        options.out,
        config,
        cache=options.cache,
        champion=options.champion,
        should_stop=lambda: _stop_asked,
        formerly=options.formerly,
        node=node,
    )


def _job(options: argparse.Namespace) -> None:
    _at_stop(_ask_to_stop)
    from rewardtrain.core.job.job import carry_out

    code = carry_out(
        options.storage,
        options.spec,
        name=options.name,
        sha256=options.sha256,
        nodes=options.nodes,
        scratch=options.scratch,
        patience=options.patience,
        should_stop=lambda: _stop_asked,
    )
    if code:
        raise SystemExit(code if code > 0 else 128 - code)


def _sweep(options: argparse.Namespace) -> None:
    _at_stop(_ask_to_stop)
    base = TrainConfig.read(options.config, options.set)
    quiet_libraries()
    from rewardtrain.core.grid import format_sweep, parse_grid, sweep
    from rewardtrain.core.measures.report_text import format_report

    result = sweep(
        options.data,
        options.out,
        base,
        parse_grid(options.grid),
        cache=options.cache,
        should_stop=lambda: _stop_asked,
        tell=lambda line: print(line, file=sys.stderr),
    )
    print(f"{format_sweep(result)}\n\nthe winner on the test split:\n{format_report(result['test'])}", flush=True)


def _warm(options: argparse.Namespace) -> None:
    from rewardtrain.core.warm_process import RequestLoop

    loop = RequestLoop(options.cache)
    _at_stop(loop.ask_to_stop)
    quiet_libraries()
    loop.serve(sys.stdin.buffer)


def _require_folder(out: Path | None) -> None:
    """Raise ConfigError where what takes minutes to measure could not be written in the end."""
    if out and not out.parent.is_dir():
        seen = f"--out is {str(out)!r}, but there is no folder {str(out.parent)!r}"
        raise ConfigError(f"{seen}; give one that can be written")


def _evaluate(options: argparse.Namespace) -> None:
    _require_folder(options.out)
    quiet_libraries()
    from rewardtrain.core.artifact.folder import write_json
    from rewardtrain.core.evaluation.evaluate import evaluate_file
    from rewardtrain.core.measures.report_text import format_report
    from rewardtrain.core.measures.subsets import subset_lines

    report = evaluate_file(
        options.model, options.data, split=options.split, champion=options.champion, progress=_progress_line
    )
    print(format_report(report))
    if "subsets" in report:
        print("", *subset_lines(report["subsets"]), sep="\n")
    if useless := sum(report["left_out"].values()):
        print(f"{useless} rows left out: {report['left_out']}")
    sys.stdout.flush()
    if options.out:
        write_json(options.out, report)


def _compare(options: argparse.Namespace) -> None:
    _require_folder(options.out)
    quiet_libraries()
    from rewardtrain.core.artifact.folder import write_json
    from rewardtrain.core.evaluation.compare import compare, format_comparison

    comparison = compare(options.models, options.data, split=options.split, progress=_progress_line)
    print(format_comparison(comparison), flush=True)
    if options.out:
        write_json(options.out, comparison)


def _score(options: argparse.Namespace) -> None:
    quiet_libraries()
    from rewardtrain.core.device import choose_device
    from rewardtrain.core.score import Scorer, score_lines

    count = refused = 0
    for result in score_lines(Scorer(options.model, choose_device()), sys.stdin.buffer, raw=options.raw):
        print(json.dumps(result), flush=True)
        count, refused = count + 1, refused + ("error" in result)
    if refused:
        raise DataError(f"{refused} of {count} lines could not be scored; each has an error in its place")


def _serve(options: argparse.Namespace) -> None:
    quiet_libraries()
    from rewardtrain.core.device import choose_device
    from rewardtrain.core.serving.app import Service
    from rewardtrain.core.serving.batcher import Batcher
    from rewardtrain.core.serving.foreign.agreement import Foreign
    from rewardtrain.core.serving.foreign.server import parse_addresses
    from rewardtrain.core.serving.model_cache import ModelCache, named_folders
    from rewardtrain.core.serving.server import Server

    champions = named_folders(options.models)
    known = {(ref.project, ref.version): ref for ref in champions.values()}
    device = choose_device()
    models = ModelCache(device, room=len(champions), find=lambda *key: known.get(key), tell=_tell)
    models.set_champions(champions)
    batcher, addresses = Batcher(), parse_addresses(options.server)
    if unknown := addresses.keys() - champions.keys():
        raise ConfigError(f"no model is named {min(unknown)!r}, which --server names; give it as {min(unknown)}=MODEL")
    foreign = {name: Foreign(address, batcher, tell=_tell) for name, address in addresses.items()}
    service = Service(models, batcher, authorize=lambda credential, project: None, foreign=foreign)
    where, seconds = f"http://{options.host}", options.drain
    ready = lambda port: _tell(f"listening at {where}:{port} on {device.label}")  # noqa: E731
    Server(
        service.app(), host=options.host, port=options.port, ready=ready, drain=service.drain, drain_seconds=seconds
    ).run()


def _tell(line: str) -> None:
    print(line, flush=True)


def _progress_line(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {total}", end="\r", file=sys.stderr)


if __name__ == "__main__":
    atexit.register(gc.freeze)  # else Python looks for cycles among all objects of torch as it ends: 0.8 s of 5.1
    sys.exit(main(sys.argv[1:]))
