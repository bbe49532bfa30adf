"""The providers and where their calls go (spec 04, Wire formats and providers)."""

import httpx
import pytest

from apps.providers.address import fill_url
from apps.providers.base import EasySetup, Provider
from apps.providers.endpoint import join_url
from apps.providers.registry import PROVIDERS, STRUCTURES
from tests.support.provider import DEMO_KEYS, RunningProvider

AZURE = {"resource": "harbor", "deployment": "gpt-4o prod", "api_version": "2024-10-21"}
EASY = [provider for provider in PROVIDERS.values() if provider.easy]
DEMO = {"openai": "/openai/v1", "anthropic": "/anthropic", "google": "/gemini", "cohere": "/cohere", "azure": "/azure"}
KEYS = {**DEMO_KEYS, "google": DEMO_KEYS["gemini"]}


def easy_of(provider: Provider) -> EasySetup:
    assert provider.easy
    return provider.easy


def test_the_lists() -> None:
    assert [provider.label for provider in PROVIDERS.values()] == [
        "OpenAI",
        "Anthropic",
        "Google",
        "Cohere",
        "Azure OpenAI",
        "Amazon Bedrock",
        "Custom",
    ]
    assert [provider.key for provider in EASY] == ["openai", "anthropic", "google", "cohere", "azure"]
    assert STRUCTURES == ("openai", "anthropic", "gemini")
    assert PROVIDERS["bedrock"].wire_formats == ("converse", "template")


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("openai", "https://api.openai.com/v1/chat/completions"),
        ("anthropic", "https://api.anthropic.com/v1/messages"),
        ("google", "https://generativelanguage.googleapis.com/v1beta/models/m-1:generateContent"),
        ("cohere", "https://api.cohere.com/v2/chat"),
        (
            "azure",
            "https://harbor.openai.azure.com/openai/deployments/gpt-4o%20prod/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_where_a_model_is_called(key: str, url: str) -> None:
    easy = easy_of(PROVIDERS[key])
    assert fill_url(easy.endpoint(easy.base_url, "m-1"), AZURE) == url


@pytest.mark.parametrize("provider", EASY, ids=lambda provider: provider.key)
def test_the_url_asks_for_what_the_fields_say(provider: Provider) -> None:
    easy = easy_of(provider)
    given = {field.name: "x" for field in easy.fields}
    assert "{" not in fill_url(easy.endpoint(easy.base_url, "m"), given)
    assert "{" not in fill_url(easy.check(easy.base_url, "m").url, given)


@pytest.mark.parametrize(
    ("model", "segment"),
    [("models/gemini-2.5-flash", "gemini-2.5-flash"), ("a/b:c", "a%2Fb%3Ac"), ("{x}", "%7Bx%7D"), ("..", "..")],
)
def test_a_model_id_stays_one_segment(model: str, segment: str) -> None:
    easy = easy_of(PROVIDERS["google"])
    assert f"/models/{segment}:generateContent" in fill_url(easy.endpoint(easy.base_url, model), {})


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://proxy.example/", "/v1/messages", "https://proxy.example/v1/messages"),
        ("https://proxy.example/v1", "/v1/messages", "https://proxy.example/v1/messages"),
        (" https://proxy.example/v1/ ", "/v1/messages", "https://proxy.example/v1/messages"),
        ("https://proxy.example/v1", "/v1beta/models", "https://proxy.example/v1/v1beta/models"),
        ("https://proxy.example/v1", "/chat/completions", "https://proxy.example/v1/chat/completions"),
        ("https://proxy.example/chat", "/chat/completions", "https://proxy.example/chat/chat/completions"),
    ],
)
def test_the_base_url_can_be_changed(base: str, path: str, url: str) -> None:
    """Spec 02: under Advanced, a proxy or a regional host."""
    assert join_url(base, path) == url


@pytest.mark.parametrize("provider", EASY, ids=lambda provider: provider.key)
@pytest.mark.parametrize(("key", "status"), [("accepted", 200), ("rate_limited", 429), ("wrong", 401)])
def test_the_check_proves_a_key(provider: Provider, key: str, status: int, provider_server: RunningProvider) -> None:
    """Spec 02, Confirm: the cheapest call the provider has; the demo provider knows right keys from wrong ones."""
    easy = easy_of(provider)
    secret = getattr(KEYS[provider.key], key, "no-such-key")
    check = easy.check(provider_server.url + DEMO[provider.key], "m-1")
    headers = [(easy.key_header, easy.key_prefix + secret), *easy.headers]
    method = "GET" if check.body is None else "POST"
    answer = httpx.request(method, fill_url(check.url, AZURE | {"deployment": "gpt-4o"}), headers=headers, json=check.body)
    assert answer.status_code == (400 if provider.key == "google" and status == 401 else status), answer.text
