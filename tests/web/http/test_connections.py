"""Connections of the portal over real sockets: ambiguous requests, slow senders, slow readers, crowds."""

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Request

from amends.settings import ConnectionLimits
from amends.web.http.connections import BACKLOG, guarded

PATIENT = ConnectionLimits()
POST = b"POST /echo HTTP/1.1\r\nHost: portal.example\r\n"
GET = b"GET /hello HTTP/1.1\r\nHost: portal.example\r\n\r\n"
LARGE = 16 * 2**20
LONG = 30
"""Seconds within which a busy machine does what takes a moment."""

ANSWERING = threading.Semaphore(0)
"""Free once for each request that takes long and is being answered."""

Serve = Callable[[ConnectionLimits], int]


def an_app() -> FastAPI:
    app = FastAPI()

    @app.post("/echo")
    async def echo(request: Request) -> str:
        return (await request.body()).decode()

    @app.get("/hello")
    def hello() -> str:
        return "hello"

    @app.get("/large")
    def large() -> str:
        return "a" * LARGE

    @app.get("/long")
    def long() -> str:
        ANSWERING.release()
        time.sleep(3)
        return "long"

    return app


@contextmanager
def serving(limits: ConnectionLimits, trusted_proxies: int = 0) -> Iterator[int]:
    config = uvicorn.Config(
        an_app(),
        port=0,
        log_config=None,
        access_log=False,
        ws="none",
        lifespan="off",
        http=guarded(limits, trusted_proxies),
        backlog=BACKLOG,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    server.force_exit = True
    thread.join(LONG)


def connected(port: int, sender: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), LONG, (sender, 0))


def until_closed(line: socket.socket) -> bytes:
    """Everything that the portal sends until it closes. Raises TimeoutError when it does not close."""
    line.settimeout(LONG)
    heard = b""
    try:
        while piece := line.recv(65536):
            heard += piece
    except ConnectionResetError:
        pass
    return heard


def send_in_drops(line: socket.socket) -> None:
    """Send ten bytes a second. Raises ConnectionError when the portal has closed."""
    for _ in range(LONG * 10):
        line.sendall(b"X")
        time.sleep(0.1)


def is_open(line: socket.socket) -> bool:
    try:
        line.settimeout(0.05)
        return line.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def until(expected: list[bool], look: Callable[[], list[bool]]) -> None:
    """Wait until what is seen is what is expected, which a busy machine may take a while for."""
    end = time.monotonic() + LONG
    while (seen := look()) != expected:
        assert time.monotonic() < end, seen


@pytest.fixture(scope="module")
def patient() -> Iterator[int]:
    with serving(PATIENT) as port:
        yield port


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 6\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Content-Length: +5\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n",
    ],
)
def test_a_request_of_unsure_length_is_refused_and_closed(patient: int, head: bytes) -> None:
    """A request with two lengths gets a 400, and what comes after it on the connection is answered by nobody."""
    with connected(patient) as line:
        line.sendall(POST + head + b"\r\n0\r\n\r\n" + GET)
        heard = until_closed(line)
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert heard.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in heard.lower()


def test_chunks_in_http_1_0_are_refused_and_closed(patient: int) -> None:
    with connected(patient) as line:
        line.sendall(b"POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert until_closed(line).startswith(b"HTTP/1.1 400 ")


def test_an_unsure_request_behind_a_good_one_is_refused(patient: int) -> None:
    with connected(patient) as line:
        line.sendall(GET + POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET)
        heard = until_closed(line)
    assert [heard.count(b"HTTP/1.1 200 "), heard.count(b"HTTP/1.1 400 "), heard.count(b"HTTP/1.1 ")] == [1, 1, 2]


@pytest.mark.parametrize(
    "body", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
def test_a_request_of_one_length_keeps_its_connection(patient: int, body: bytes) -> None:
    with connected(patient) as line:
        for _ in range(2):
            line.sendall(POST + body)
            heard = b""
            while b'"hello"' not in heard:
                heard += line.recv(9999)
            assert heard.startswith(b"HTTP/1.1 200 ")


def test_a_head_without_end_is_given_up() -> None:
    with serving(PATIENT.model_copy(update={"head_seconds": 0.5})) as port, connected(port) as line:
        line.sendall(GET[:-2])
        assert until_closed(line).startswith(b"HTTP/1.1 408 ")


def test_a_head_that_comes_in_drops_is_given_up_in_time() -> None:
    """A byte now and then does not win time: the limit is that of the whole head."""
    with serving(PATIENT.model_copy(update={"head_seconds": 1})) as port, connected(port) as line:
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            send_in_drops(line)
        assert time.monotonic() - began < LONG / 2


def test_a_connection_that_says_nothing_is_closed() -> None:
    with serving(PATIENT.model_copy(update={"head_seconds": 0.5})) as port, connected(port) as line:
        assert until_closed(line) == b""


def test_a_second_request_in_drops_is_given_up_too() -> None:
    with serving(PATIENT.model_copy(update={"head_seconds": 1})) as port, connected(port) as line:
        line.sendall(GET + GET[:20])
        heard = until_closed(line)
    assert heard.count(b"HTTP/1.1 200 ") == 1
    assert b"HTTP/1.1 408 " in heard


@pytest.mark.parametrize("path", [b"/echo", b"/hello"], ids=["read", "unread"])
def test_a_body_slower_than_the_least_rate_is_cut_off(path: bytes) -> None:
    """Also a body that nobody reads, because its answer was given before it came."""
    with serving(PATIENT.model_copy(update={"body_seconds": 2, "least_rate": 10**9})) as port, connected(port) as line:
        line.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n")
        with pytest.raises(ConnectionError):
            send_in_drops(line)


def test_a_body_without_end_is_cut_off() -> None:
    limits = PATIENT.model_copy(update={"body_seconds": 1, "least_rate": 0})
    with serving(limits) as port, connected(port) as line:
        line.sendall(POST + b"Content-Length: 60000\r\n\r\n")
        assert until_closed(line) == b""


def test_a_request_that_takes_long_to_answer_is_not_cut_off() -> None:
    hasty = PATIENT.model_copy(update={"head_seconds": 0.5, "body_seconds": 0.5, "answer_seconds": 0.5})
    with serving(hasty) as port, connected(port) as line:
        line.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert until_closed(line).endswith(b'"long"')


def test_a_reader_that_does_not_read_is_cut_off() -> None:
    with serving(PATIENT.model_copy(update={"answer_seconds": 0.5})) as port, connected(port) as line:
        line.sendall(GET.replace(b"/hello", b"/large"))
        time.sleep(4)
        assert len(until_closed(line)) < LARGE


def test_a_slow_reader_who_reads_gets_all() -> None:
    with serving(PATIENT) as port, connected(port) as line:
        line.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(1)
        assert len(until_closed(line)) > LARGE


def test_the_oldest_slow_one_makes_room_in_a_crowd() -> None:
    with serving(PATIENT.model_copy(update={"most": 3})) as port, ExitStack() as lines:
        slow = [lines.enter_context(connected(port)) for _ in range(3)]
        for line in slow:
            line.sendall(GET[:10])
        time.sleep(0.5)
        assert httpx2.get(f"http://127.0.0.1:{port}/hello", timeout=LONG).text == '"hello"'
        assert [is_open(line) for line in slow] == [False, True, True]


def test_one_address_crowds_out_only_itself() -> None:
    with serving(PATIENT.model_copy(update={"per_address": 2})) as port, ExitStack() as lines:
        other = lines.enter_context(connected(port, "127.0.0.2"))
        crowd = [lines.enter_context(connected(port)) for _ in range(4)]
        until([True, False, False, True, True], lambda: [is_open(line) for line in (other, *crowd)])


def test_behind_a_proxy_one_address_is_everybody() -> None:
    limits = PATIENT.model_copy(update={"per_address": 1})
    with serving(limits, trusted_proxies=1) as port, ExitStack() as lines:
        crowd = [lines.enter_context(connected(port)) for _ in range(4)]
        time.sleep(0.5)
        assert all(is_open(line) for line in crowd)


def test_a_crowd_that_is_being_answered_is_not_cut_off() -> None:
    """When every connection has its whole request in, a new one is told to come again, and none of the others is cut."""
    while ANSWERING.acquire(blocking=False):
        pass  # of earlier tests
    with serving(PATIENT.model_copy(update={"most": 2})) as port, ExitStack() as lines:
        busy = [lines.enter_context(connected(port)) for _ in range(2)]
        for line in busy:
            line.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for _ in busy:
            assert ANSWERING.acquire(timeout=LONG)
        with connected(port) as late:
            assert until_closed(late).startswith(b"HTTP/1.1 503 ")
        assert all(until_closed(line).endswith(b'"long"') for line in busy)


@pytest.fixture
def thousands_of_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.full
@pytest.mark.usefixtures("thousands_of_files")
def test_a_thousand_slow_ones_keep_nobody_out() -> None:
    """While a thousand connections, opened anew as soon as they are cut, send heads in drops, a visitor is served."""
    over = threading.Event()
    lines: list[socket.socket] = []
    with serving(PATIENT.model_copy(update={"most": 200}), trusted_proxies=1) as port:
        attacker = threading.Thread(target=_drip, args=(port, lines, over))
        attacker.start()
        try:
            while len(lines) < 1000:
                time.sleep(0.1)
            answers = [httpx2.get(f"http://127.0.0.1:{port}/hello", timeout=LONG).text for _ in range(20)]
            cut = sum(not is_open(line) for line in list(lines))
        finally:
            over.set()
            attacker.join()
    assert answers == ['"hello"'] * 20
    assert cut


def _drip(port: int, lines: list[socket.socket], over: threading.Event) -> None:
    while not over.is_set():
        while len(lines) < 1000 and not over.is_set():
            lines.append(connected(port))
        for number, line in enumerate(lines):
            try:
                line.sendall(b"X")
            except OSError:
                line.close()
                lines[number] = connected(port)
        time.sleep(0.5)
    for line in lines:
        line.close()
