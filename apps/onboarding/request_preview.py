"""The request that a test of a provider structure would send, with the prompts' placeholders in it."""

import json
import re
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.core.text import visible
from apps.external_models.definition import Feature
from apps.onboarding.builder import Builder
from apps.providers.address import fill_url
from apps.providers.chat_wire import ChatWire
from apps.providers.errors import ProviderError
from apps.providers.registry import get_chat_format

NOWHERE: Final = "https://host.invalid/"
PLACEHOLDERS: Final = {"prompt": "{{prompt}}", "system_prompt": "{{system_prompt}}"}
_PLACEHOLDER = re.compile(r"(\{\{\w+\}\})")


@dataclass(frozen=True, slots=True)
class RequestPreview:
    """`stream_url` is where a streamed call goes, "" where streaming is off or it is the same address."""

    url: str
    stream_url: str
    body: SafeString


def preview_request(builder: Builder) -> RequestPreview:
    """What the page as it stands would send, made by what makes a test's request."""
    definition = builder.definition
    chat = get_chat_format(builder.structure)
    body = ChatWire(chat, NOWHERE, definition.model).build_request(PLACEHOLDERS).body
    url = filled(definition.url, builder.parameters)
    stream_url = chat.stream_url(url) if url and Feature.STREAMING in definition.features else ""
    pretty = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    return RequestPreview(url, "" if stream_url == url else stream_url, painted(pretty))


def filled(url: str, parameters: dict[str, str]) -> str:
    """The address with its parameters; as it was typed while one is missing."""
    try:
        return fill_url(url, parameters)
    except ProviderError:
        return url


def painted(text: str) -> SafeString:
    """Text for a page, with each placeholder marked."""
    parts = _PLACEHOLDER.split(text)  # text and placeholder in turn
    marked = (format_html('<span class="t-var">{}</span>', part) if index % 2 else visible(part) for index, part in enumerate(parts))
    return format_html_join("", "{}", ((part,) for part in marked))
