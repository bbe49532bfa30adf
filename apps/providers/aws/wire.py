"""A wire format as Bedrock carries it: its errors are AWS's, and token counts may stand in the headers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from apps.providers.aws.errors import explain_bedrock_error
from apps.providers.base import WireFormat
from apps.providers.jsonpath import MAX_TOKENS
from apps.providers.types import Answer, JsonValue, Request, Response


@dataclass(frozen=True, slots=True)
class BedrockWire[Opaque]:
    """Converse, or a template for InvokeModel; `inner` has the model's URL in the region already."""

    inner: WireFormat[Opaque]
    model_id: str
    region: str

    def build_request(self, values: Mapping[str, JsonValue], url_values: Mapping[str, str] | None = None) -> Request[Opaque]:
        return self.inner.build_request(values, {})

    def read_answer(self, response: Response) -> Answer:
        """The answer. Raises AwsError for what Bedrock refuses."""
        if not 200 <= response.status <= 299:
            raise explain_bedrock_error(response, region=self.region, model=self.model_id)
        answer = self.inner.read_answer(response)
        return replace(
            answer,
            input_tokens=_count(answer.input_tokens, response, "x-amzn-bedrock-input-token-count"),
            output_tokens=_count(answer.output_tokens, response, "x-amzn-bedrock-output-token-count"),
        )


def _count(found: int | None, response: Response, header: str) -> int | None:
    """The count in the body, else InvokeModel's header: some models do not say it in their own JSON."""
    text = response.header(header)
    if found is not None or not (text.isascii() and text.isdigit()) or len(text) > 10:
        return found
    return int(text) if int(text) <= MAX_TOKENS else None
