"""Cohere: the provider, and its wire format, Chat v2."""

from apps.providers.base import CheckRequest, EasySetup, Provider
from apps.providers.endpoint import join_url

COHERE = Provider(
    "cohere",
    "Cohere",
    ("cohere",),
    EasySetup(
        base_url="https://api.cohere.com",
        endpoint=lambda base, model: join_url(base, "/v2/chat"),
        key_header="Authorization",
        key_prefix="Bearer ",
        check=lambda base, model: CheckRequest(join_url(base, "/v1/models?page_size=1000")),
        key_help="In the Cohere dashboard under API keys: dashboard.cohere.com/api-keys.",
    ),
    summary="API key",
)
