"""Anthropic: the provider, and its wire format, Messages."""

from typing import Final

from apps.providers.base import CheckRequest, EasySetup, Provider
from apps.providers.endpoint import join_url

VERSION: Final = "2023-06-01"  # the API's only version; newer features come without a new one

ANTHROPIC = Provider(
    "anthropic",
    "Anthropic",
    ("anthropic",),
    EasySetup(
        base_url="https://api.anthropic.com",
        endpoint=lambda base, model: join_url(base, "/v1/messages"),
        key_header="x-api-key",
        check=lambda base, model: CheckRequest(join_url(base, "/v1/models?limit=1")),
        headers=(("anthropic-version", VERSION),),
        key_help="In the Claude Console under API keys: platform.claude.com/settings/keys.",
        key_placeholder="sk-ant-…",
    ),
    summary="API key",
)
