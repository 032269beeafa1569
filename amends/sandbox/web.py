"""Web services that accept SMS and public posts, store them in a folder and fail on request."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

Answer = tuple[int, dict[str, Any]]

LARGEST_BODY = 1_000_000
BAD_NUMBER = "0404"
"""The last digits of phone numbers that do not exist."""


@dataclass(frozen=True, slots=True)
class TakenMessage:
    """An SMS or post that a service accepted."""

    service: str
    """The name of the service: sms, twilio, mastodon or bluesky."""
    fields: dict[str, Any] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    """The headers of the request, with names in small letters."""


@dataclass(frozen=True, slots=True)
class HttpTrouble:
    """A fault of the services, in place of the usual answer."""

    status: int = 0
    """The status with which every message is refused; 0 for none."""
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    """True when a message is accepted, but the connection is closed without an answer."""


class WebServices:
    """A web server that runs in threads of its own from `with` to the end of the block, on a port the system chose.

    POST /sms accepts JSON or a form, GET /sms a query; the paths of Twilio, Mastodon and Bluesky are the real ones. A
    repeated Idempotency-Key, or a repeated record key on Bluesky, gets the first answer again and is stored once.
    """

    def __init__(self, folder: Path) -> None:
        self.trouble = HttpTrouble()
        self.taken: list[TakenMessage] = []
        self.requests = 0
        self._folder = folder
        self._lock = threading.Lock()
        self._answers: dict[str, str] = {}
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Return the URL at which the server listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take_once(self, service: str, repeat_key: str, fields: dict[str, Any], headers: dict[str, str]) -> str:
        """Store a message unless the same key came before, and return its id, which is the same either way."""
        with self._lock:
            known = self._answers.get(f"{service}/{repeat_key}") if repeat_key else None
            if known is None:
                known = self._store(TakenMessage(service, fields, headers))
                self._answers[f"{service}/{repeat_key}"] = known
            return known

    def _store(self, taken: TakenMessage) -> str:
        self.taken.append(taken)
        with (self._folder / f"{taken.service}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(taken.fields, ensure_ascii=False) + "\n")
        return f"{taken.service}-{len(self.taken)}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, world: WebServices) -> None:
        self.world = world
        super().__init__(("127.0.0.1", 0), _Request)


class _Request(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self._take(self.path, self._fields())

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self._take(path, dict(parse_qsl(query, keep_blank_values=True)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing, because a request line can hold an address."""

    def _take(self, path: str, fields: dict[str, Any]) -> None:
        world = self.server.world
        world.requests += 1
        if world.trouble.status:
            self._answer(world.trouble.status, {"error": "to order"}, world.trouble.headers)
            return
        status, answer = _serve(world, path, fields, {name.lower(): value for name, value in self.headers.items()})
        if world.trouble.silent:
            self.close_connection = True
            return
        self._answer(status, answer)

    def _fields(self) -> dict[str, Any]:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LARGEST_BODY)).decode()
        if self.headers.get("Content-Type", "").startswith("application/json"):
            return dict(json.loads(body))
        return dict(parse_qsl(body, keep_blank_values=True))

    def _answer(self, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(answer).encode()
        usual = {"Date": self.date_time_string(), "Content-Type": "application/json", "Content-Length": str(len(body))}
        self.send_response_only(status)
        for name, value in {**usual, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _serve(world: WebServices, path: str, fields: dict[str, Any], headers: dict[str, str]) -> Answer:
    if path.startswith("/2010-04-01/Accounts/") and path.endswith("/Messages.json"):
        return _twilio(world, fields, headers)
    service = SERVICES.get(path)
    return service(world, fields, headers) if service else (404, {"error": "no such service"})


def _sms(world: WebServices, fields: dict[str, Any], headers: dict[str, str]) -> Answer:
    if any(str(value).endswith(BAD_NUMBER) for value in fields.values()):
        return 422, {"error": "no such number"}
    return 200, {"id": world.take_once("sms", headers.get("idempotency-key", ""), fields, headers)}


def _twilio(world: WebServices, fields: dict[str, Any], headers: dict[str, str]) -> Answer:
    if not headers.get("authorization", "").startswith("Basic "):
        return 401, {"code": 20003}
    if str(fields.get("To", "")).endswith(BAD_NUMBER):
        return 400, {"code": 21211}
    return 201, {"sid": world.take_once("twilio", "", fields, headers), "error_code": None}


def _mastodon(world: WebServices, fields: dict[str, Any], headers: dict[str, str]) -> Answer:
    post = world.take_once("mastodon", headers.get("idempotency-key", ""), fields, headers)
    return 200, {"id": post, "url": f"{world.url}/@amends/{post}"}


def _bluesky_session(_world: WebServices, fields: dict[str, Any], _headers: dict[str, str]) -> Answer:
    if fields.get("password") == "wrong":
        return 401, {"error": "AuthenticationRequired"}
    return 200, {"did": "did:plc:rehearsal", "accessJwt": "token-for-one-post"}


def _bluesky_record(world: WebServices, fields: dict[str, Any], headers: dict[str, str]) -> Answer:
    if headers.get("authorization") != "Bearer token-for-one-post":
        return 401, {"error": "AuthMissing"}
    rkey = str(fields["rkey"])
    standing = [taken.fields["record"] for taken in world.taken if taken.fields.get("rkey") == rkey]
    if standing and standing[0] != fields["record"]:
        return 400, {"error": "InvalidSwap"}
    world.take_once("bluesky", rkey, fields, headers)
    return 200, {"uri": f"at://{fields['repo']}/{fields['collection']}/{rkey}"}


SERVICES = {
    "/sms": _sms,
    "/api/v1/statuses": _mastodon,
    "/xrpc/com.atproto.server.createSession": _bluesky_session,
    "/xrpc/com.atproto.repo.putRecord": _bluesky_record,
}
