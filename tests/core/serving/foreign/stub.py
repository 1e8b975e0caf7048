"""A server in vLLM's or Text Embeddings Inference's shape that computes with plain transformers, and its bad days."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch

from tests.core.serving.shapes.plain import Plain

Answer = tuple[int, bytes]


class Stub:
    """Its mood is what it does to an answer; None is a good day."""

    def __init__(self, kind: str, folder: Path, token: str = "") -> None:
        self.kind, self.token, self.asked = kind, token, list[Any]()
        self.mood: Callable[[BaseHTTPRequestHandler, Answer], Answer | None] | None = None
        self.raw, self.ended, self._plain, self._lock = True, False, Plain(folder), threading.Lock()

    def hold(self, folder: Path) -> None:
        """Another model takes its place."""
        with self._lock:
            self._plain = Plain(folder)

    def answer(self, body: dict[str, Any]) -> Any:
        with self._lock, torch.no_grad():
            if self.kind == "vllm":
                assert body["use_activation"] is False
                rows = [self._plain.network(input_ids=torch.tensor([ids])).logits[0] for ids in body["input"]]
                probs = [self._said(row) for row in rows]
                data = [{"index": at, "probs": row, "num_classes": len(row)} for at, row in enumerate(probs)]
                return {"object": "list", "data": data[::-1]}  # in no order but that of their index
            assert len(body["inputs"]) <= 32
            names = self._plain.network.config.id2label
            said = [self._said(torch.tensor(self._plain.logits(*pair))) for pair in body["inputs"]]
            labelled = [[{"label": names[at], "score": score} for at, score in enumerate(row)] for row in said]
            return [sorted(row, key=lambda each: -each["score"]) for row in labelled]

    def _said(self, row: torch.Tensor) -> list[float]:
        values: list[float] = (row if self.raw else row.sigmoid() if len(row) == 1 else row.softmax(0)).tolist()
        return values


@contextmanager
def serving(stub: Stub, *, port: int = 0) -> Iterator[str]:
    """Gives the address, as the operator writes it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.asked.append(body)
            if stub.ended:  # on a connection from before
                self.close_connection = True
                return
            if stub.token and self.headers.get("Authorization") != f"Bearer {stub.token}":
                answer: Answer | None = (401, b'{"error": "Unauthorized"}')
            else:
                answer = (200, json.dumps(stub.answer(body)).encode())
                answer = answer if stub.mood is None else stub.mood(self, answer)
            if answer is None:  # the connection is lost, or the mood has written
                self.close_connection = True
                return
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1])

        def log_message(self, format: str, *values: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    stub.ended = False
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        user = f"x:{stub.token}@" if stub.token else ""
        yield f"{stub.kind}:http://{user}127.0.0.1:{server.server_port}"
    finally:
        stub.ended = True
        server.shutdown()
        thread.join()
        server.server_close()
