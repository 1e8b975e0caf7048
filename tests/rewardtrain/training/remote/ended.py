"""What a run on a cluster has left once it is over."""

from artifacts.folder_manifest import MANIFEST, check, parts_of
from rewardtrain.models import RewardModel, RunPoint, TrainingRun
from rewardtrain.registry.model_files import model_folder


def losses(run: TrainingRun) -> list[float]:
    return list(RunPoint.objects.filter(run=run, loss__isnull=False).order_by("step").values_list("loss", flat=True))


def require_whole(run: TrainingRun) -> RewardModel:
    """It ended once, as a model whose files are what its manifest says."""
    assert (run.state, run.error) == ("succeeded", "")
    model = RewardModel.objects.get(run=run)
    folder = model_folder(model)
    check(folder / MANIFEST, model.manifest_sha256, MANIFEST)
    for part in parts_of((folder / MANIFEST).read_bytes(), model.folder):
        check(folder / part.name, part.sha256, part.name)
    return model
