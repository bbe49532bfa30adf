"""A provider that answers at once: the other end of the gateway's benchmark. Speaks OpenAI's chat format, streamed and not.

    uv run benchmarks/mock_upstream.py PORT

The path says how it behaves: /fast/... answers at once, a stream with all its events one after the other; /paced/... puts 100 ms between
the events of a stream, so that many stay open.
"""

import asyncio
import json
import sys

import httptools
import uvloop

WORDS = ("The claim is of medium severity; the police report is missing. " * 12).split()
EVENTS = 100  # text events of a stream
PACE = 0.1  # seconds


def answer() -> bytes:
    """A complete answer with a body of 1 KB."""
    message = {"role": "assistant", "content": "", "refusal": None}
    document = {
        "id": "chatcmpl-benchmark",
        "object": "chat.completion",
        "created": 1790000000,
        "model": "gpt-bench",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 92, "completion_tokens": 104, "total_tokens": 196},
    }
    message["content"] = "x " * ((1024 - len(json.dumps(document))) // 2)
    body = json.dumps(document).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(delta: dict[str, str], finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    choices = [] if usage else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    document = {"id": "chatcmpl-benchmark", "object": "chat.completion.chunk", "created": 1790000000, "model": "gpt-bench"}
    return chunk(b"data: " + json.dumps(document | {"choices": choices, "usage": usage}).encode() + b"\n\n")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FIRST = event({"role": "assistant", "content": ""})
TEXT = [event({"content": WORDS[number % len(WORDS)] + " "}) for number in range(EVENTS)]
LAST = [
    event({}, "stop"),
    event({}, usage={"prompt_tokens": 92, "completion_tokens": EVENTS, "total_tokens": 92 + EVENTS}),
    chunk(b"data: [DONE]\n\n"),
    b"0\r\n\r\n",
]
ANSWER = answer()


class Upstream(asyncio.Protocol):
    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.loop = asyncio.get_running_loop()
        self.path = b""
        self.body = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path = url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        streamed = b'"stream":true' in self.body.replace(b" ", b"")
        self.body = b""
        if not streamed:
            self.transport.write(ANSWER)
            return
        self.transport.write(HEAD + FIRST)
        pieces = [*TEXT, *LAST]
        if self.path.startswith(b"/paced"):
            self.loop.call_later(PACE, self.go_on, pieces, 0, PACE)
        else:
            self.loop.call_soon(self.go_on, pieces, 0, 0.0)

    def go_on(self, pieces: list[bytes], position: int, pace: float) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(pieces[position])
        if position + 1 < len(pieces):
            self.loop.call_later(pace, self.go_on, pieces, position + 1, pace) if pace else self.loop.call_soon(
                self.go_on, pieces, position + 1, pace
            )


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
