"""A bounded flood: sends prepared form posts to the portal on this machine at a fixed rate, then says what came back.

python bench/peers/posts.py PORT FILE RATE

FILE holds a whole HTTP request in each line, in JSON: what it is, and its text. Each is sent once, RATE of
them a second, over connections that are kept. A post that finds all connections busy waits for one, so a portal that
cannot keep up gets fewer. It prints POSTING after the first answer, ends after the last one or at SIGTERM, and prints
one line of JSON: answers by kind and status, seconds, and the seconds that each answer took.
"""

import asyncio
import json
import signal
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import cast

import uvloop

CONNECTIONS = 64
TICK = 0.005
END = b"\r\n\r\n"
LENGTH = b"content-length:"


class Flood:
    """What is still to be sent, and what came back."""

    def __init__(self, posts: list[tuple[str, str]], rate: int) -> None:
        self._posts, self._rate = posts, rate
        self._idle: deque[Connection] = deque()
        self._sent = 0
        self.answers: Counter[str] = Counter()
        self.took: list[float] = []

    async def run(self, port: int) -> float:
        """Send all of them, unless it is cancelled; how long it took."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", port)
        began = time.perf_counter()
        try:
            while len(self.took) < len(self._posts):
                self._send_what_is_due(time.perf_counter() - began)
                await asyncio.sleep(TICK)
        except asyncio.CancelledError:
            pass
        return time.perf_counter() - began

    def _send_what_is_due(self, seconds: float) -> None:
        due = min(int(seconds * self._rate) + 1, len(self._posts))
        while self._sent < due and self._idle:
            self._idle.popleft().send(*self._posts[self._sent])
            self._sent += 1

    def ready(self, connection: "Connection") -> None:
        self._idle.append(connection)

    def gone(self, connection: "Connection") -> None:
        self._idle.remove(connection)

    def answered(self, kind: str, status: str, seconds: float) -> None:
        if not self.took:
            print("POSTING", flush=True)
        self.answers[f"{kind} {status}"] += 1
        self.took.append(seconds)


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, flood: Flood) -> None:
        self._flood, self._kind, self._heard, self._at = flood, "", b"", 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods alone
        self._flood.ready(self)

    def send(self, kind: str, request: str) -> None:
        assert self._transport
        self._kind, self._heard, self._at = kind, b"", time.perf_counter()
        self._transport.write(request.encode())

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, end, body = self._heard.partition(END)
        if end and len(body) >= _length(head):
            self._end(head[9:12].decode())

    def connection_lost(self, _: Exception | None) -> None:
        if self._kind:
            self._flood.answered(self._kind, "closed", time.perf_counter() - self._at)
        else:
            self._flood.gone(self)

    def _end(self, status: str) -> None:
        self._flood.answered(self._kind, status, time.perf_counter() - self._at)
        self._kind = ""
        self._flood.ready(self)


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line[len(LENGTH) :]) for line in lines if line.startswith(LENGTH)), 0)


async def main(port: int, flood: Flood) -> None:
    task = asyncio.create_task(flood.run(port))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    seconds = await task
    print(json.dumps({"seconds": seconds, "answers": flood.answers, "took": flood.took, "cpu": time.process_time()}))


if __name__ == "__main__":
    posts = [json.loads(line) for line in Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), Flood(posts, int(sys.argv[3]))))
