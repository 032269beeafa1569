"""An HTTP server that says byte for byte what a test wants, and remembers what it heard."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

HANG_UP = b""


@dataclass(frozen=True)
class Heard:
    line: str
    headers: dict[str, str]
    """With small letters in their names."""
    body: bytes

    @property
    def fields(self) -> Any:
        return json.loads(self.body)


def reply(status: int, body: Any = "", **headers: str) -> bytes:
    """A whole answer; a body that is no bytes is made JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    usual = {"Date": "Tue, 24 Nov 2026 09:00:00 GMT", "Content-Length": str(len(content))}
    given = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"HTTP/1.1 {status} So", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@dataclass
class ScriptedHttp:
    """Answers each path with the next of its replies, the last one again and again; an empty reply hangs up."""

    replies: dict[str, list[bytes]]
    drip: float = 0.0
    """Seconds between one byte of a reply and the next."""
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    scheme: str = "http"
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None
    """No connection is taken any more."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[str]:
        return [heard.line for heard in self.heard]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while answer := await self._hear(reader):
                await self._say(writer, answer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader) -> bytes:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *rest = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        line = first.removesuffix(" HTTP/1.1")
        self.heard.append(Heard(line, headers, body))
        known = self.replies.get(line.partition("?")[0], [reply(404)])
        return known.pop(0) if len(known) > 1 else known[0]

    async def _say(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        pieces = [bytes([byte]) for byte in answer] if self.drip else [answer]
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(self.drip)


@asynccontextmanager
async def scripted_http(
    replies: dict[str, bytes | list[bytes]], drip: float = 0.0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedHttp]:
    script = ScriptedHttp({line: [*said] if isinstance(said, list) else [said] for line, said in replies.items()}, drip)
    server = await asyncio.start_server(script.talk, "127.0.0.1", 0, ssl=tls)
    script.port = server.sockets[0].getsockname()[1]
    script.scheme = "https" if tls else "http"
    script.stop = server.close
    try:
        yield script
    finally:
        server.close()
        for writer in script.writers:
            writer.transport.abort()
        await asyncio.sleep(0)
