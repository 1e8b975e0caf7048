from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy, ngettext_lazy

# Shares that the style page shows, each in the colours of its kind.
STYLE_SHARES = [
    {"kind": "model", "x_low": 68, "x": 71, "x_high": 74},
    {"kind": "champion", "x_low": 66, "x": 69, "x_high": 72},
    {"kind": "longer", "x_low": 58, "x": 61, "x_high": 64},
    {"kind": "people", "x_low": 70, "x": 72, "x_high": 74},
]

RUNS = ngettext_lazy("%(shown)s training run", "%(shown)s training runs", "n")
MODELS = ngettext_lazy("%(shown)s model with its files", "%(shown)s models with their files", "n")


class RewardtrainConfig(AppConfig):
    name = "rewardtrain"
    verbose_name = "Reward models"

    def ready(self) -> None:
        """Adds what is ours to labeling's lists, for labeling knows nothing of us. Tables are known only now."""
        from labeling.data.deleting import contents, deletion_worker
        from labeling.data.exporting import pair_groups
        from labeling.data.leaving import erasure_worker
        from labeling.data.revising import erasures
        from labeling.models import Role
        from labeling.projects.navigation import Page, Part, Setting, add_pages, add_part, add_setting, add_version_part
        from labeling.requests import body_limit
        from labeling.views.styleguide import drawings as styleguide
        from rewardtrain.automatic import auto_label_export
        from rewardtrain.training import named_in_reports, prefill
        from rewardtrain.training.executors.site_check import check_executors, check_schedulers

        checks.register(check_executors)
        checks.register(check_schedulers, "clusters", deploy=True)
        pair_groups.add_source("model", auto_label_export.SOURCE)
        contents.add(contents.Kind("runs", RUNS, lambda project: project.runs.count()))
        contents.add(contents.Kind("models", MODELS, lambda project: project.reward_models.count()))
        deletion_worker.also(prefill.forget)
        erasure_worker.also(named_in_reports.replace)
        erasures.also(lambda project: prefill.forget_texts(project.pk))
        of_models = ("model", "threshold", "auto_labels", "best_of", "best_of_job", "playground")
        add_pages(
            Role.MANAGER,
            Page(gettext_lazy("Training"), "runs", ("run", "policy")),
            Page(gettext_lazy("Models"), "models", of_models),
            after="prompts",
        )
        add_part(
            Part(
                gettext_lazy("The reward model"),
                "project_machine",
                gettext_lazy('<a href="%(url)s">Training</a> shows the runs and the next retraining.'),
                "runs",
            )
        )
        add_version_part(
            Part(
                gettext_lazy("Runs that read it, and their models"),
                "version_models",
                gettext_lazy('<a href="%(url)s">Models</a> shows which version each was made of.'),
                "models",
            )
        )
        add_setting(
            Setting(
                "model",
                gettext_lazy("The reward model"),
                gettext_lazy("After how many answers it is trained again, and what has to hold before it is used."),
                "runs",
                "#policy",
            )
        )
        styleguide.add_drawing("rewardtrain/charts/styleguide.html", shares=STYLE_SHARES)
        body_limit.reads_itself("best_of", "playground", "rewardtrain_api:best_of", "rewardtrain_api:score")
        body_limit.reads_itself("job_door")  # small, but it may wait for a bucket: not in the turn of pages
