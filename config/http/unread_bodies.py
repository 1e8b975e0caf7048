"""Says on an answer that the connection ends with it, where its request's body was not read to the end.

The web server closes such a connection, for what follows on it is the rest of the body. A proxy that wasn't told keeps
it for its next request, and answers that one with 502 when the end arrives in between (RFC 9112, 9.6).
"""

from collections.abc import Callable
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


class Body:
    """Counts what is read of a request's body; all else is the web server's own."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.bytes, self.ended = stream, 0, False

    def read(self, size: int = -1) -> bytes:
        piece: bytes = self._stream.read(size)
        self.bytes += len(piece)
        self.ended |= size != 0 and not piece
        return piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def closing_after_unread(application: Application) -> Application:
    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        length = environ.get("CONTENT_LENGTH") or ""
        if length in ("", "0") and "HTTP_TRANSFER_ENCODING" not in environ:
            return application(environ, start_response)
        body = environ["wsgi.input"] = Body(environ["wsgi.input"])

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            unread = not body.ended and str(body.bytes) != length
            return start_response(status, [*headers, ("Connection", "close")] if unread else headers, *rest)

        return application(environ, start)

    return answer
