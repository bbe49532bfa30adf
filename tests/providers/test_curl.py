"""Paste a cURL command: what curl would send is taken over, or refused with the reason; nothing is guessed (spec 02)."""

import base64
import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.external_models.definition import looks_secret
from apps.providers.curl import import_curl
from apps.providers.imported import ImportedRequest, ImportRefused
from apps.providers.secret_names import holds_credential
from apps.providers.template import PROMPT, SYSTEM_PROMPT, check_template, check_text, parse_template, render, render_text

URL = "https://models.example.com/v1/chat"


def imported(text: str, **answers: str) -> ImportedRequest:
    return import_curl(text, looks_secret=looks_secret, answers=answers)


def headers(request: ImportedRequest) -> dict[str, str]:
    return {header.name: header.prefix + header.value for header in request.headers}


def sent(request: ImportedRequest) -> object:
    return json.loads(render(parse_template(request.literal_body), [PROMPT], {"prompt": "unused"}))


@pytest.mark.parametrize(
    ("options", "method", "url", "found", "body"),
    [
        ("", "GET", URL, {}, None),
        ("-d '{}'", "POST", URL, {}, {}),
        ("-XPUT -d'{\"a\":1}'", "PUT", URL, {}, {"a": 1}),
        ('--request patch --data-raw \'{"a": "@x"}\'', "PATCH", URL, {}, {"a": "@x"}),
        ("-sSLkN --compressed -d '{}'", "POST", URL, {}, {}),
        ("-H'A: b' -H 'C:d' -H 'E: f: g' -H 'H;'", "GET", URL, {"A": "b", "C": "d", "E": "f: g", "H": ""}, None),
        ("-A agent/1 -e http://from --max-time 5 -o out.json", "GET", URL, {"User-Agent": "agent/1", "Referer": "http://from"}, None),
        ("--json '{\"a\":' --json '1}'", "POST", URL, {}, {"a": 1}),
        ("-G -d a=1 --data-urlencode 'b=c d&e' --url-query f=g", "GET", f"{URL}?f=g&a=1&b=c+d%26e", {}, None),
        ("-u name:pass", "GET", URL, {"Authorization": "Basic " + base64.b64encode(b"name:pass").decode()}, None),
        ("-b session=1", "GET", URL, {"Cookie": "session=1"}, None),
        ("--oauth2-bearer abc", "GET", URL, {"Authorization": "Bearer abc"}, None),
        ("-H 'Host: other' -H 'Content-Length: 3' -H 'X: y'", "GET", URL, {"X": "y"}, None),
        ('-d \'{"a": [1, 2,], "b": ",]",}\'', "POST", URL, {}, {"a": [1, 2], "b": ",]"}),
        ('-d @- <<EOF\n{"a": "b",\n"c": 1}\nEOF', "POST", URL, {}, {"a": "b", "c": 1}),
        ("-d '{\"a\":\"{{b}}\"}' -d ''", None, None, None, "not JSON"),
    ],
)
def test_what_curl_would_send(options: str, method: str | None, url: str, found: dict[str, str], body: object) -> None:
    command = f"curl {URL} {options}"
    if method is None:
        with pytest.raises(ImportRefused, match=str(body)):
            imported(command)
        return
    request = imported(command)
    assert (request.method, request.url) == (method, url)
    assert headers(request) == found
    assert (sent(request) if request.body else None) == body


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "begins with “curl”"),
        ("wget http://h", "wget"),
        ("export KEY=abc", "sets a variable"),
        ("KEY=abc curl http://h", "sets a variable"),
        ("curl", "no address"),
        ("curl -d '{}'", "no address"),
        ("curl ''", "empty"),
        ("curl http://a http://b", "second address"),
        ("curl http://a -H", "needs a value"),
        ("curl http://a --colour red", "--colour"),
        ("curl http://a -sR", "-R"),
        ("curl http://a --request=POST", "no “=”"),
        ("curl http://a \u2013d x", "typographic dash"),
        ("curl http://a -d @body.json", "file of your computer"),
        ("curl http://a -d @-", "typed or piped"),
        ("curl http://a --data-urlencode a@file", "file of your computer"),
        ("curl http://a -H @headers", "file of your computer"),
        ("curl http://a -b cookies.txt", "file of your computer"),
        ("curl http://a -K config", "file of your computer"),
        ("curl http://a -T file", "file of your computer"),
        ("curl http://a -F a=b", "custom integration sends JSON"),
        ("curl http://a -d a=b -d c=d", "form data"),
        ("curl http://a -d 'hello'", "not JSON"),
        ('curl http://a -d \'{"a": 1, "a": 2}\'', "stands twice"),
        ("curl http://a -d '{\"a\": NaN}'", "NaN"),
        ("curl http://a --json '" + "[" * 5000 + "]" * 5000 + "'", "nested"),
        ("curl http://a --aws-sigv4 aws:amz:us-east-1:bedrock", "Amazon Bedrock"),
        ("curl http://a -I", "no answer"),
        ("curl http://a -X DELETE", "DELETE"),
        ("curl http://a --next http://b", "several requests"),
        ("curl http://a --digest -u a:b", "basic authentication"),
        ("curl http://a -u name", "no password"),
        ("curl http://a -H nonsense", "no colon"),
        ("curl http://a -H 'A: b' -H 'a: c'", "twice"),
        ("curl ftp://a", "http and https"),
        ("curl 'http://a b'", "blank"),
        ("curl 'http://a/{x,y}'", "several requests"),
        ("curl 'http://a/[1-9]'", "several requests"),
        ("curl http://a <<EOF\nx\nEOF", "here-document"),
        ("curl http://a -H 'A: b' > out", "redirected"),
    ],
)
def test_refused_with_the_reason(command: str, said: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        imported(command)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("header", "name", "prefix", "value", "asked"),
    [
        ("Authorization: Bearer sk-abc", "Authorization", "Bearer ", "sk-abc", None),
        ("authorization: abc", "authorization", "", "abc", None),
        ("X-Api-Key: abc def", "X-Api-Key", "", "abc def", None),
        ("Authorization: Bearer <token>", "Authorization", "Bearer ", "", "token"),
        ("Authorization: Bearer <YOUR API KEY>", "Authorization", "Bearer ", "", "YOUR_API_KEY"),
        ("Authorization: Bearer {api_key}", "Authorization", "Bearer ", "", "api_key"),
        ("Authorization: Bearer {{ API_KEY }}", "Authorization", "Bearer ", "", "API_KEY"),
        ("Authorization: Bearer your-api-key", "Authorization", "Bearer ", "", "your_api_key"),
        ("Authorization: Bearer HF_TOKEN", "Authorization", "Bearer ", "", "HF_TOKEN"),
        ("Authorization: Bearer sk-...", "Authorization", "Bearer ", "", "AUTHORIZATION"),
        ("X-Api-Key: xxxxxxxx", "X-Api-Key", "", "", "X_API_KEY"),
        ("Authorization: Token token=<key>", "Authorization", "Token ", "", "key"),
    ],
)
def test_a_key_and_what_only_stands_in_for_one(header: str, name: str, prefix: str, value: str, asked: str | None) -> None:
    request = imported(f"curl {URL} -H {shlex.quote(header)}")
    (found,) = request.headers
    assert (found.name, found.prefix, found.value, found.secret) == (name, prefix, value, True)
    assert [question.name for question in request.questions] == ([asked] if asked else [])
    assert all(question.secret and question.header == name for question in request.questions)


@pytest.mark.parametrize("key", ["sk-abXXXXcdefghijklmnop", "AKIAKEYTOKEN1234", "abc...defghijklmnop", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"])
def test_a_key_that_only_looks_a_little_like_a_stand_in_is_a_key(key: str) -> None:
    request = imported(f"curl {URL} -H 'X-Api-Key: {key}'")
    assert request.questions == ()
    assert request.secrets == (key,)


def test_a_key_in_the_body_is_not_taken_over() -> None:
    """A definition's body is stored in the open (07 A1)."""
    request = imported(f"""curl {URL} -d '{{"prompt": "Hi", "auth": {{"api_key": "sk-planted"}}, "max_tokens": 5}}'""")
    assert sent(request) == {"prompt": "Hi", "auth": {"api_key": ""}, "max_tokens": 5}
    assert any("“api_key”" in note for note in request.notes)
    assert "sk-planted" not in request.body + request.literal_body


def test_no_stream_is_asked_for() -> None:
    request = imported(f'curl {URL} -N -H \'Accept: text/event-stream\' -d \'{{"stream": true, "prompt": "Hi"}}\'')
    assert request.headers == ()
    assert sent(request) == {"stream": False, "prompt": "Hi"}


def test_an_answer_stands_where_the_placeholder_stood() -> None:
    request = imported(f"curl {URL} -H 'Authorization: Token token=<key>' -H \"X-Org: org-$ORG\"", key="abc", ORG="7")
    assert headers(request) == {"Authorization": "Token token=abc", "X-Org": "org-7"}
    assert request.questions == ()


def test_a_name_and_password_that_are_placeholders() -> None:
    command = f'curl {URL} -u "$NAME:$PASSWORD"'
    assert [question.name for question in imported(command).questions] == ["NAME", "PASSWORD"]
    request = imported(command, NAME="a", PASSWORD="b")
    assert headers(request) == {"Authorization": "Basic " + base64.b64encode(b"a:b").decode()}


@pytest.mark.parametrize(
    ("url", "result", "parameters", "asked"),
    [
        ("https://api.example.com/v1/{model}/run", "https://api.example.com/v1/{model}/run", ["model"], []),
        ("https://{{host}}/v1", "https://{{host}}/v1", [], ["host"]),
        ("https://<region>.example.com/<model id>", "https://{region}.example.com/{model_id}", ["region", "model_id"], []),
        ("https://your-name.example.com/x?v=<version>", "https://{your_name}.example.com/x?v={version}", ["your_name", "version"], []),
        ("localhost:8000/v1", "http://localhost:8000/v1", [], []),
        ("https://h/a#b", "https://h/a", [], []),
        ("https://example.com:<port>/a", "https://example.com:<port>/a", [], ["port"]),
        ("https://my-name.example.com/", "https://my-name.example.com/", [], []),
    ],
)
def test_placeholders_in_the_address(url: str, result: str, parameters: list[str], asked: list[str]) -> None:
    request = imported(f"curl '{url}'")
    assert request.url == result
    assert [name for name, _ in request.parameters] == parameters
    assert [question.name for question in request.questions] == asked


@pytest.mark.parametrize("key", ["sk-planted", "<key>", "$KEY"])
def test_a_key_in_the_address_is_never_kept_there(key: str) -> None:
    request = imported(f"curl 'https://models.example.com/v1?a=1&api_key={key}'")
    assert request.url == "https://models.example.com/v1?a=1"
    assert "authorization profile" in request.needs_profile
    assert "sk-planted" not in repr(request)
    assert request.secrets == (("sk-planted",) if key == "sk-planted" else ("$KEY",) if key == "$KEY" else ())


def test_a_name_and_password_in_the_address_become_a_header() -> None:
    request = imported("curl https://na%40me:pass@models.example.com/v1")
    assert request.url == "https://models.example.com/v1"
    assert headers(request) == {"Authorization": "Basic " + base64.b64encode(b"na@me:pass").decode()}


BODIES = [
    ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]}, ["c"]),
    ({"system": [{"type": "text", "text": "s"}], "messages": [{"role": "user", "content": [{"type": "text", "text": "c"}]}]}, ["s", "c"]),
    ({"system": [{"text": "s"}], "messages": [{"role": "user", "content": [{"text": "c"}]}]}, ["s", "c"]),
    ({"messages": [{"role": "user", "content": {"type": "text", "text": "c"}}]}, ["c"]),
    ({"messages": [{"role": "assistant", "content": "b"}]}, []),
    ({"prompt": "p", "system": "s"}, ["s", "p"]),
    ({"prompt": ["p"]}, ["p"]),
    ({"prompt": "p", "input": "q"}, []),
    ({"input": {"prompt": "p"}, "version": "1"}, ["p"]),
    ({"instances": [{"prompt": "p"}], "parameters": {}}, ["p"]),
    ({"input": [{"role": "developer", "content": "s"}, {"role": "user", "content": [{"type": "input_text", "text": "c"}]}]}, ["s", "c"]),
    ({"question": "q", "user_id": 7}, ["q"]),
    ({"text_inputs": "q"}, []),
    ([1, 2], []),
]


@pytest.mark.parametrize(("body", "texts"), BODIES)
def test_the_message_text_is_recognized_or_left_alone(body: object, texts: list[str]) -> None:
    request = imported(f"curl {URL} -d {shlex.quote(json.dumps(body))}")
    assert [replacement.text for replacement in request.replacements] == texts
    values = {replacement.placeholder: replacement.text for replacement in request.replacements}
    template, problems = check_template(request.body, [PROMPT, SYSTEM_PROMPT])
    assert template is not None
    assert [problem for problem in problems if problem.severity == "error"] == []
    assert json.loads(render(template, [PROMPT, SYSTEM_PROMPT], {"prompt": "x", **values})) == body


def test_placeholders_in_a_body_are_asked_for_and_a_replaced_one_is_not() -> None:
    command = f"""curl {URL} -d '{{"model": "<string>", "n": '$N', "messages": [{{"role": "user", "content": "'"$PROMPT"'"}}]}}'"""
    assert [question.name for question in imported(command).questions] == ["N", "PROMPT"]
    request = imported(command, N="3")
    assert [question.name for question in request.questions] == ["model"]
    assert [replacement.text for replacement in request.replacements] == ["$PROMPT"]
    request = imported(command, N="3", model='a "b" {{c}}')
    assert request.questions == ()
    assert sent(request) == {"model": 'a "b" {{c}}', "n": 3, "messages": [{"role": "user", "content": "$PROMPT"}]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["{{a}}", "\\{{", "{{{", "}}", "\\", "<mask>", "$X"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["a", "b {{", "messages", "temperature"]), JSON))
def test_any_body_comes_through_exactly(body: dict[str, object]) -> None:
    """Whatever stands in the strings, Undo sends what was pasted; `{{` is escaped, not taken for a variable."""
    text = json.dumps(body, ensure_ascii=False)
    request = imported(f"curl {URL} -d {shlex.quote(text)}")
    if not request.questions and "stream" not in body:
        assert sent(request) == body


HEADER = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1).map(str.strip).filter(bool)


@given(HEADER, HEADER)
def test_any_header_value_comes_through_exactly(plain: str, secret: str) -> None:
    request = imported(f"curl {URL} -H {shlex.quote('X-Plain: ' + plain)} -H {shlex.quote('X-Api-Key: ' + secret)}")
    if request.questions:
        return  # it looks like a placeholder
    by_name = {header.name: header for header in request.headers}
    assert check_text(by_name["X-Plain"].value, []) == []
    assert render_text(by_name["X-Plain"].value, [], {}) == plain
    assert by_name["X-Api-Key"].value == secret


@given(st.text())
def test_any_text_is_taken_or_refused(text: str) -> None:
    for command in (text, "curl " + text, f"curl {URL} -d {text}"):
        try:
            imported(command)
        except ImportRefused:
            continue


@pytest.mark.parametrize("name", ["key", "token", "secret", "password", "Signature", "x-api-key", "clientSecret", "openaiApiKey"])
def test_one_rule_says_which_names_hold_a_credential(name: str) -> None:
    """07 A1: in the address and in the body a key would be stored in the open; the rule is the headers' own."""
    request = imported(f"""curl '{URL}?a=b&{name}=sk-planted-1' -d '{{"prompt": "Hi", "{name}": "sk-planted-2"}}'""")
    assert "sk-planted" not in request.url + request.body + request.literal_body
    assert request.needs_profile
    assert request.secrets == ("sk-planted-1", "sk-planted-2")
    header = import_curl(f"curl {URL} -H '{name}: sk-planted-3'", looks_secret=holds_credential).headers[0]
    assert (header.secret, header.value) == (True, "sk-planted-3")


@pytest.mark.parametrize("name", ["prompt_cache_key", "max_tokens", "eos_token", "pageToken", "monkey"])
def test_a_name_that_only_sounds_like_a_credential_stays(name: str) -> None:
    request = imported(f"""curl '{URL}?{name}=a' -d '{{"prompt": "Hi", "{name}": "b"}}'""")
    assert request.url == f"{URL}?{name}=a"
    assert sent(request) == {"prompt": "Hi", name: "b"}
    assert request.secrets == ()
