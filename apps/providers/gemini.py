"""Google: the provider, and its wire format, Gemini's generateContent."""

from apps.providers.base import CheckRequest, EasySetup, Provider
from apps.providers.endpoint import as_segment, join_url


def _endpoint(base: str, model: str) -> str:
    """Google names a model `models/NAME`, people write the name alone; both are accepted."""
    return join_url(base, f"/v1beta/models/{as_segment(model.removeprefix('models/'))}:generateContent")


GOOGLE = Provider(
    "google",
    "Google",
    ("gemini",),
    EasySetup(
        base_url="https://generativelanguage.googleapis.com",
        endpoint=_endpoint,
        key_header="x-goog-api-key",
        check=lambda base, model: CheckRequest(join_url(base, "/v1beta/models?pageSize=1")),
        key_help="In Google AI Studio under API keys: aistudio.google.com/apikey.",
        key_placeholder="AIza…",
    ),
    summary="API key",
)
