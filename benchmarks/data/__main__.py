"""What comes in and goes out, beside the database's own COPY of the same rows, on a database of its own.

    python -m benchmarks.data [--prompts 2000] [--only imports|exports|formats] [--format "long table, CSV"]

The claims are made for --prompts 100000.

Every row has 4 completions. Files go in as `manage.py import_prompts` takes them, in a process whose peak memory is its
own: without rankings, with one each, and with a second one each, of prompts that are there by then. COPY is of the
rows that the first import made, into the very tables, with their indexes, keys and triggers. The expansion of all
rankings into pairs stands beside the one statement it is, both after VACUUM ANALYZE and into an empty table. Exports
stand beside COPY of the joined rows to stdout, in no order. Then a pair each of the same prompts goes in in every
format, beside Podium's own row, and a quarter of them, which shows whether memory grows.

Of 100,000 prompts it takes 6 to 9 minutes on two cores, and 4 GB of $TMPDIR, which go with it however it ends.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.data import exports, imports
from benchmarks.data.acts import SLUG, act, in_fresh_process
from benchmarks.data.files import FORMATS, K, write_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=2_000)
    parser.add_argument("--only", choices=("imports", "exports", "formats"), default="")
    parser.add_argument("--format", choices=tuple(FORMATS), action="append", help="of --only formats; default: all")
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if options.case:
        print(json.dumps(act(*options.case)))
        return
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    with tempfile.TemporaryDirectory(prefix="podium-data-") as folder:
        os.environ["PODIUM_DATA_DIR"] = folder
        os.environ.pop("DATABASE_URL", None)
        import django

        django.setup()
        from config.environment import folders
        from config.servers import embedded

        with embedded.running(folders.data_directory()):
            run(Path(folder), options.prompts, options.only, options.format or list(FORMATS))


def run(folder: Path, prompts: int, only: str, named: Sequence[str]) -> None:
    from django.core.management import call_command

    from tests.factories import make_project

    call_command("migrate", verbosity=0)
    make_project(slug=SLUG)
    files = write_files(folder, prompts)
    size = files[0].stat().st_size / 2**20
    print(f"{platform.machine()}, {os.cpu_count()} cores; {prompts:,} prompts x {K}, {size:.0f} MB", flush=True)
    parts: dict[str, Callable[[], Iterable[str]]] = {
        "imports": lambda: imports.imported(folder, files, prompts),
        "exports": lambda: (*exports.expanded(2 * prompts), *exports.exported(prompts)),
        "formats": lambda: imports.formats(folder, prompts, named),
    }
    if only == "exports":
        in_fresh_process("import", str(files[2]))
    targets = [target for part in ([only] if only else parts) for target in parts[part]()]
    print("In all:")
    for each in targets:
        print(f"  {each}")


def _end(number: int, _frame: object) -> None:
    """Ends as on an error, so that servers stop and the folder goes."""
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
