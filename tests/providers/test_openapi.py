"""Import an OpenAPI document: 3.0 and 3.1, JSON and YAML, and one operation of it as a request (spec 02; issue 3)."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from apps.external_models.definition import looks_secret
from apps.providers.imported import ImportedHeader, ImportedRequest, ImportRefused, Question, ReadingPaths
from apps.providers.openapi import OpenApiDocument, import_operation, read_openapi, servers_of
from apps.providers.template import PROMPT, check_template, parse_template, render
from apps.providers.yaml_load import load_document

FOLDER = Path(__file__).parent / "openapi"
ANSWER = "POST /models/{model}/answer"
CHAT = "POST /chat/completions"


def nimbus() -> OpenApiDocument:
    return read_openapi((FOLDER / "chat_3_0.yaml").read_text())


def chat() -> OpenApiDocument:
    return read_openapi((FOLDER / "chat_3_1.json").read_text())


def imported(document: OpenApiDocument, key: str, server: str = "", **answers: str) -> ImportedRequest:
    return import_operation(document, key, looks_secret=looks_secret, server=server, answers=answers)


def body(request: ImportedRequest) -> Any:
    template, problems = check_template(request.body, [PROMPT])
    assert template is not None
    assert [problem for problem in problems if problem.severity == "error"] == []
    return json.loads(render(template, [PROMPT], {"prompt": "Hi"}))


def test_the_operations_of_a_document() -> None:
    document = nimbus()
    assert (document.title, document.version, document.has_more) == ("Nimbus models", "3.0.3", False)
    assert [(operation.key, operation.summary, operation.operation_id) for operation in document.operations] == [
        (ANSWER, "Answer one question", "answer"),
        ("GET /models", "List the models", ""),
        ("POST /files", "Upload a file", ""),
    ]
    assert servers_of(document, ANSWER) == ("https://{region}.nimbus.example/v1", "https://sandbox.nimbus.example/v1")


def test_an_operation_with_references_parameters_and_an_example() -> None:
    request = imported(nimbus(), ANSWER)
    assert request.method == "POST"
    assert request.url == "https://{region}.nimbus.example/v1/models/{model}/answer?api-version={api_version}"
    assert request.parameters == (("region", "eu"), ("model", "nimbus-large"), ("api_version", "2026-09-01"))
    assert [(header.name, header.value, header.secret) for header in request.headers] == [
        ("X-Api-Key", "", True),
        ("X-Tenant", "", False),
        ("X-Mode", "fast", False),
    ]
    assert body(request) == {"question": "Hi", "temperature": 0.2}
    assert [replacement.text for replacement in request.replacements] == ["What is a cloud?"]
    assert request.paths == ReadingPaths("result.text", "usage.input_tokens", "usage.output_tokens")
    assert [(question.written, question.place, question.secret) for question in request.questions] == [
        ("apiKey", "the header X-Api-Key", True),
        ("X-Tenant", "the header X-Tenant", False),
    ]
    assert any("oauth; apiKey" in note for note in request.notes)
    assert any("trace" in note for note in request.notes)
    assert not request.needs_profile  # of the two ways to authorize, the one that a header can carry


def test_another_server_and_answers() -> None:
    request = imported(nimbus(), ANSWER, "https://sandbox.nimbus.example/v1", auth_apiKey="sk-planted", header_X_Tenant="acme")
    assert request.url.startswith("https://sandbox.nimbus.example/v1/models/")
    assert request.headers[:2] == (ImportedHeader("X-Api-Key", "sk-planted", True), ImportedHeader("X-Tenant", "acme"))
    assert request.questions == ()
    assert request.secrets == ("sk-planted",)
    assert "sk-planted" not in repr(request)


def test_a_body_made_from_a_schema_of_3_1() -> None:
    """Required members only, the user's message of several kinds, null types, and a schema that contains itself."""
    request = imported(chat(), CHAT)
    assert request.url == "https://chat.example.com/v1/chat/completions"
    assert body(request) == {
        "model": "chat-1",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 16,
        "parent": None,
        "options": {"flag": False, "when": "2026-01-31"},
    }
    assert request.headers == (ImportedHeader("Authorization", "", True, "Bearer "),)
    assert request.questions == (Question("auth_token", "token", "the header Authorization", "Authorization", "Bearer ", True),)
    assert request.paths.output == "choices[0].message.content"


def test_json_and_yaml_say_the_same() -> None:
    text = (FOLDER / "chat_3_0.yaml").read_text()
    as_json = json.dumps(load_document(text))
    assert read_openapi(as_json) == read_openapi(text)


def small(**changes: Any) -> dict[str, Any]:
    return {"openapi": "3.0.0", "servers": [{"url": "https://h.example"}], "paths": {"/a": {"post": {}}}} | changes


def of(document: dict[str, Any], key: str = "POST /a", **answers: str) -> ImportedRequest:
    return imported(read_openapi(json.dumps(document)), key, **answers)


@pytest.mark.parametrize(
    ("servers", "answers", "url", "asked"),
    [
        ([], {}, "https://server.example.com/a", ["server_address"]),
        ([{"url": "/v2/"}], {}, "https://server.example.com/v2/a", ["server_address"]),
        ([{"url": "/v2/"}], {"server_address": "https://real.example/"}, "https://real.example/v2/a", []),
        ([{"url": "https://h.example/"}], {}, "https://h.example/a", []),
        ([{"url": "https://{host}/x", "variables": {"host": {"default": "real.example"}}}], {}, "https://real.example/x/a", []),
        ([{"url": "{scheme}://h.example", "variables": {"scheme": {"default": "https"}}}], {}, "https://h.example/a", []),
        ([{"url": "https://h.example:{port}", "variables": {"port": {"default": "8443"}}}], {}, "https://h.example:8443/a", []),
        ([{"url": "https://h.example/{stage}", "variables": {"stage": {"default": "v3"}}}], {}, "https://h.example/{stage}/a", []),
    ],
)
def test_servers(servers: list[Any], answers: dict[str, str], url: str, asked: list[str]) -> None:
    request = of(small(servers=servers), **answers)
    assert request.url == url
    assert [question.name for question in request.questions] == asked


def test_the_operation_s_own_servers_and_parameters_come_first() -> None:
    item = {
        "servers": [{"url": "https://item.example"}],
        "parameters": [{"name": "v", "in": "query", "required": True, "example": 1}],
        "post": {
            "servers": [{"url": "https://operation.example"}],
            "parameters": [{"name": "v", "in": "query", "required": True, "example": 2}],
        },
    }
    request = of(small(paths={"/a": item}))
    assert request.url == "https://operation.example/a?v={v}"
    assert request.parameters == (("v", "2"),)


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ({"type": "oauth2", "flows": {}}, "OAuth 2.0"),
        ({"type": "openIdConnect", "openIdConnectUrl": "https://h.example"}, "OpenID Connect"),
        ({"type": "apiKey", "in": "query", "name": "key"}, "in the address"),
        ({"type": "apiKey", "in": "cookie", "name": "key"}, "cookie"),
        ({"type": "http", "scheme": "basic"}, "Basic"),
        ({"type": "mutualTLS"}, "client certificate"),
        ({"type": "http", "scheme": "digest"}, "not known"),
    ],
)
def test_a_scheme_that_no_header_can_carry_needs_a_profile(scheme: dict[str, Any], words: str) -> None:
    request = of(small(security=[{"s": []}], components={"securitySchemes": {"s": scheme}}))
    assert words in request.needs_profile
    assert "authorization profile" in request.needs_profile
    assert request.headers == ()


def test_a_header_that_is_secret_by_its_name() -> None:
    parameters = [{"name": "X-Api-Key", "in": "header", "required": True, "schema": {"type": "string", "example": "sk-documented"}}]
    request = of(small(paths={"/a": {"post": {"parameters": parameters}}}))
    assert request.headers == (ImportedHeader("X-Api-Key", "", True),)
    assert [question.secret for question in request.questions] == [True]


def test_texts_that_nothing_is_known_of_are_asked_for() -> None:
    schema = {"type": "object", "required": ["model", "prompt"], "properties": {"model": {"type": "string"}, "prompt": {"type": "string"}}}
    document = small(paths={"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}})
    request = of(document)
    assert [(question.name, question.place) for question in request.questions] == [("model", "“model” in the body")]
    assert body(of(document, model="m-1")) == {"model": "m-1", "prompt": "Hi"}
    assert json.loads(render(parse_template(of(document, model="m-1").literal_body), [], {})) == {"model": "m-1", "prompt": "<prompt>"}


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefg"))
DEEP = "a0: &a0 " + "[" * 150 + "]" * 150 + "".join(f"\na{n + 1}: &a{n + 1} " + "[" * 150 + f"*a{n}" + "]" * 150 for n in range(8))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("just text", "no “openapi”"),
        ("[1]", "no “openapi”"),
        ('{"swagger": "2.0"}', "Swagger 2.0"),
        ("openapi: 2.0", "OpenAPI 2.0 is not read"),
        ("openapi: 4.0.0", "not read"),
        ("openapi: 3.0.0", "no operation"),
        ("openapi: 3.0.0\npaths: [a]", "no operation"),
        ("openapi: 3.0.0\npaths: {/a: {delete: {}}}", "no operation"),
        ("openapi: 3.0.0\nopenapi: 3.1.0", "stands twice"),
        ('{"openapi": "3.0.0", "openapi": "3.1.0"}', "stands twice"),
        ("openapi: 3.0.0\n---\nopenapi: 3.0.0", "several documents"),
        ("a: [b", "neither JSON nor YAML"),
        ("openapi: !!python/object/apply:os.system [id]", "tag"),
        ("openapi: !custom 3.0.0", "tag"),
        ("? [a]\n: b", "key has to be text"),
        ("a: &a [*a]", "contains itself"),
        ("a: *b", "no anchor"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: 'https://evil.example/paths.yaml#/a'}}", "https://evil.example/paths.yaml#/a"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: './paths.yaml'}}", "./paths.yaml"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: '#/paths/~1a'}}", "leads back to itself"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: '#/components/nothing'}}", "points nowhere"),
        ("x: " * 10 + "\n" + "[" * 100_000, "neither JSON nor YAML"),
        ("[" * 100_000, "nested more than 200"),
        ('{"a":' * 100_000, "nested more than 200"),
        (json.dumps([0] * 50_000), "more than 50,000 values"),
        ("[" + "{}," * 50_000 + "{}]", "more than 50,000 values"),
        (DEEP, "nested more than 200"),
        (LAUGHS, "more than 50,000 values"),
        ("a: " + "x" * (2 << 20), "larger than 2 MiB"),
    ],
)
def test_a_document_that_is_refused(text: str, said: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        read_openapi(text)
    assert said in str(caught.value)


def test_what_yaml_means_by_its_core_schema() -> None:
    text = "a: no\nb: 2026-01-01\nc: 0x1F\nd: 1_000\n200: e\nf: ~\ng: .5\nh: '5'\ni: !!str 5\nj: &x {k: 1}\nl: {<<: *x, m: 2}\nn: 1e400"
    assert load_document(text) == {
        "a": "no", "b": "2026-01-01", "c": 31, "d": "1_000", "200": "e", "f": None, "g": 0.5, "h": "5", "i": "5",
        "j": {"k": 1}, "l": {"k": 1, "m": 2}, "n": "1e400",
    }  # fmt: skip


def test_a_great_many_operations_are_cut() -> None:
    paths = {f"/{number}": {"post": {}} for number in range(20_000)}
    document = read_openapi(json.dumps(small(paths=paths), separators=(",", ":")))
    assert len(document.operations) == 1000
    assert document.has_more


def refs_of(schema: Any, **schemas: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    operation = {"requestBody": {"content": content}, "responses": {"200": {"content": content}}}
    return small(paths={"/a": {"post": operation}}, components={"schemas": schemas})


def to(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def nested(key: str, leaf: Any) -> dict[str, Any]:
    return {key: [{key: [{key: [leaf] * 40}] * 40}] * 40}


ITSELF = {"$ref": "#/paths/~1a/post/requestBody/content/application~1json/schema"}
LAYERS = {f"S{number}": an_object(**dict.fromkeys("abcdefgh", to(f"S{number + 1}"))) for number in range(30)}
WRONG = {"parameters": [None, 1, {"name": 3}, {"in": "query"}], "security": ["x", {"y": 1}], "responses": [], "requestBody": 7}
SCHEMES = {f"s{number}": {"type": "apiKey", "in": "header", "name": f"x{number}"} for number in range(5_000)}


@pytest.mark.parametrize(
    "document",
    [
        refs_of(to("A"), A=an_object(b=to("B"), c=to("B")), B=an_object(a=to("A"), d=to("B"))),
        refs_of(to("S0"), **LAYERS, S30={"type": "string"}),
        refs_of(nested("allOf", {"type": "object"})),
        refs_of(nested("oneOf", {"type": "null"})),
        refs_of(an_object(**{f"p{number}": {"type": "string"} for number in range(20_000)})),
        refs_of({"type": "array", "items": {"type": "array", "items": ITSELF}}),
        refs_of({"type": {"a": 1}, "required": "x", "properties": [1], "enum": "abc", "items": 3, "anyOf": {}}),
        refs_of({"$ref": 5}),
        refs_of({"$ref": {"$ref": "#"}}),
        refs_of(to("A"), A={f"x-{number}": 1 for number in range(40_000)} | {"allOf": [{"type": "object"}, to("A")]}),
        refs_of({"type": "array", "items": {"enum": ["x"] * 45_000}}),
        refs_of({"example": [{"a": "x"}] * 24_000}),
        refs_of({"example": {"\0": "\0model\0", "prompt": "\0"}}),
        small(paths={"/\0a\0": {"post": {}}, "/a": {"post": {"parameters": [{"name": "\0x\0", "in": "query", "required": True}]}}}),
        small(servers=[{"url": "https://\0h\0.example"}]),
        small(security=[{name: [] for name in SCHEMES}], components={"securitySchemes": SCHEMES}),
        small(paths={"/a": {"post": WRONG}}),
        small(security=[{"s": []}], components={"securitySchemes": {"s": {"$ref": "#/components/securitySchemes/s"}}}),
    ],
)
def test_a_hostile_document_is_cut_or_refused(document: dict[str, Any]) -> None:
    """Cycles, fan-outs of 8^30 values, thousands of members, and every type in the wrong place."""
    try:
        request = of(document)
    except ImportRefused:
        return
    assert len(request.body) < 200_000


def test_an_operation_that_is_not_there_or_takes_no_json() -> None:
    with pytest.raises(ImportRefused, match="Choose one"):
        imported(nimbus(), "POST /nowhere")
    with pytest.raises(ImportRefused, match="multipart/form-data"):
        imported(nimbus(), "POST /files")
    with pytest.raises(ImportRefused, match="Choose one"):
        imported(nimbus(), "DELETE /files")


def test_a_great_many_ways_to_authorize_at_once_are_refused() -> None:
    with pytest.raises(ImportRefused, match="more than 200 ways"):
        of(small(security=[{name: [] for name in SCHEMES}], components={"securitySchemes": SCHEMES}))
