"""The demo provider streams as each provider documents it; put together, a stream says what the plain answer says."""

import json

import httpx

from tests.demo.test_provider_dialects import CASES, GEMINI_BODY, TOOL, TOOL_SCHEMA, ask, pick
from tests.support.provider import DEMO_KEYS, RunningProvider

type Event = dict[str, object]


def events(text: str) -> list[tuple[str, Event]]:
    """The (event name, data) pairs of a server-sent event stream, [DONE] left out."""
    found = []
    for block in text.replace("\r\n", "\n").strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        if fields["data"] != "[DONE]":
            found.append((fields.get("event", ""), json.loads(fields["data"])))
    return found


def plain_text(provider: RunningProvider, name: str) -> str:
    return str(pick(ask(provider, name).json(), CASES[name].text))


def test_openai_streams_words_then_the_reason_then_the_usage_that_was_asked_for(provider: RunningProvider) -> None:
    body = {**CASES["openai"].body, "stream": True, "stream_options": {"include_usage": True}}
    answer = ask(provider, "openai", body=body)
    chunks = [data for _, data in events(answer.text)]
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text.endswith("data: [DONE]\n\n")
    said = plain_text(provider, "openai")
    assert "".join(str(pick(chunk, "choices.0.delta").get("content", "")) for chunk in chunks[:-1]) == said  # type: ignore[attr-defined]
    assert pick(chunks[-2], "choices.0.finish_reason") == "stop"
    assert chunks[-1]["choices"] == []
    assert pick(chunks[-1], "usage.completion_tokens") == len(said.split())


def test_openai_streams_no_usage_unasked(provider: RunningProvider) -> None:
    chunks = [data for _, data in events(ask(provider, "openai", body={**CASES["openai"].body, "stream": True}).text)]
    assert not any("usage" in chunk for chunk in chunks)
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)


def test_openai_streams_tool_calls(provider: RunningProvider) -> None:
    messages = [{"role": "user", "content": "call find_policy"}]
    body = {"model": "gpt-4.1", "messages": messages, "tools": [{"type": "function", "function": TOOL}], "stream": True}
    chunks = [data for _, data in events(ask(provider, "openai", body=body).text)]
    assert pick(chunks[1], "choices.0.delta.tool_calls.0.function.name") == "find_policy"
    assert pick(chunks[-1], "choices.0.finish_reason") == "tool_calls"


def test_azure_begins_with_a_chunk_without_choices(provider: RunningProvider) -> None:
    chunks = [data for _, data in events(ask(provider, "azure", body={**CASES["azure"].body, "stream": True}).text)]
    assert chunks[0]["choices"] == []
    assert "prompt_filter_results" in chunks[0]
    assert pick(chunks[1], "choices.0.delta.role") == "assistant"


def test_anthropic_streams_named_events_in_order(provider: RunningProvider) -> None:
    found = events(ask(provider, "anthropic", body={**CASES["anthropic"].body, "stream": True}).text)
    names = [name for name, _ in found]
    said = plain_text(provider, "anthropic")
    assert all(name == data["type"] for name, data in found)
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert "".join(str(pick(data, "delta.text")) for name, data in found if name == "content_block_delta") == said
    assert pick(found[0][1], "message.usage.input_tokens") == pick(ask(provider, "anthropic").json(), "usage.input_tokens")
    assert pick(found[-2][1], "usage.output_tokens") == len(said.split())


def test_anthropic_streams_tool_input_as_json_text(provider: RunningProvider) -> None:
    tools = [{"name": "find_policy", "input_schema": TOOL_SCHEMA}]
    body = {**CASES["anthropic"].body, "messages": [{"role": "user", "content": "call find_policy"}], "tools": tools, "stream": True}
    found = events(ask(provider, "anthropic", body=body).text)
    assert pick(found[1][1], "content_block.input") == {}
    deltas = [str(pick(data, "delta.partial_json")) for name, data in found if name == "content_block_delta"]
    assert json.loads("".join(deltas)) == {"question": "call find_policy", "limit": 1}


def test_gemini_streams_events_or_one_array(provider: RunningProvider) -> None:
    said = plain_text(provider, "gemini")
    path = CASES["gemini"].path.replace("generateContent", "streamGenerateContent")
    sse = [data for _, data in events(ask(provider, "gemini", path=f"{path}?alt=sse", body=GEMINI_BODY).text)]
    array = ask(provider, "gemini", path=path, body=GEMINI_BODY).json()
    for chunks in (sse, array):
        assert "".join(str(pick(chunk, "candidates.0.content.parts.0.text")) for chunk in chunks) == said
        assert pick(chunks[-1], "candidates.0.finishReason") == "STOP"
        assert pick(chunks[-1], "usageMetadata.candidatesTokenCount") == len(said.split())


def test_cohere_streams_from_message_start_to_message_end(provider: RunningProvider) -> None:
    found = events(ask(provider, "cohere", body={**CASES["cohere"].body, "stream": True}).text)
    names = [name for name, _ in found]
    said = plain_text(provider, "cohere")
    assert (names[0], names[1], names[-2], names[-1]) == ("message-start", "content-start", "content-end", "message-end")
    assert "".join(str(pick(data, "delta.message.content.text")) for name, data in found if name == "content-delta") == said
    assert pick(found[-1][1], "delta.usage.tokens.output_tokens") == len(said.split())


def test_triage_flows_in_lines_of_json(provider: RunningProvider) -> None:
    answer = ask(provider, "triage", body={**CASES["triage"].body, "flow": True})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    said = plain_text(provider, "triage")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert "".join(line["bit"] for line in lines[:-1]) == said
    assert lines[-1]["meter"]["out"] == str(len(said.split()))


def test_parts_come_one_by_one(provider: RunningProvider) -> None:
    """A reader sees the first word before the last one is sent: the stall fault stops in the middle, and half is there."""
    case = CASES["openai"]
    url, headers = f"{provider.url}/fault/stall{case.path}", case.headers(DEMO_KEYS["openai"].accepted)
    with httpx.stream("POST", url, headers=headers, json={**case.body, "stream": True}, trust_env=False, timeout=60) as answer:
        first = next(answer.iter_text())
    assert first.startswith("data: ")
    assert provider.wait_for_outcome("cut").request.path.startswith("/fault/stall")
