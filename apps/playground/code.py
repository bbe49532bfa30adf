"""*View code*: the call of a lane as a program makes it through the gateway, in curl, Python and JavaScript. Never with a key."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from apps.playground.choices import Choice
from apps.playground.forms import PlaygroundForm
from apps.providers.chat import Image
from apps.providers.errors import ProviderError
from apps.providers.registry import get_chat_format
from apps.providers.variables import coerce_values

KEY = "PATCHBAY_API_KEY"
PROTOTYPE = re.compile('^( *)"__proto__":', re.MULTILINE)  # would set the prototype; in brackets it is a name like any other


@dataclass(frozen=True, slots=True)
class Sample:
    key: str
    label: str
    text: str


def code_of(choice: Choice, form: PlaygroundForm) -> list[Sample]:
    """The samples for one lane of the form as it stands; what is not filled in yet stays as it was typed."""
    base = settings.PUBLIC_URL.rstrip("/") + "/v1"
    body = body_of(choice, form)
    return [
        Sample("curl", "curl", curl(base, body)),
        Sample("python", "Python", python(base, body)),
        Sample("javascript", "JavaScript", javascript(base, body)),
    ]


def body_of(choice: Choice, form: PlaygroundForm) -> dict[str, Any]:
    script = form.script
    values = {name: form.given.get(name) or f"{{{{{name}}}}}" for name in script.names()}
    with suppress(ProviderError):  # a text that is not well formed is shown as it is
        script = script.filled(values)
    images = tuple(Image("image/png", "YOUR_IMAGE_IN_BASE64") for _ in form.image_ids) if choice.takes_images else ()
    model = f"{choice.model.name}@{choice.connection.name}" if choice.connection else choice.model.name
    body: dict[str, Any] = get_chat_format("openai").build_body(script.chat_call(images), model)
    own: dict[str, Any] = {}
    with suppress(ProviderError):
        own = coerce_values(choice.variables, form.given)
    return body | ({"variables": own} if own else {}) | ({"stream": True} if form.cleaned_data.get("stream") else {})


def curl(base: str, body: dict[str, Any]) -> str:
    """The key comes from the environment: within double quotes the shell puts it in."""
    stream = " --no-buffer" if body.get("stream") else ""
    document = json_of(body)
    return (
        f"curl{stream} {shlex.quote(f'{base}/chat/completions')} \\\n"
        f'  -H "Authorization: Bearer ${KEY}" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  --data-raw {single_quoted(document)}\n"
    )


def run_prompt_curl(prompt_id: UUID, names: Iterable[str]) -> str:
    """How a program runs a saved prompt. The key comes from the environment."""
    url = settings.PUBLIC_URL.rstrip("/") + reverse("api:prompt_run", args=[prompt_id])
    document = json_of({"variables": {name: f"{{{{{name}}}}}" for name in names}})
    return (
        f"curl {shlex.quote(url)} \\\n"
        f'  -H "x-api-key: ${KEY}" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  --data-raw {single_quoted(document)}\n"
    )


def single_quoted(text: str) -> str:
    """One word of any POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def python(base: str, body: dict[str, Any]) -> str:
    """The SDK takes what it does not know itself, such as the variables of a custom JSON API, in `extra_body`."""
    given = {("extra_body" if name == "variables" else name): value for name, value in body.items()}
    given |= {"extra_body": {"variables": body["variables"]}} if "variables" in body else {}
    arguments = "".join(f"    {name}={literal(value, 4)},\n" for name, value in given.items())
    head = f'import os\n\nfrom openai import OpenAI\n\nclient = OpenAI(base_url={literal(base, 0)}, api_key=os.environ["{KEY}"])\n'
    if body.get("stream"):
        tail = (
            "for chunk in stream:\n"
            "    if chunk.choices and chunk.choices[0].delta.content:\n"
            '        print(chunk.choices[0].delta.content, end="", flush=True)\n'
        )
        return f"{head}stream = client.chat.completions.create(\n{arguments})\n{tail}"
    return f"{head}answer = client.chat.completions.create(\n{arguments})\nprint(answer.choices[0].message.content)\n"


def literal(value: Any, indent: int) -> str:
    """The value as Python writes it, over several lines where it is a list or a dictionary."""
    return "".join(pieces(value, indent))


def pieces(value: Any, indent: int) -> Iterator[str]:
    inner, outer = " " * (indent + 4), " " * indent
    if isinstance(value, dict) and value:
        yield "{\n"
        for name, member in value.items():
            yield f"{inner}{string(name)}: {literal(member, indent + 4)},\n"
        yield f"{outer}}}"
    elif isinstance(value, list) and value:
        yield "[\n"
        for member in value:
            yield f"{inner}{literal(member, indent + 4)},\n"
        yield f"{outer}]"
    else:
        yield string(value) if isinstance(value, str) else repr(value)


def string(text: str) -> str:
    """A JSON string means the same to Python and to JavaScript, but for what is written in two halves."""
    return "".join(char if char.isprintable() else escaped(char) for char in json.dumps(text, ensure_ascii=False))


def escaped(char: str) -> str:
    """As Python writes what nobody sees: control and direction characters, line separators, halves of surrogate pairs."""
    code = ord(char)
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"


def json_of(value: Any) -> str:
    """A document over several lines, which hides nothing: what nobody sees is escaped."""
    written = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in written)


def javascript(base: str, body: dict[str, Any]) -> str:
    document = PROTOTYPE.sub(r'\1["__proto__"]:', json_of(body))
    head = f'import OpenAI from "openai";\n\nconst client = new OpenAI({{ baseURL: {string(base)}, apiKey: process.env.{KEY} }});\n'
    if body.get("stream"):
        tail = 'for await (const chunk of stream) {\n  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");\n}\n'
        return f"{head}const stream = await client.chat.completions.create({document});\n{tail}"
    return f"{head}const answer = await client.chat.completions.create({document});\nconsole.log(answer.choices[0].message.content);\n"
