"""Bodies in JSON, read to the letter and no further than a door has use for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from labeling.errors import Invalid
from labeling.requests import strict_json

MIB = 2**20


class JSONParser(BaseParser):
    """For what a person or a program says. The longest guidelines, escaped, fit twice."""

    media_type = "application/json"
    limit = 2 * MIB
    unstorable = False

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Raises ParseError, Invalid and RequestDataTooBig."""
        limit = min(self.limit, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        body = stream.read(limit + 1)
        if len(body) > limit:
            message = _("The body is larger than %(limit)d bytes, the most that is read here in JSON.")
            raise RequestDataTooBig(message % {"limit": limit})
        try:
            return strict_json.loads(body, unstorable=self.unstorable)
        except Invalid as error:
            if error.code == "parse_error":
                raise ParseError(error.detail) from error
            raise


class LongJSONParser(JSONParser):
    """For texts to be scored."""

    limit = 20 * MIB


class RowsJSONParser(LongJSONParser):
    """For rows sent as JSON. One whose text can't be stored is named by who takes it, as if it had come as a line."""

    unstorable = True
