"""The cluster of a test: Slurm, or what `@pytest.mark.parametrize("cluster", CLUSTERS, indirect=True)` says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from tests.kubernetes.cluster import Kubernetes, kubernetes_in
from tests.slurm.cluster import Cluster, cluster_in


@pytest.fixture
def cluster(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cluster | Kubernetes]:
    kind = getattr(request, "param", "slurm")
    with override_settings(EXECUTORS=[kind, "local"], SLURM_GPUS=0, KUBERNETES_GPUS=0):
        if kind == "slurm":
            with cluster_in(tmp_path / "slurm", monkeypatch) as slurm:
                yield slurm
        else:
            with kubernetes_in(tmp_path / "kubernetes") as kubernetes:
                yield kubernetes
