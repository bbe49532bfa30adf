"""Paths proposed after a test: the providers' shapes, odd ones, and silence rather than nonsense (spec 02, JSON paths)."""

import pytest

from apps.providers.jsonpath import compile_path, read_output, read_tokens
from apps.providers.proposals import Proposals, propose_paths
from apps.providers.types import JsonValue

OPENAI: JsonValue = {
    "id": "chatcmpl-1",
    "model": "gpt",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": None}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 17, "completion_tokens": 9, "total_tokens": 26, "prompt_tokens_details": {"cached_tokens": 3}},
    "system_fingerprint": "fp",
}
ANTHROPIC: JsonValue = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 17, "cache_read_input_tokens": 4, "output_tokens": 9},
}
THINKING: JsonValue = {**ANTHROPIC, "content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hi"}]}
GEMINI: JsonValue = {
    "candidates": [{"content": {"parts": [{"text": "Hi"}], "role": "model"}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 17, "candidatesTokenCount": 9, "totalTokenCount": 26},
}
COHERE: JsonValue = {
    "id": "c",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
    "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 9}, "tokens": {"input_tokens": 17, "output_tokens": 9}},
}
BEDROCK: JsonValue = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 17, "outputTokens": 9, "totalTokens": 26},
}
RESPONSES: JsonValue = {
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]},
    ],
    "usage": {"input_tokens": 17, "output_tokens": 9},
}
OLLAMA: JsonValue = {
    "model": "l",
    "message": {"role": "assistant", "content": "Hi"},
    "done_reason": "stop",
    "prompt_eval_count": 17,
    "eval_count": 9,
    "total_duration": 5,
}
TITAN: JsonValue = {"inputTextTokenCount": 17, "results": [{"tokenCount": 9, "outputText": "Hi", "completionReason": "FINISH"}]}
ODD: JsonValue = {"result": {"reply": {"text": "Hi", "lang": "en"}}, "meter": {"in_tokens": "17", "out_tokens": "9"}}


@pytest.mark.parametrize(
    ("document", "proposals"),
    [
        (OPENAI, Proposals("choices[0].message.content", "usage.prompt_tokens", "usage.completion_tokens")),
        (ANTHROPIC, Proposals("content[0].text", "usage.input_tokens", "usage.output_tokens")),
        (THINKING, Proposals("content[?@.type=='text'].text", "usage.input_tokens", "usage.output_tokens")),
        (GEMINI, Proposals("candidates[0].content.parts[0].text", "usageMetadata.promptTokenCount", "usageMetadata.candidatesTokenCount")),
        (COHERE, Proposals("message.content[0].text", "usage.tokens.input_tokens", "usage.tokens.output_tokens")),
        (BEDROCK, Proposals("output.message.content[0].text", "usage.inputTokens", "usage.outputTokens")),
        (
            RESPONSES,
            Proposals("output[?@.type=='message'].content[?@.type=='output_text'].text", "usage.input_tokens", "usage.output_tokens"),
        ),
        (OLLAMA, Proposals("message.content", "prompt_eval_count", "eval_count")),
        (TITAN, Proposals("results[0].outputText", "inputTextTokenCount", "results[0].tokenCount")),
        (ODD, Proposals("result.reply.text", "meter.in_tokens", "meter.out_tokens")),
    ],
)
def test_recognized_shapes_read_the_answer_and_its_counts(document: JsonValue, proposals: Proposals) -> None:
    assert propose_paths(document) == proposals
    assert read_output(compile_path(proposals.output), document) == "Hi"
    assert read_tokens(compile_path(proposals.input_tokens), document) == 17
    assert read_tokens(compile_path(proposals.output_tokens), document) == 9


@pytest.mark.parametrize(
    ("document", "proposals"),
    [
        ([{"generated_text": "Hi"}], Proposals("[0].generated_text")),
        (
            {"model": "l", "response": "Hi", "prompt_eval_count": 1, "eval_count": 2},
            Proposals("response", "prompt_eval_count", "eval_count"),
        ),
        ({"answer": "Hi", "sources": [{"text": "from here"}]}, Proposals("answer")),
        (
            {"data": {"answer": "Hi", "question": "Why?"}, "tokens": {"input": 1, "output": 2}},
            Proposals("data.answer", "tokens.input", "tokens.output"),
        ),
        ({"input": {"text": "Why?"}, "output": {"text": "Hi"}}, Proposals("output.text")),
        ({"answer text": "Hi"}, Proposals("['answer text']")),
        ({"tokensIn": 1, "tokensOut": 2, "totalTokens": 3, "cachedInputTokens": 4}, Proposals("", "tokensIn", "tokensOut")),
    ],
)
def test_names_decide_where_the_shape_is_not_known(document: JsonValue, proposals: Proposals) -> None:
    assert propose_paths(document) == proposals


@pytest.mark.parametrize(
    "document",
    [
        None,
        "Hi",
        [],
        {},
        {"error": {"message": "No such model", "content": "x"}},
        {"detail": "Not found", "message": "no"},
        {"status": "ok", "id": "abc", "created": 5},
        {"items": [{"text": "a"}, {"text": "b"}]},
        {"text": "a", "content": "b"},
        {"choices": [{"message": {"content": None, "tool_calls": []}}]},
        {"content": []},
        {"input_tokens_limit": 5, "max_output_tokens": 6, "input_tokens": True},
        list(range(300_000)),
    ],
)
def test_nothing_is_proposed_where_nothing_is_sure(document: JsonValue) -> None:
    assert propose_paths(document) == Proposals()


def test_a_document_too_large_to_search_by_name_still_shows_its_known_shape() -> None:
    assert propose_paths({"choices": [{"text": "Hi"}], "scores": list(range(300_000))}).output == "choices[0].text"
