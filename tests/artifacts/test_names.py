"""An artifact's name leads nowhere else."""

import pytest
from django.core.exceptions import SuspiciousFileOperation

from artifacts import store
from artifacts.names import LONGEST, checked


@pytest.mark.parametrize(
    "name", ["projects/1/datasets/00001.parquet", "projects/1/runs/2/out/model", "cache", "a.b-c_D"]
)
def test_a_name_stays_as_it_is(name: str) -> None:
    assert checked(name) == name
    assert store.work_path(name) == store.root() / name


@pytest.mark.parametrize(
    "name",
    ["", "/", "..", "a/../b", "/etc/passwd", "a//b", "a/", "./a", "a/.hidden", "a\\b", "a b", "a\n", "a\0", "ä",
     "file:a", "a%2e", "~/a", "a" * (LONGEST + 1)],
)  # fmt: skip
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    for ask in (checked, store.work_path, store.local_copy, store.local_folder):
        with pytest.raises(SuspiciousFileOperation, match="no artifact's name"):
            ask(name)


def test_a_name_of_a_million_letters_is_quoted_in_part() -> None:
    with pytest.raises(SuspiciousFileOperation) as refused:
        checked("../" * 1_000_000)
    assert len(str(refused.value)) < 500
