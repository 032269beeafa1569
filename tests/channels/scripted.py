"""An SMTP server that says word for word what a test wants, and remembers what it heard."""

import asyncio
from dataclasses import dataclass, field

USUAL = {
    "CONNECT": "220 scripted",
    "EHLO": "250-scripted\r\n250 8BITMIME",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 Go on",
    "BDAT": "250 2.0.0 Ok",
    "DOT": "250 2.0.0 Ok: queued as 4F1C2AB",
    "RSET": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
}
HANG_UP = ""


@dataclass
class ScriptedSmtp:
    """Answers each verb from its script; an empty answer hangs up."""

    replies: dict[str, str]
    heard: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    """What came between DATA and the dot, or in chunks of which the last one came."""
    connections: int = 0
    cut_short: int = 0
    """Contents that did not come to their end, because the client hung up or started anew."""
    most_over_one: int = 0
    """After so many messages a connection gets ENOUGH for MAIL, if there is such a limit."""
    _chunk: bytes = b""
    _server: asyncio.Server | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @classmethod
    async def start(cls, replies: dict[str, str]) -> "ScriptedSmtp":
        script = cls({**USUAL, **replies})
        script._server = await asyncio.start_server(script._talk, "127.0.0.1", 0)
        return script

    @property
    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1]

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def stop(self) -> None:
        self._server.close()
        self.hang_up()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            await self._dialogue(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            self._start_anew()
            writer.close()

    async def _dialogue(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered = self._answer(writer, "CONNECT")
        before = len(self.contents)
        while answered:
            line = (await reader.readuntil(b"\r\n")).decode().strip()
            self.heard.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "RSET":
                self._start_anew()
            if verb == "MAIL" and 0 < self.most_over_one <= len(self.contents) - before:
                verb = "ENOUGH"
            answered = await self._chunk_taken(reader, writer, line) if verb == "BDAT" else self._answer(writer, verb)
            if verb == "DATA" and self.replies["DATA"].startswith("354"):
                answered = await self._content(reader) and self._answer(writer, "DOT")

    def _start_anew(self) -> None:
        self.cut_short += bool(self._chunk)
        self._chunk = b""

    async def _chunk_taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str) -> bool:
        _, size, *last = line.split(" ")
        self._chunk += await reader.readexactly(int(size))
        if last:
            self.contents.append(self._chunk)
            self._chunk = b""
        return self._answer(writer, "DOT" if last else "BDAT")

    async def _content(self, reader: asyncio.StreamReader) -> bool:
        try:
            self.contents.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
        except (OSError, EOFError):
            self.cut_short += 1
            return False
        return True

    def _answer(self, writer: asyncio.StreamWriter, verb: str) -> bool:
        reply = self.replies.get(verb, "502 5.5.2 What?")
        if reply != HANG_UP:
            writer.write(f"{reply}\r\n".encode())
        return reply != HANG_UP
