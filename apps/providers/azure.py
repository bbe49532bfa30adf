"""Azure OpenAI: OpenAI's format at a deployment of a customer's own resource."""

from apps.providers.base import CheckRequest, CredentialField, EasySetup, Provider
from apps.providers.chat import JsonObject
from apps.providers.endpoint import join_url
from apps.providers.openai import OpenAIFormat

_PATH = "/openai/deployments/{deployment}/chat/completions?api-version={api_version}"
_NAME = r"[^\s/\\]+"


def _check(base: str, model: str) -> CheckRequest:
    """Azure's list of models belongs to the resource and says nothing of the deployment, so the deployment itself is asked.

    Without a token limit: which of its two names a deployment takes depends on the model behind it, and a model that reasons first
    answers a limit of one with an error.
    """
    messages: JsonObject = {"messages": [{"role": "user", "content": "Reply with the one word OK."}]}
    return CheckRequest(join_url(base, _PATH), messages)


AZURE = Provider(
    "azure",
    "Azure OpenAI",
    ("azure",),
    EasySetup(
        base_url="https://{resource}.openai.azure.com",
        endpoint=lambda base, model: join_url(base, _PATH),
        key_header="api-key",
        check=_check,
        fields=(
            CredentialField(
                "api_version",
                "API version",
                help="A date such as 2024-10-21, with -preview behind it for a preview.",
                initial="2024-10-21",  # the last dated version that is no preview
                pattern=r"\d{4}-\d\d-\d\d(-preview)?",
                mismatch="An API version is a date such as 2024-10-21, with -preview behind it for a preview.",
            ),
            CredentialField(
                "resource",
                "Resource name",
                help="The first part of the resource's endpoint: NAME.openai.azure.com.",
                placeholder="harbor-claims",
                pattern=_NAME,
                mismatch="A resource name has no blanks and no slashes: only what stands before .openai.azure.com.",
            ),
            CredentialField(
                "deployment",
                "Deployment ID",
                help="The name that the deployment was given, which need not be the model's.",
                placeholder="gpt-4o",
                like_model=True,
                pattern=_NAME,
                mismatch="A deployment ID has no blanks and no slashes.",
            ),
        ),
        key_help="In the Azure portal: the resource, then Keys and Endpoint.",
    ),
    summary="key and deployment",
    monogram="Az",
    hue=4,
)


class AzureFormat(OpenAIFormat):
    """OpenAI's format without the model: the deployment in the URL says which it is."""

    key = "azure"
    label = "Azure OpenAI (Chat Completions)"
    sends_model = False
