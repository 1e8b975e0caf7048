"""When a job was asked for, began and ended, as one sentence."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from jobs.models import Job
from labeling.templatetags.podium import ago, lasted, sentence

register = template.Library()


@register.simple_tag
def job_times(job: Job, *, started: bool = False) -> str:
    """Says when the job was asked for and ended. started: whether to say when a worker took it."""
    moments = [_("Asked for %(ago)s") % {"ago": ago(job.requested_at)}]
    if started and job.started_at:
        moments.append(_("started %(ago)s") % {"ago": ago(job.started_at)})
    if job.finished_at:
        time = lasted(job.started_at or job.requested_at, job.finished_at)
        moments.append(_("ended %(ago)s after %(time)s") % {"ago": ago(job.finished_at), "time": time})
    elif job.state == Job.State.RUNNING:
        moments.append(_("last sign of life %(ago)s") % {"ago": ago(job.heartbeat_at)})
    if job.attempts > 1:
        moments.append(_("attempt %(number)s") % {"number": job.attempts})
    return sentence(", ".join(moments))
