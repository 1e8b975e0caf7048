"""A file that never changes, as an answer: whole or from where a download broke, a piece in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from labeling.requests.byte_ranges import NotThere, Part, names, part_of

PIECE = 256 * 1024  # bytes


def answer(request: HttpRequest, file: IO[bytes], *, sha256: str, name: str, content_type: str) -> HttpResponseBase:
    """Answers GET and HEAD: 200, 206 for a range, 304, 412 or 416. The file is closed with the answer."""
    etag = f'"{sha256}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    headers_in = request.headers
    if (wanted := headers_in.get("If-Match")) and not names(wanted, etag, weakly=False):
        file.close()
        return HttpResponse(status=412, headers=headers)
    if (had := headers_in.get("If-None-Match")) and names(had, etag, weakly=True):
        file.close()
        return HttpResponse(status=304, headers=headers)
    size = os.fstat(file.fileno()).st_size
    try:
        part = part_of(size, asked=headers_in.get("Range", ""), if_range=headers_in.get("If-Range", ""), etag=etag)
    except NotThere:
        file.close()
        return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    sent = part or Part(0, size - 1)
    headers |= {
        "Content-Type": content_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(sent.length),
        "X-Checksum-SHA256": sha256,
    }
    if part:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
    status = 206 if part else 200
    if request.method == "HEAD":
        file.close()
        return HttpResponse(status=status, headers=headers)
    response = StreamingHttpResponse(_pieces(file, sent), status=status, headers=headers)
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]  # also where nobody read it
    return response


def _pieces(file: IO[bytes], part: Part) -> Iterator[bytes]:
    file.seek(part.first)
    left = part.length
    while left and (piece := file.read(min(PIECE, left))):
        left -= len(piece)
        yield piece
