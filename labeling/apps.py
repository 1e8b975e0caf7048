from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LabelingConfig(AppConfig):
    name = "labeling"
    verbose_name = "Labeling"

    def ready(self) -> None:
        from labeling.models import functions

        post_migrate.connect(functions.install, sender=self, dispatch_uid="labeling.functions")
