"""Tries a tiny network of every architecture that transformers classifies sequences with, and writes the table of
docs/backbones.md.

    python -m benchmarks.training.backbones

Each is loaded at random weights as a run loads a backbone; what it can do is measured, not looked up. Under a minute on
a core. tests/core/model/test_architectures.py holds the table against the same measures.
"""

import tempfile
from pathlib import Path

import torch
import transformers

from tests.core.tiny.architectures import architectures
from tests.core.tiny.facts import BEGIN, END, PAGE, measure, table


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(kind, Path(folder)) for kind in architectures()]
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + table(rows) + rest.partition(END)[2], encoding="utf-8")
    usable = sum(1 for row in rows if row.padded)
    print(f"transformers {transformers.__version__}: {len(rows)} architectures, {usable} of them usable")


if __name__ == "__main__":
    main()
