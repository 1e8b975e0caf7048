"""The retrain policy's form. It stands on the runs' page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from labeling.errors import PodiumError
from labeling.forms.errors import add_error
from labeling.models import Project, Role
from labeling.views.doors import SignedIn, project_page
from rewardtrain.forms import PolicyForm
from rewardtrain.training import policy
from rewardtrain.views.runs import page


@require_POST
@project_page(Role.MANAGER)
def change(request: SignedIn, project: Project) -> HttpResponse:
    form = PolicyForm(policy.get_policy(project), request.POST)
    if form.is_valid():
        try:
            policy.update_policy(project, **form.changes())
        except PodiumError as error:
            add_error(form, error)
        else:
            messages.success(request, _("Retrain policy saved."))
            return redirect("runs", project.slug)
    return page(request, project, form)
