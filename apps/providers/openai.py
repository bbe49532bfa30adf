"""OpenAI: the provider, and its wire format, Chat Completions, which many other servers speak too."""

from apps.providers.base import CheckRequest, EasySetup, Provider
from apps.providers.endpoint import join_url

OPENAI = Provider(
    "openai",
    "OpenAI",
    ("openai",),
    EasySetup(
        base_url="https://api.openai.com/v1",
        endpoint=lambda base, model: join_url(base, "/chat/completions"),
        key_header="Authorization",
        key_prefix="Bearer ",
        check=lambda base, model: CheckRequest(join_url(base, "/models")),
        key_help="In the OpenAI platform under API keys: platform.openai.com/api-keys.",
        key_placeholder="sk-…",
    ),
    summary="API key",
)
