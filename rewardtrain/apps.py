from django.apps import AppConfig


class RewardtrainConfig(AppConfig):
    name = "rewardtrain"
    verbose_name = "Reward models"

    def ready(self) -> None:
        from labeling.data import exports
        from rewardtrain.automatic import auto_label_export  # its tables are known only now

        exports.add_source("model", auto_label_export.SOURCE)
