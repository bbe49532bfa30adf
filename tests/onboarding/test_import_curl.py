"""Spec 02, *Paste a cURL command*: from the command to a filled-in page, keys sealed on the way and never shown again (07 A1, A6)."""

from html import unescape
from typing import Any

import pytest
from django.test import Client

from apps.inference.models import TestRun, TypedSecret
from apps.providers.shell_words import MAX_COMMAND
from tests.conftest import ClientFor
from tests.onboarding.conftest import KEY
from tests.support.cast import Cast
from tests.support.provider import DEMO_KEYS, RunningProvider
from tests.support.sheet import Sheet

URL = "/w/harbor/models/new/custom/curl/"
CHAT_KEY = DEMO_KEYS["openai"].accepted
PLANTED = "sk-planted-0123456789abcdef"


@pytest.fixture
def adam(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.adam)


def command(provider: RunningProvider, key: str = "$OPENAI_API_KEY") -> str:
    """OpenAI's own example with another host, as a browser posts it: lines end with CR LF."""
    return f"""curl {provider.url}/openai/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer {key}" \\
  -d '{{
    "model": "gpt-4o-mini",
    "messages": [
      {{"role": "developer", "content": "You are a helpful assistant."}},
      {{"role": "user", "content": "Hello {{{{name}}}}!"}}
    ]
  }}'""".replace("\n", "\r\n")


def paste(client: Client, text: str, **more: str) -> tuple[int, str]:
    response: Any = client.post(URL, {"command": text, **more})
    return response.status_code, response.content.decode()


def filled(client: Client, text: str, **more: str) -> Sheet:
    """The page that a paste fills in."""
    sheet = Sheet(client)
    sheet._read(client.post(URL, {"command": text, **more}), whole_page=True)
    return sheet


def test_a_placeholder_is_asked_for_and_then_the_page_is_filled_in(adam: Client, allowed: RunningProvider) -> None:
    """Spec 02: method, URL, headers, secret and body are taken from it; the message text becomes placeholders."""
    status, html = paste(adam, command(allowed))
    assert status == 200
    assert "$OPENAI_API_KEY" in html
    assert "This goes into the header Authorization, after “Bearer”." in unescape(html)
    assert 'type="password" name="a-OPENAI_API_KEY"' in html

    sheet = filled(adam, command(allowed), **{"a-OPENAI_API_KEY": CHAT_KEY})
    assert sheet.status == 200
    assert sheet.fields["url"] == f"{allowed.url}/openai/v1/chat/completions"
    assert (sheet.fields["method"], sheet.fields["name"]) == ("POST", "gpt-4o-mini")
    assert (sheet.fields["h-0-key"], sheet.fields["h-0-value"]) == ("Content-Type", "application/json")
    assert (sheet.fields["h-1-key"], sheet.fields["h-1-lead"], sheet.fields.get("h-1-value", "")) == ("Authorization", "Bearer ", "")
    assert '"{{prompt}}"' in sheet.fields["body"]
    assert '"{{system_prompt}}"' in sheet.fields["body"]
    assert sheet.fields["use_system_prompt"] == "on"
    assert sheet.fields["output_path"] == "choices[0].message.content"
    assert "“Hello {{name}}!” became {{prompt}}." in sheet.text
    assert "“You are a helpful assistant.” became {{system_prompt}}." in sheet.text
    assert CHAT_KEY not in sheet.seen
    assert [secret.name for secret in TypedSecret.objects.all()] == ["authorization"]

    sheet.test(prompt="Say hello")
    assert "200 OK" in sheet.text
    assert allowed.recorded[-1].request.header("authorization") == f"Bearer {CHAT_KEY}"
    assert "became {{prompt}}" in sheet.text  # the note stays with the page
    sheet.save("confirm")
    assert sheet.location == "/w/harbor/models/"
    assert CHAT_KEY not in sheet.seen


def test_a_pasted_key_is_sealed_and_used_without_being_asked_for(adam: Client, allowed: RunningProvider) -> None:
    sheet = filled(adam, command(allowed, CHAT_KEY))
    assert sheet.status == 200
    assert sheet.fields["h-1-lead"] == "Bearer "
    assert CHAT_KEY not in sheet.seen
    sheet.test(prompt="Say hello")
    assert "200 OK" in sheet.text
    assert CHAT_KEY not in sheet.seen


@pytest.mark.parametrize("scripts", [False, True])
def test_undo_puts_the_literal_texts_back(adam: Client, allowed: RunningProvider, scripts: bool) -> None:
    """Spec 02: shown, undoable; a literal “{{” in it stays one."""
    sheet = filled(adam, command(allowed, CHAT_KEY))
    sheet.scripts = scripts
    sheet.fill(name="Mine").press("undo_import")
    assert sheet.status == 200
    assert '"content": "Hello \\{{name}}!"' in sheet.fields["body"]
    assert "{{prompt}}" not in sheet.fields["body"]
    assert sheet.fields["use_system_prompt"] == ""
    assert sheet.fields["name"] == "Mine"
    assert "became" not in sheet.text
    sheet.press("sample")
    assert sheet.status == 200, sheet.text


@pytest.mark.parametrize("said", ["[" * 200_000, "[" * 150 + "]" * 150, "{", "1", '[{"a": 1}]'])
def test_a_note_that_somebody_else_wrote_breaks_nothing(adam: Client, allowed: RunningProvider, said: str) -> None:
    """The note of an import travels in a hidden field."""
    sheet = filled(adam, command(allowed, CHAT_KEY))
    sheet.fill(**{"import-said": said}).press("sample")
    assert sheet.status == 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Paste a curl command."),
        ("wget http://a", "This is a command of wget"),
        ("curl http://a | jq .", "Line 1, column 15: Here a pipe begins"),
        ("curl http://a -d @body.json", "reads a file of your computer"),
    ],
)
def test_a_refused_command_stays_in_its_box(adam: Client, text: str, said: str) -> None:
    status, html = paste(adam, text)
    assert status == 422
    assert said in unescape(html)
    assert f">\n{text}</textarea>" in unescape(html)


@pytest.mark.parametrize(
    "text",
    [
        f'curl http://a -H "Authorization: Bearer {PLANTED}" | jq .',
        f"curl http://a -H 'x-api-key:{PLANTED}' --nonsense",
        f"curl 'http://a?api_key={PLANTED}' | jq",
        f"curl http://name:{PLANTED}@a | jq",
        f"curl http://a -u name:{PLANTED} | jq",
        f"curl http://a -u{PLANTED}: | jq",
        f"curl http://a -b session={PLANTED} | jq",
        f'curl http://a -d \'{{"token": "{PLANTED}"}}\' | jq',
        f"curl http://a {PLANTED} | jq",
        f'curl http://a -H "Authorization: Bearer {PLANTED}" -d \'{{"model": "<model>"}}\'',
        f'curl http://a -H \'Authorization: Bearer {PLANTED[:9]}\'"{PLANTED[9:]}" -d \'{{"model": "<model>"}}\'',
        f"curl 'http://{{host}}/' -u {PLANTED}:",
        f'curl http://a -d \'{{"model": "<model>", "api_key": "{PLANTED}"}}\'',
        f'curl http://a -d \'{{"model": "<model>", "key": "{PLANTED}"}}\'',
        f'curl http://a -d \'{{"model": "<model>", "a": {{"key": "{PLANTED}-1"}}, "b": {{"key": "{PLANTED}-2"}}}}\'',
        f'curl http://a -d "{{\\"model\\": \\"<model>\\", \\"secret\\": \\"{PLANTED}\\"}}" | jq',
        f"curl http://a -H 'Cookie: a=<id>; s={PLANTED}'",
        f"curl http://a -H 'Cookie: s={PLANTED}; id=<id>' | jq",
        f"curl http://a -b 'id=<id>; s={PLANTED}' | jq",
        f'curl http://a -u "$NAME:{PLANTED}"',
        f'curl http://a -u "$NAME:{PLANTED}" | jq',
        f'curl http://a -H "Authorization: Bearer $P-{PLANTED}"',
        f"curl http://a -H 'x-api-key: '\"$P\"'-{PLANTED}'",
        f"curl http://a/$P -U me:{PLANTED}",
        f"curl http://a/$P -Ume:{PLANTED}",
        f"curl http://a/$P -x http://me:{PLANTED}@proxy:3128",
        f"curl http://a/$P -x me:{PLANTED}@proxy:3128",
        f"curl http://a/$P -d '{{}}' # {PLANTED}",
        f"# the key is correct-horse-{PLANTED}\ncurl http://a/$P",
        f"curl 'http://{{host}}.b/?secret={PLANTED}&x-api-key={PLANTED}&client_secret={PLANTED}'",
        f"curl http://a/$P -H 'x-api-key: {PLANTED}' -H 'x-b-key: {PLANTED}-and-more'",
        f'curl http://a/$P -d \'{{"prompt": "My key is {PLANTED}"}}\'',
        f"curl http://a -H 'Authorization: Bearer {PLANTED}'\0",
        f"curl http://a -H 'Authorization: Bearer {PLANTED}'" + " " * MAX_COMMAND,
    ],
)
def test_a_key_never_comes_back(adam: Client, text: str) -> None:
    """A6: neither in a refusal, nor when something else is asked for."""
    status, html = paste(adam, text)
    assert status in {200, 422}
    assert PLANTED not in html
    assert "<textarea" in html


@pytest.mark.parametrize("secret", ["hunter2horse", "tr0ub4dor&3"])
@pytest.mark.parametrize(
    "text",
    [
        "curl http://a -H 'Cookie: a=<id>; s={}'",
        'curl http://a -u "$NAME:{}"',
        'curl http://a -H "Authorization: Bearer $P-{}"',
        "curl http://a/$P -U 'me:{}'",
        "curl http://a/$P -x 'http://me:{}@proxy:3128'",
        "curl http://a/$P -H 'token: {}' -d '{{\"secret\": \"{}\"}}'",
        "curl http://a/$P # {}",
    ],
)
def test_a_password_that_looks_like_none_never_comes_back_either(adam: Client, text: str, secret: str) -> None:
    """A6: what it is follows from where it stands."""
    status, html = paste(adam, text.replace("{}", secret).replace("{{", "{").replace("}}", "}"))
    assert status == 200
    assert secret not in unescape(html)


def test_two_keys_are_asked_for_apart(adam: Client) -> None:
    """One answer would else go to both places."""
    text = f"curl http://a/$P -H 'x-api-key: {PLANTED}-1' -H 'x-org-token: {PLANTED}-2'"
    _, html = paste(adam, text)
    assert "curl http://a/$P -H 'x-api-key: <KEY>' -H 'x-org-token: <KEY_2>'" in unescape(html)
    assert 'name="a-KEY"' in html
    assert 'name="a-KEY_2"' in html


def test_what_is_no_key_comes_back_as_it_was(adam: Client) -> None:
    """Names of models, placeholders, and options in a message are none."""
    body = '{"model": "gpt-4o-mini-realtime-preview-2024-12-17", "prompt": "git push -u origin"}'
    text = f"curl http://a/$P -H \"x-api-key: $KEY\" -d '{body}'"
    status, html = paste(adam, text)
    assert status == 200
    assert text in unescape(html)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"curl http://a -H 'x-api-key: {PLANTED}'\0", "holds a NUL character"),
        ("curl http://a -d '" + "A" * MAX_COMMAND + "'", "longer than 65,536 characters. If it holds an image"),
    ],
)
def test_what_cannot_be_read_at_all_is_not_shown_again(adam: Client, text: str, said: str) -> None:
    status, html = paste(adam, text)
    assert status == 422
    assert f"{said}" in unescape(html)
    assert "Paste the command once more: it may hold a key" in html
    assert ">\n</textarea>" in html


def test_what_was_answered_stays_and_what_was_not_is_said(adam: Client, allowed: RunningProvider) -> None:
    text = 'curl https://{region}.example.com/$STAGE -H "x-api-key: $KEY" -d \'{"model": "<model>", "prompt": "Hi"}\''
    status, html = paste(adam, text, **{"a-KEY": "", "a-model": "m-1", "p-region": "", "p-STAGE": "v1"})
    assert status == 422
    assert html.count("Enter a value.") == 2
    assert 'value="m-1"' in html
    assert 'value="v1"' in html
    sheet = filled(adam, text, **{"a-KEY": KEY, "a-model": "m-1", "p-region": "eu", "p-STAGE": "v1"})
    assert (sheet.fields["p-region"], sheet.fields["p-STAGE"]) == ("eu", "v1")
    assert TypedSecret.objects.get().origin == "https://eu.example.com:443"
    assert KEY not in sheet.seen


def test_a_mask_or_an_impossible_key_is_not_taken(adam: Client, allowed: RunningProvider) -> None:
    for answer in ("sk-…abcd", "kéy"):
        status, html = paste(adam, command(allowed), **{"a-OPENAI_API_KEY": answer})
        assert status == 422
        assert answer not in html
    assert not TestRun.objects.exists()


def test_as_a_fragment_it_is_the_dialog(adam: Client) -> None:
    """The button opens it over the page; its form posts plainly, since the answer is a page."""
    html = adam.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert html.strip().startswith("<dialog")
    assert "hx-post" not in html
    page = adam.get("/w/harbor/models/new/custom/").content.decode()
    assert f'hx-post="{URL}"' in page
