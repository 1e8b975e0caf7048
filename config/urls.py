"""Every address of the site. Pages at the root, the HTTP API under /api/v1/."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from config.http import health

# One login for all, with its limits and its second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

# They are tried one after the other at each request: what has a beginning of its own costs the others one look, while
# the pages at the root, which come last, are 90.
urlpatterns = [
    path("api/v1/", include("labeling.api.urls")),
    path("api/v1/", include("rewardtrain.api.urls")),
    path("api/", include("config.http.api_docs")),
    path("accounts/", include("config.http.account_urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("", include("labeling.urls")),
    path("", include("rewardtrain.urls")),
]

handler500 = "config.http.failures.answer"
handler400 = "config.http.refusals.bad_request"
