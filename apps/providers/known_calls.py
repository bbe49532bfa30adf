"""What is certain about a call from its address and body alone: how to switch streaming off, and where the answer will be."""

import re
from dataclasses import dataclass

from apps.providers.imported import NO_PATHS, ReadingPaths
from apps.providers.types import JsonValue

_CHAT = ReadingPaths("choices[0].message.content", "usage.prompt_tokens", "usage.completion_tokens")
_COMPLETIONS = ReadingPaths("choices[0].text", "usage.prompt_tokens", "usage.completion_tokens")
_RESPONSES = ReadingPaths("output[?@.type=='message'].content[?@.type=='output_text'].text", "usage.input_tokens", "usage.output_tokens")
_ANTHROPIC = ReadingPaths("content[?@.type=='text'].text", "usage.input_tokens", "usage.output_tokens")
_GEMINI = ReadingPaths(
    "candidates[0].content.parts[?!@.thought].text", "usageMetadata.promptTokenCount", "usageMetadata.candidatesTokenCount"
)
_CONVERSE = ReadingPaths("output.message.content[*].text", "usage.inputTokens", "usage.outputTokens")
_COHERE_2 = ReadingPaths("message.content[?@.type=='text'].text", "usage.tokens.input_tokens", "usage.tokens.output_tokens")
_COHERE_1 = ReadingPaths("text", "meta.tokens.input_tokens", "meta.tokens.output_tokens")
_OLLAMA_CHAT = ReadingPaths("message.content", "prompt_eval_count", "eval_count")
_OLLAMA_GENERATE = ReadingPaths("response", "prompt_eval_count", "eval_count")
_TITAN = ReadingPaths("results[0].outputText", "inputTextTokenCount", "results[0].tokenCount")
_LLAMA = ReadingPaths("generation", "prompt_token_count", "generation_token_count")
_HUGGING_FACE = ReadingPaths("[0].generated_text")

# The end of the path, a member that the body must have, and the paths. The first that fits counts.
_KNOWN: tuple[tuple[str, str, ReadingPaths], ...] = (
    (r"/chat/completions", "messages", _CHAT),
    (r"/completions", "prompt", _COMPLETIONS),
    (r"/responses", "input", _RESPONSES),
    (r"/messages", "max_tokens", _ANTHROPIC),
    (r":generateContent", "contents", _GEMINI),
    (r"/converse", "messages", _CONVERSE),
    (r"/invoke", "anthropic_version", _ANTHROPIC),
    (r"/invoke", "inputText", _TITAN),
    (r"/model/(?=[^/]*meta\.llama)[^/]*/invoke", "prompt", _LLAMA),
    (r"/v2/chat", "messages", _COHERE_2),
    (r"/v1/chat", "message", _COHERE_1),
    (r"/api/chat", "messages", _OLLAMA_CHAT),
    (r"/api/generate", "prompt", _OLLAMA_GENERATE),
    (r"api-inference\.huggingface\.co/models/[^?]*", "inputs", _HUGGING_FACE),
)
_OLLAMA = re.compile(r"/api/(?:chat|generate)$")
_STREAMING_PATHS = {
    ":streamGenerateContent": ":generateContent",
    "/converse-stream": "/converse",
    "/invoke-with-response-stream": "/invoke",
}


@dataclass(frozen=True, slots=True)
class Unstreamed:
    """A call that answers once."""

    url: str
    body: JsonValue
    notes: tuple[str, ...] = ()


def reading_paths(url: str, body: JsonValue) -> ReadingPaths:
    """Where the answer of a known call has its parts; all "" for any other."""
    if not isinstance(body, dict):
        return NO_PATHS
    place = _place(url)
    found = (paths for end, member, paths in _KNOWN if member in body and re.search(end + "$", place))
    return next(found, NO_PATHS)


def without_streaming(url: str, body: JsonValue) -> Unstreamed:
    """The same call with its answer in one piece, as a custom integration reads it."""
    url, notes = _plain_address(url)
    if isinstance(body, dict):
        if body.get("stream") is True:
            body = {key: value for key, value in body.items() if key != "stream_options"} | {"stream": False}
            notes = (*notes, "“stream” is set to false: the integration reads one JSON answer.")
        elif "stream" not in body and _OLLAMA.search(_place(url)):
            body = {**body, "stream": False}
            notes = (*notes, "“stream”: false is added, because Ollama streams unless told otherwise.")
    return Unstreamed(url, body, notes)


def _plain_address(url: str) -> tuple[str, tuple[str, ...]]:
    path, _, query = url.partition("?")
    for streaming, plain in _STREAMING_PATHS.items():
        if path.endswith(streaming):
            query = "&".join(pair for pair in query.split("&") if pair and pair != "alt=sse")
            note = f"{streaming[1:]} became {plain[1:]}: the integration reads one JSON answer."
            return path.removesuffix(streaming) + plain + ("?" + query if query else ""), (note,)
    return url, ()


def _place(url: str) -> str:
    """Host and path."""
    return url.partition("://")[2].partition("?")[0].rstrip("/")
