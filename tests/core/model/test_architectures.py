"""The table of docs/backbones.md says of every architecture what trying it shows."""

from pathlib import Path

import pytest

from tests.core.tiny.architectures import architectures
from tests.core.tiny.facts import measure, written

AGAIN = "run python -m benchmarks.training.backbones"


def test_the_table_has_every_architecture_that_transformers_classifies_sequences_with(needs_torch: None) -> None:
    assert list(written()) == architectures(), AGAIN


@pytest.mark.parametrize("kind", written())
def test_a_row_of_the_table_is_what_is_measured(kind: str, tmp_path: Path, needs_torch: None) -> None:
    assert measure(kind, tmp_path).row() == written()[kind], AGAIN
