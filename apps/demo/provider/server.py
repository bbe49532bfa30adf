"""The demo provider's server: finds the dialect, lets it answer, and sends the answer well or, under /fault, badly."""

import asyncio
from collections import deque
from dataclasses import dataclass
from urllib.parse import unquote

from apps.demo.provider.aws import bedrock, sts
from apps.demo.provider.connection import Connection
from apps.demo.provider.dialects import anthropic, azure, cohere, echo, gemini, index, oauth, openai, triage
from apps.demo.provider.faults import Call, find_fault, split_fault
from apps.demo.provider.messages import Dialect, Refusal, Reply, Request, json_reply

HOST = "127.0.0.1"  # never any other: the keys are public
AWS = (sts.DIALECT, bedrock.RUNTIME, bedrock.CONTROL)
DIALECTS = (*(module.DIALECT for module in (openai, azure, anthropic, gemini, cohere, triage, oauth, echo)), *AWS)


@dataclass(slots=True)
class Recorded:
    """A request that came, and how its answer ended: "open", "answered", or "cut" (the client left, or the server stopped)."""

    request: Request
    outcome: str = "open"


class Provider:
    """A demo provider on loopback. `port` 0 takes a free one; `pace` is in seconds between streamed parts; `keep` requests are kept."""

    def __init__(self, *, port: int = 0, pace: float = 0.0, keep: int = 0) -> None:
        self.port = port
        self.recorded: deque[Recorded] = deque(maxlen=keep)
        self._pace = pace
        self._opened: set[Connection] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self._serve, self._opened, self._pace), HOST, self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection; answers under way are cut."""
        self._server.close()
        opened = tuple(self._opened)
        for connection in opened:
            connection.reset()
        await asyncio.gather(*(connection.worker for connection in opened), return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, request: Request, connection: Connection) -> None:
        record = Recorded(request)
        self.recorded.append(record)
        try:
            await respond(request, connection)
        except asyncio.CancelledError:
            record.outcome = "cut"
            raise
        record.outcome = "answered"


async def respond(request: Request, connection: Connection) -> None:
    """Answer one request on its connection, through the fault that its path names."""
    name, number, path = split_fault(unquote(request.path))
    dialect, rest = find_dialect(path)
    fault = find_fault(name)
    if fault is not None:
        given = fault.number if number is None else number
        await fault.run(Call(connection, request, dialect, answer(dialect, request, rest), given))
    elif name:
        await connection.send(json_reply(404, {"error": f"no fault called {name}"}))
    else:
        await connection.send(answer(dialect, request, rest))


def find_dialect(path: str) -> tuple[Dialect, str]:
    """The dialect of a path and the path after its prefix."""
    for dialect in DIALECTS:
        if path == dialect.prefix or path.startswith(dialect.prefix + "/"):
            return dialect, path.removeprefix(dialect.prefix)
    return index.DIALECT, path


def answer(dialect: Dialect, request: Request, path: str) -> Reply:
    try:
        return dialect.answer(request, path)
    except Refusal as refusal:
        return dialect.refuse(refusal)
