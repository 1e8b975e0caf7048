"""A project can be deleted: what never changes goes with it, and with nothing else (docs/decisions/0152).

Nothing reads a row, so nobody waits for this longer than for a lock.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

RULES = """
-- A frozen version never changes. It goes with its project, which is marked as being deleted before any of it goes.
CREATE FUNCTION podium_version_goes_with_its_project() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT FROM labeling_project WHERE id = OLD.project_id AND deleted_at IS NOT NULL
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'a row of % never changes (% refused)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
CREATE OR REPLACE TRIGGER dataset_version_never_changes BEFORE UPDATE OR DELETE ON labeling_datasetversion
    FOR EACH ROW EXECUTE FUNCTION podium_version_goes_with_its_project();
-- Half of it may be gone.
CREATE TRIGGER project_deletion_never_undone BEFORE UPDATE ON labeling_project
    FOR EACH ROW WHEN (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION podium_never_changes();
-- The record of who deleted what stays.
CREATE TRIGGER project_deletion_stays BEFORE DELETE ON labeling_projectdeletion
    FOR EACH ROW EXECUTE FUNCTION podium_never_changes();
"""
WITHOUT = """
DROP TRIGGER project_deletion_stays ON labeling_projectdeletion;
DROP TRIGGER project_deletion_never_undone ON labeling_project;
CREATE OR REPLACE TRIGGER dataset_version_never_changes BEFORE UPDATE OR DELETE ON labeling_datasetversion
    FOR EACH ROW EXECUTE FUNCTION podium_never_changes();
DROP FUNCTION podium_version_goes_with_its_project();
"""
STATES = (
    ("queued", "Queued"), ("running", "Running"), ("succeeded", "Succeeded"), ("failed", "Failed"),
    ("cancelled", "Cancelled"),
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = (("labeling", "0030_counts_begin_at_what_was_written"),)

    operations = (
        migrations.AddField("project", "deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
        migrations.CreateModel(
            "ProjectDeletion",
            (
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID", auto_created=True)),
                ("state", models.CharField(choices=STATES, default="queued", max_length=10)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("worker", models.CharField(blank=True, default="", max_length=200)),
                ("cancel_requested", models.BooleanField(default=False)),
                ("done", models.PositiveIntegerField(default=0)),
                ("total", models.PositiveIntegerField(default=0)),
                ("error", models.TextField(blank=True, default="")),
                ("requested_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("heartbeat_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("project_key", models.BigIntegerField()),
                ("slug", models.CharField(max_length=60)),
                ("name", models.CharField(max_length=120)),
                ("counts", models.JSONField(default=dict)),
                (
                    "project",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="deletions",
                        to="labeling.project",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ),
            options={
                "ordering": ("-id",),
                "constraints": [
                    models.UniqueConstraint(fields=("project_key",), name="project_deletion_once"),
                    models.CheckConstraint(
                        condition=Q(("state__in", ("queued", "running", "succeeded", "failed"))),
                        name="project_deletion_state_known",
                    ),
                    models.CheckConstraint(
                        condition=Q(~Q(("state", "succeeded")), ("project__isnull", True), _connector="OR"),
                        name="project_deletion_ends_without_it",
                    ),
                ],
            },
        ),
        migrations.RunSQL(RULES, WITHOUT),
    )
