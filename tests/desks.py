"""Where members of the team get their reminders in tests: a real HTTP server on this machine."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "hunter2"
"""In every address; it must never be seen."""


class Desks(ThreadingHTTPServer):
    """Where the members of the team get their messages; each answers as its name says."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.called = threading.Event()
        self.let_go = threading.Event()
        self.delay = 0.0
        """The seconds before each answer."""

    def address(self, name: str, answers: str = "ok") -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.server_port}/{answers}/{name}"

    def heard(self) -> Counter[str]:
        return Counter(name for name, _ in self.got)


class _Desk(BaseHTTPRequestHandler):
    server: Desks

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _, answers, name = self.path.split("/")
        self.server.got.append((name, content))
        self.server.called.set()
        self.server.let_go.wait(self.server.delay)
        if answers == "never":
            self.server.let_go.wait(60)
        if answers == "drips":  # each byte comes in time, the answer never
            self._drip()
        self.send_response(500 if answers == "refuses" else 200)
        self.end_headers()

    def _drip(self) -> None:
        for _ in range(100):
            if self.server.let_go.wait(0.2):
                return
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-More: 1\r\n" if _ == 0 else b"X")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def served() -> Iterator[Desks]:
    """Open until the test ends."""
    server = Desks()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.let_go.set()
        server.shutdown()
        server.server_close()
