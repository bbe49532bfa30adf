"""What programs send, read whole and strictly: everything is carried, or refused by name (spec 04)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.base import ChatFormat
from apps.providers.callers.anthropic import ANTHROPIC_CALLER
from apps.providers.callers.base import CallerFormat
from apps.providers.callers.kept import chat_json
from apps.providers.callers.openai import OPENAI_CALLER
from apps.providers.chat import ChatCall, Image, Message, ResponseSchema, Role, Text, Tool, ToolCall, ToolResult, ToolUse
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.registry import CHAT_FORMATS
from apps.providers.rendering import merged

PIXEL = "iVBORw0KGgo="
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
OPENAI_HELLO = [{"role": "user", "content": "Hello"}]


def read_openai(**fields: object) -> ChatCall:
    return OPENAI_CALLER.parse(json.dumps({"model": "m", "messages": OPENAI_HELLO, **fields}).encode())


def read_anthropic(**fields: object) -> ChatCall:
    return ANTHROPIC_CALLER.parse(json.dumps({"model": "m", "max_tokens": 9, "messages": OPENAI_HELLO, **fields}).encode())


OPENAI_FULL = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "annotations": [],
            "audio": None,
            "function_call": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Lyon"}'}},
                {"id": "c2", "type": "function", "function": {"name": "time", "arguments": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "noon"}]},
        {"role": "user", "content": "And now?"},
        {"role": "assistant", "content": "Wait."},
        {"role": "user", "content": "Well?"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": SCHEMA, "strict": True}},
        {"type": "function", "function": {"name": "time"}},
    ],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}},
    "temperature": 0.5,
    "top_p": 1,
    "max_completion_tokens": 77,
    "stop": "END",
}
TURNS = (
    Message(Role.USER, (Text("What is this?"), Image("image/png", PIXEL), Image(url="https://example.com/a.png"))),
    Message(Role.ASSISTANT, (ToolCall("c1", "weather", '{"city":"Lyon"}'), ToolCall("c2", "time", ""))),
    Message(Role.USER, (ToolResult("c1", "rain"), ToolResult("c2", "noon"), Text("And now?"))),
    Message(Role.ASSISTANT, (Text("Wait."),)),
    Message(Role.USER, (Text("Well?"),)),
)
FULL = ChatCall(
    messages=TURNS,
    system="Be brief.\n\nBe kind.",
    tools=(Tool("weather", "Tells it.", SCHEMA, strict=True), Tool("time")),
    tool_use=ToolUse.REQUIRED,
    parallel_tools=False,
    response_schema=ResponseSchema(SCHEMA, "place", strict=True),
    temperature=0.5,
    top_p=1,
    max_tokens=77,
    stop=("END",),
)


def test_everything_that_openai_callers_can_say() -> None:
    assert read_openai(**OPENAI_FULL) == FULL


def test_everything_that_anthropic_callers_can_say() -> None:
    call = read_anthropic(
        system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind.", "citations": []}],
        messages=[
            {"role": "user", "content": "What is"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "this?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                    {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Let me see.", "citations": None},
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Lyon"}, "caller": {"type": "direct"}},
                    {"type": "tool_use", "id": "c2", "name": "time", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "rain"}]},
                    {"type": "tool_result", "tool_use_id": "c2", "content": "broken", "is_error": True},
                    {"type": "tool_result", "tool_use_id": "c3"},
                    {"type": "text", "text": "Well?"},
                ],
            },
        ],
        tools=[
            {"name": "weather", "description": "Tells it.", "input_schema": SCHEMA, "strict": True},
            {"type": "custom", "name": "time", "input_schema": {"type": "object"}},
        ],
        tool_choice={"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
        temperature=0.5,
        top_p=0.9,
        stop_sequences=["END", "STOP"],
    )
    assert call == ChatCall(
        messages=(
            Message(
                Role.USER,
                (Text("What is"), Text("this?"), Image("image/png", PIXEL), Image(url="https://example.com/a.png")),
            ),
            Message(Role.ASSISTANT, (Text("Let me see."), ToolCall("c1", "weather", '{"city":"Lyon"}'), ToolCall("c2", "time", "{}"))),
            Message(Role.USER, (ToolResult("c1", "rain"), ToolResult("c2", "broken", is_error=True), ToolResult("c3", ""), Text("Well?"))),
        ),
        system="Be brief.\nBe kind.",
        tools=(Tool("weather", "Tells it.", SCHEMA, strict=True), Tool("time", "", {"type": "object"})),
        tool_name="weather",
        parallel_tools=False,
        response_schema=ResponseSchema(SCHEMA),
        temperature=0.5,
        top_p=0.9,
        max_tokens=9,
        formal_limit=True,
        stop=("END", "STOP"),
    )


@pytest.mark.parametrize("wire", CHAT_FORMATS.values(), ids=lambda wire: wire.key)
def test_what_either_caller_says_goes_into_every_format(wire: ChatFormat) -> None:
    """Nothing that was said is lost on the way."""
    plain = {
        **OPENAI_FULL,
        "parallel_tool_calls": True,
        "response_format": None,
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }
    plain["messages"] = [
        {**message, "content": [part for part in message["content"] if "https" not in json.dumps(part)]}
        if isinstance(message.get("content"), list)
        else message
        for message in OPENAI_FULL["messages"]  # type: ignore[attr-defined]
    ]
    body = json.dumps(wire.build_body(read_openai(**plain), "m"))
    said = f"brief kind What {PIXEL} c1 Lyon rain c2 noon now? Wait. Well? 0.5 77 END"
    assert [word for word in said.split() if word not in body] == []
    body = json.dumps(wire.build_body(read_anthropic(system="Be kind.", stop_sequences=["END"], temperature=0.25), "m"))
    assert [word for word in ("Hello", "kind", "END", "0.25", "9") if word not in body] == []


@pytest.mark.parametrize(
    ("choice", "use", "name"),
    [
        ("auto", ToolUse.AUTO, ""),
        ("none", ToolUse.NONE, ""),
        (None, None, ""),
        ({"type": "function", "function": {"name": "f"}}, None, "f"),
    ],
)
def test_openais_tool_choice(choice: object, use: ToolUse | None, name: str) -> None:
    call = read_openai(tool_choice=choice)
    assert (call.tool_use, call.tool_name) == (use, name)


@pytest.mark.parametrize(
    ("choice", "use", "parallel"),
    [
        ({"type": "auto"}, ToolUse.AUTO, None),
        ({"type": "any", "disable_parallel_tool_use": False}, ToolUse.REQUIRED, True),
        ({"type": "none"}, ToolUse.NONE, None),
    ],
)
def test_anthropics_tool_choice(choice: object, use: ToolUse, parallel: bool | None) -> None:
    call = read_anthropic(tool_choice=choice)
    assert (call.tool_use, call.parallel_tools) == (use, parallel)


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "u", "metadata": {"a": "b"}, "safety_identifier": "s", "prompt_cache_key": "k"},
        {"n": 1, "store": False, "service_tier": "auto", "logprobs": False, "top_logprobs": 0, "logit_bias": {}, "modalities": ["text"]},
        {"frequency_penalty": 0.0, "presence_penalty": 0, "verbosity": "medium", "functions": []},
        {"seed": None, "audio": None, "tools": None, "stop": None, "response_format": None, "max_tokens": None},
        {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
        {"response_format": {"type": "text"}},
    ],
)
def test_what_changes_nothing_is_fine_for_openai_callers(fields: dict[str, object]) -> None:
    assert read_openai(**fields) == read_openai()


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {"user_id": "u"}, "service_tier": "auto", "thinking": {"type": "disabled"}, "stream": True},
        {"top_k": None, "tools": [], "stop_sequences": None, "output_config": {"effort": None, "format": None}, "system": []},
    ],
)
def test_what_changes_nothing_is_fine_for_anthropic_callers(fields: dict[str, object]) -> None:
    assert read_anthropic(**fields) == read_anthropic()


def user(*parts: object) -> list[object]:
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"n": 2}, "“n”"),
        ({"n": True}, "“n”"),
        ({"seed": 7}, "“seed”"),
        ({"logprobs": True}, "“logprobs”"),
        ({"logit_bias": {"50256": -100}}, "“logit_bias”"),
        ({"presence_penalty": 0.5}, "“presence_penalty”"),
        ({"reasoning_effort": "low"}, "“reasoning_effort”"),
        ({"verbosity": "low"}, "“verbosity”"),
        ({"modalities": ["text", "audio"]}, "“modalities”"),
        ({"store": True}, "“store”"),
        ({"service_tier": "priority"}, "“service_tier”"),
        ({"web_search_options": {}}, "“web_search_options”"),
        ({"prediction": {"type": "content", "content": ""}}, "“prediction”"),
        ({"functions": [{"name": "f"}]}, "“functions”"),
        ({"function_call": "auto"}, "“function_call”"),
        ({"some_new_field": 1}, "“some_new_field”"),
        ({"response_format": {"type": "json_object"}}, "response_format of the type json_object"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "description": "d"}}},
            "“response_format.json_schema.description”",
        ),
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools[0] of the type custom"),
        ({"tools": [{"type": "function", "function": {"name": "f", "new": 1}}]}, "“tools[0].function.new”"),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice of the type allowed_tools"),
        ({"messages": user({"type": "input_audio", "input_audio": {}})}, "messages[0].content[0] of the type input_audio"),
        ({"messages": user({"type": "file", "file": {}})}, "messages[0].content[0] of the type file"),
        (
            {"messages": user({"type": "image_url", "image_url": {"url": "https://a.b/c", "detail": "low"}})},
            "“messages[0].content[0].image_url.detail”",
        ),
        ({"messages": [{"role": "user", "content": "a", "name": "Ann"}]}, "“messages[0].name”"),
        ({"messages": [{"role": "function", "name": "f", "content": "a"}]}, "messages[0] of the role function"),
        ({"messages": [*OPENAI_HELLO, {"role": "system", "content": "a"}]}, "messages[1] of the role system"),
        ({"messages": [*OPENAI_HELLO, {"role": "assistant", "content": "The"}]}, "a last message of the assistant"),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "“messages[0].audio”"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {}}]}]},
            "messages[0].tool_calls[0] of the type custom",
        ),
    ],
)
def test_what_openai_callers_cannot_have_elsewhere_is_refused_by_name(fields: dict[str, object], named: str) -> None:
    with pytest.raises(ProviderError) as raised:
        read_openai(**fields)
    assert raised.value.kind is ErrorKind.UNSUPPORTED
    assert named in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"top_k": 5}, "“top_k”"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "“thinking”"),
        ({"service_tier": "standard_only"}, "“service_tier”"),
        ({"container": "c"}, "“container”"),
        ({"cache_control": {"type": "ephemeral"}}, "“cache_control”"),
        ({"output_config": {"effort": "low"}}, "“output_config.effort”"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0] of the type web_search_20250305"),
        ({"tools": [{"name": "t", "input_schema": {}, "defer_loading": True}]}, "“tools[0].defer_loading”"),
        ({"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}, "“system[0].cache_control”"),
        ({"messages": user({"type": "document", "source": {}})}, "messages[0].content[0] of the type document"),
        ({"messages": user({"type": "thinking", "thinking": ""})}, "of the type thinking"),
        ({"messages": user({"type": "image", "source": {"type": "file", "file_id": "f"}})}, "of the type file"),
        ({"messages": user({"type": "tool_result", "tool_use_id": "a", "content": [{"type": "image"}]})}, "of the type image"),
        ({"messages": user({"type": "text", "text": "a", "citations": [{}]})}, "“messages[0].content[0].citations”"),
        ({"messages": [*OPENAI_HELLO, {"role": "assistant", "content": "The answer is ("}]}, "a last message of the assistant"),
        ({"messages": [{"role": "system", "content": "a"}]}, "messages[0] of the role system"),
    ],
)
def test_what_anthropic_callers_cannot_have_elsewhere_is_refused_by_name(fields: dict[str, object], named: str) -> None:
    with pytest.raises(ProviderError) as raised:
        read_anthropic(**fields)
    assert raised.value.kind is ErrorKind.UNSUPPORTED
    assert named in raised.value.message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"messages": []}, "“messages” must be"),
        ({"messages": "Hello"}, "“messages” must be a list"),
        ({"messages": ["Hello"]}, "“messages[0]” must be an object"),
        ({"messages": [{"content": "a"}]}, "“messages[0].role” must be given"),
        ({"messages": [{"role": "critic", "content": "a"}]}, "“messages[0].role” must be"),
        ({"messages": [{"role": "user"}]}, "“messages[0].content” must be a text or a list"),
        ({"messages": [{"role": "user", "content": 7}]}, "“messages[0].content” must be a list"),
        ({"temperature": "hot"}, "“temperature” must be a number"),
        ({"temperature": True}, "“temperature” must be a number"),
        ({"max_tokens": 0}, "“max_tokens” must be a whole number of 1 or more"),
        ({"max_tokens": 1.5}, "“max_tokens” must be a whole number"),
        ({"tools": [7]}, "“tools[0]” must be an object"),
        ({"variables": []}, "“variables” must be an object"),
    ],
)
def test_what_is_no_request(fields: dict[str, object], words: str) -> None:
    for read in (read_openai, read_anthropic):
        with pytest.raises(ProviderError) as raised:
            read(**fields)
        assert raised.value.kind is ErrorKind.INVALID_REQUEST
        assert words in raised.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 5, "max_completion_tokens": 6},
        {"stop": ["a", 7]},
        {"tool_choice": "sometimes"},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
        {"messages": [{"role": "tool", "content": "a"}]},
        {"messages": user({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}})},
        {"messages": user({"type": "image_url", "image_url": {"url": "data:image/png,abc"}})},
    ],
)
def test_what_is_no_request_of_openais(fields: dict[str, object]) -> None:
    with pytest.raises(ProviderError) as raised:
        read_openai(**fields)
    assert raised.value.kind is ErrorKind.INVALID_REQUEST


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": None},
        {"tools": [{"name": "t"}]},
        {"tool_choice": {"type": "sometimes"}},
        {"output_config": {"format": {"type": "json_schema"}}},
        {"messages": user({"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}})},
    ],
)
def test_what_is_no_request_of_anthropics(fields: dict[str, object]) -> None:
    with pytest.raises(ProviderError) as raised:
        read_anthropic(**fields)
    assert raised.value.kind is ErrorKind.INVALID_REQUEST


NAMES = """messages role content user assistant system tool type text image_url url function name arguments tool_calls id tools parameters
tool_choice response_format json_schema schema stop max_tokens tool_use tool_result input input_schema source base64 model"""
WORDS = st.sampled_from(NAMES.split())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS | st.text(max_size=4)
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=15)


@pytest.mark.parametrize("caller", [OPENAI_CALLER, ANTHROPIC_CALLER], ids=lambda caller: caller.key)
@given(document=ANYTHING | st.fixed_dictionaries({"max_tokens": st.just(1), "messages": st.lists(ANYTHING, max_size=3)}))
def test_any_json_is_a_call_or_a_refusal(caller: CallerFormat, document: object) -> None:
    try:
        call = caller.parse(json.dumps(document).encode())
    except ProviderError as error:
        assert error.kind in (ErrorKind.INVALID_REQUEST, ErrorKind.UNSUPPORTED)  # noqa: PT017 - either is right
    else:
        chat_json(call).encode()


def test_a_body_that_is_nested_too_deeply_is_refused() -> None:
    for caller in (OPENAI_CALLER, ANTHROPIC_CALLER):
        with pytest.raises(ProviderError, match="nested more than 200 levels"):
            caller.parse(b'{"messages":' + b"[" * 300 + b"]" * 300 + b"}")


IDS = st.text("abc123_-", min_size=1, max_size=6)
SAID = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
IMAGES = st.builds(Image, st.sampled_from(["image/png", "image/jpeg"]), st.just(PIXEL)) | st.builds(
    lambda path: Image(url=f"https://example.com/{path}"), IDS
)
RESULTS = st.lists(st.builds(ToolResult, IDS, SAID), max_size=2)
USER_TURNS = st.tuples(RESULTS, st.lists(st.builds(Text, SAID), max_size=1), st.lists(IMAGES, max_size=2)).filter(any)
MODEL_TURNS = st.tuples(
    st.lists(st.builds(Text, SAID), min_size=1, max_size=1), st.lists(st.builds(ToolCall, IDS, IDS, SAID | st.just("{}")), max_size=2)
)
NUMBERS = st.none() | st.integers(0, 2) | st.floats(0, 2)


@st.composite
def calls(draw: st.DrawFn) -> ChatCall:
    turns = []
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message(Role.USER, tuple(part for parts in draw(USER_TURNS) for part in parts)))
        turns.append(Message(Role.ASSISTANT, tuple(part for parts in draw(MODEL_TURNS) for part in parts)))
    tools = draw(
        st.lists(st.builds(Tool, IDS, SAID, st.just({}) | st.just(SCHEMA), st.booleans()), max_size=2, unique_by=lambda tool: tool.name)
    )
    return ChatCall(
        messages=tuple(turns[: 2 * draw(st.integers(1, len(turns) // 2)) - 1]),  # the user has the last word
        system=draw(SAID | st.just("")),
        tools=tuple(tools),
        tool_use=draw(st.none() | st.sampled_from(ToolUse)) if tools else None,
        parallel_tools=draw(st.none() | st.booleans()) if tools else None,
        response_schema=draw(st.none() | st.builds(ResponseSchema, st.just(SCHEMA), IDS, st.booleans())),
        temperature=draw(NUMBERS),
        top_p=draw(NUMBERS),
        max_tokens=draw(st.none() | st.integers(1, 9999)),
        stop=tuple(draw(st.lists(SAID, max_size=2))),
        variables=draw(st.dictionaries(IDS, SAID | st.integers(), max_size=2)),
    )


@given(call=calls())
def test_a_call_that_is_kept_is_read_back_the_same(call: ChatCall) -> None:
    assert OPENAI_CALLER.parse(chat_json(call).encode()) == call


def test_what_keeping_a_call_cannot_keep() -> None:
    call = ChatCall((Message(Role.USER, (ToolResult("c", "gone", is_error=True), Text("a"), Text("b"))),), max_tokens=5, formal_limit=True)
    assert OPENAI_CALLER.parse(chat_json(call).encode()) == ChatCall(
        (Message(Role.USER, (ToolResult("c", "Error: gone"), Text("a\nb"))),), max_tokens=5
    )
    assert chat_json(ChatCall(()), "m") == '{"messages":[],"model":"m"}'  # nonsense is kept, too
    assert merged(TURNS) == list(TURNS)
