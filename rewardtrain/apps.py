from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class RewardtrainConfig(AppConfig):
    name = "rewardtrain"
    verbose_name = "Reward models"

    def ready(self) -> None:
        """Adds what is ours to labeling's lists, for labeling knows nothing of us. Tables are known only now."""
        from labeling.data import pair_groups
        from labeling.models import Role
        from labeling.projects.navigation import Page, add_pages
        from labeling.requests import body_limit
        from rewardtrain.automatic import auto_label_export

        pair_groups.add_source("model", auto_label_export.SOURCE)
        of_models = ("model", "threshold", "auto_labels", "best_of", "best_of_job", "playground")
        add_pages(
            Role.MANAGER,
            Page(gettext_lazy("Training"), "runs", ("run", "policy")),
            Page(gettext_lazy("Models"), "models", of_models),
            after="prompts",
        )
        body_limit.reads_itself("best_of", "playground", "rewardtrain_api:best_of", "rewardtrain_api:score")
