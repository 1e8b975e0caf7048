"""/api/schema/ and /api/docs/."""

from csp.decorators import csp_update
from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

# Swagger UI starts from an inline script and sets inline styles; this page alone allows them.
_docs = csp_update({"script-src": ["'self'", "'unsafe-inline'"], "style-src": ["'self'", "'unsafe-inline'"]})(
    SpectacularSwaggerView.as_view(url_name="schema")
)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", _docs, name="api-docs"),
]
