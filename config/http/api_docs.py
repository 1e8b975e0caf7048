"""/api/schema/ and /api/docs/, and the API's own answer to an address that it does not have."""

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, re_path
from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

# Swagger UI's page has a <style> of its own; this page alone allows that. Its script is a file, as everywhere.
docs = csp_update({"style-src": ["'unsafe-inline'"]})(SpectacularSwaggerSplitView.as_view(url_name="schema"))


_documents: dict[tuple[str, str], HttpResponse] = {}  # by format and language


class Document(SpectacularAPIView):
    """The document, made once in a process: it is the same for everybody, anyone may ask, and it takes 80 ms."""

    def _get_schema_response(self, request: Request) -> HttpResponseBase:
        key = str(request.accepted_media_type), get_language() or ""
        if key in _documents:
            return HttpResponse(_documents[key].content, headers=dict(_documents[key].headers))
        made: Response = super()._get_schema_response(request)  # type: ignore[no-untyped-call]
        if key[1] in dict(settings.LANGUAGES) and not request.GET.get("version"):  # else anybody's words would be kept
            made = self.finalize_response(request, made).render()
            _documents[key] = HttpResponse(made.content, headers=dict(made.headers))
        return made


@extend_schema(exclude=True)
@api_view(["GET", "POST", "PUT", "PATCH", "DELETE"])
@permission_classes([AllowAny])
def unknown(request: Request) -> Response:
    raise NotFound(f"The API has no {request.path[:200]}; /api/docs/ lists what it has. Addresses end with a slash.")


urlpatterns = [
    path("schema/", Document.as_view(), name="schema"),
    path("docs/", docs, name="api-docs"),
    re_path("", unknown),
]
