"""Paths proposed for an answer whose shape is recognized (spec 02, JSON paths).

Confidence before coverage: a proposal is taken over with one click, so a wrong one costs more than none.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from apps.providers.errors import ProviderError
from apps.providers.jsonpath import Leaf, Match, compile_path, path_of, read_tokens, walk_leaves
from apps.providers.types import JsonValue

MAX_LEAVES = 5_000
MAX_ITEMS = 20  # of each list that are looked at: what comes after them is of the same shape
MAX_KEY = 200  # characters of a key that are taken apart into words


@dataclass(frozen=True, slots=True)
class Proposals:
    """Three paths; "" where nothing is recognized."""

    output: str = ""
    input_tokens: str = ""
    output_tokens: str = ""


# In the order in which they are tried; the first that finds text, or a count, is proposed.
_OUTPUTS = (
    "choices[0].message.content",  # OpenAI Chat Completions and what is compatible with it
    "choices[0].text",  # OpenAI Completions
    "output[?@.type=='message'].content[?@.type=='output_text'].text",  # OpenAI Responses
    "candidates[0].content.parts[0].text",  # Gemini
    "output.message.content[0].text",  # Bedrock Converse
    "message.content[0].text",  # Cohere v2
    "content[0].text",  # Anthropic Messages
    "message.content",  # Ollama chat
    "results[0].outputText",  # Amazon Titan
    "[0].generated_text",  # Hugging Face text generation
    "generated_text",
    "generation",  # Llama on Bedrock
    "outputs[0].text",  # Mistral on Bedrock
)
_SEVERAL_PARTS = {
    "content[0].text": "content[?@.type=='text'].text",
    "message.content[0].text": "message.content[?@.type=='text'].text",
    "output.message.content[0].text": "output.message.content[*].text",
    "candidates[0].content.parts[0].text": "candidates[0].content.parts[?!@.thought].text",
}
_INPUT_TOKENS = (
    "usage.prompt_tokens",
    "usage.input_tokens",
    "usage.inputTokens",
    "usageMetadata.promptTokenCount",
    "usage.tokens.input_tokens",
    "usage.billed_units.input_tokens",
    "meta.tokens.input_tokens",
    "meta.billed_units.input_tokens",
    "prompt_eval_count",
    "inputTextTokenCount",
    "prompt_token_count",
)
_OUTPUT_TOKENS = (
    "usage.completion_tokens",
    "usage.output_tokens",
    "usage.outputTokens",
    "usageMetadata.candidatesTokenCount",
    "usage.tokens.output_tokens",
    "usage.billed_units.output_tokens",
    "meta.tokens.output_tokens",
    "meta.billed_units.output_tokens",
    "eval_count",
    "results[0].tokenCount",
    "[0].details.generated_tokens",
    "details.generated_tokens",
    "generation_token_count",
)

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ANSWER_WORDS = frozenset({"answer", "completion", "reply", "response", "generated", "generation", "output", "assistant"})
_TEXT_NAMES = frozenset({"text", "content", "output", "result", "answer", "completion", "reply", "response", "generation"})
_NOT_THE_ANSWER = frozenset(
    {
        "id",
        "type",
        "role",
        "name",
        "status",
        "model",
        "error",
        "errors",
        "input",
        "prompt",
        "question",
        "query",
        "request",
        "system",
        "user",
    }
    | {"history", "messages", "sources", "source", "citation", "citations", "documents", "context", "metadata", "usage", "logprobs"}
    | {"reasoning", "thinking", "thought", "finish", "stop", "format", "language", "url", "title", "version", "created", "time", "code"}
)
_TOKEN_WORDS = frozenset({"token", "tokens", "intokens", "outtokens"})
_IN_WORDS = frozenset({"in", "input", "prompt", "intokens", "question", "request"})
_OUT_WORDS = frozenset({"out", "output", "completion", "generated", "candidates", "outtokens", "answer", "response", "reply"})
_NOT_A_COUNT = frozenset(
    {"cached", "cache", "reasoning", "audio", "image", "max", "limit", "remaining", "total", "details", "rate", "price", "cost"}
)


def propose_paths(document: JsonValue) -> Proposals:
    """The paths for the answer's text and its token counts, each "" unless exactly one is likely."""
    if isinstance(document, dict) and document.get("error"):
        return Proposals()
    document = _first_items(document)
    leaves = list(walk_leaves(document, MAX_LEAVES))
    return Proposals(
        output=_known_output(document) or _likely_output(leaves),
        input_tokens=_known_count(_INPUT_TOKENS, document) or _likely_count(leaves, _IN_WORDS, _OUT_WORDS),
        output_tokens=_known_count(_OUTPUT_TOKENS, document) or _likely_count(leaves, _OUT_WORDS, _IN_WORDS),
    )


def _first_items(value: JsonValue) -> JsonValue:
    """The document with its lists cut. Expects the depth that `parse_json` allows."""
    if isinstance(value, list):
        return [_first_items(item) for item in value[:MAX_ITEMS]]
    return {key: _first_items(member) for key, member in value.items()} if isinstance(value, dict) else value


def _known_output(document: JsonValue) -> str:
    for path in _OUTPUTS:
        several = _SEVERAL_PARTS.get(path)
        if several and _has_several_parts(path, document) and _finds_text(several, document):
            return several
        if _finds_text(path, document):
            return path
    return ""


def _has_several_parts(path: str, document: JsonValue) -> bool:
    """Whether the array that the path takes the first element of has more: then a thought or a tool call may come first."""
    parts = _matches(path.rpartition("[0]")[0], document)
    return bool(parts) and isinstance(parts[0].value, list) and len(parts[0].value) > 1


def _finds_text(path: str, document: JsonValue) -> bool:
    matches = _matches(path, document)
    return any(isinstance(match.value, str) and match.value for match in matches) and all(isinstance(m.value, str) for m in matches)


def _matches(path: str, document: JsonValue) -> list[Match]:
    """What the path finds; nothing where the document is too large to search."""
    try:
        return compile_path(path).find(document)
    except ProviderError:
        return []


def _known_count(paths: Iterable[str], document: JsonValue) -> str:
    return next((path for path in paths if read_tokens(compile_path(path), document) is not None), "")


def _likely_output(leaves: list[Leaf]) -> str:
    texts = [leaf for leaf in leaves if isinstance(leaf.value, str) and leaf.value.strip() and _may_be_answer(leaf)]
    named_answer = [leaf for leaf in texts if _ANSWER_WORDS & _all_words(leaf)]
    return _only(named_answer) if named_answer else _only(texts)


def _may_be_answer(leaf: Leaf) -> bool:
    key = _key(leaf)
    words = set(_words(key))
    is_named_so = key.lower() in _TEXT_NAMES or bool(words & _ANSWER_WORDS) or "text" in words
    return is_named_so and not _NOT_THE_ANSWER & _all_words(leaf)


def _likely_count(leaves: list[Leaf], wanted: frozenset[str], other: frozenset[str]) -> str:
    def fits(leaf: Leaf) -> bool:
        words = _all_words(leaf)
        is_of_this_side = bool(wanted & set(_words(_key(leaf)))) and not other & set(_words(_key(leaf)))
        return bool(_TOKEN_WORDS & words) and is_of_this_side and not _NOT_A_COUNT & words

    return _only([leaf for leaf in leaves if _is_count(leaf.value) and fits(leaf)])


def _is_count(value: JsonValue) -> bool:
    return read_tokens(compile_path("$"), value) is not None


def _key(leaf: Leaf) -> str:
    return next((step for step in reversed(leaf.steps) if isinstance(step, str)), "")


def _only(leaves: list[Leaf]) -> str:
    """The path of the one leaf; "" when there are none or several."""
    if len(leaves) != 1:
        return ""
    path = path_of(leaves[0].steps)
    return path if len(path) <= 512 else ""


def _all_words(leaf: Leaf) -> set[str]:
    return {word for step in leaf.steps if isinstance(step, str) for word in _words(step)}


@lru_cache(maxsize=4096)
def _words(key: str) -> tuple[str, ...]:
    """The words of a name, in small letters: `promptTokenCount`, `prompt_token_count` and `prompt-token-count` give the same."""
    return tuple(word.lower() for word in _WORDS.findall(key[:MAX_KEY]))
