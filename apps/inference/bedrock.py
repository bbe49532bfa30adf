"""Where a Bedrock model is called, and its wire format there: Converse, or InvokeModel with the template (spec 04)."""

from collections.abc import Callable, Mapping

from apps.connections.bedrock_parameters import REGION
from apps.core.secrets import Secret
from apps.external_models.definition import BEDROCK_SCHEME, Definition
from apps.inference.aws_platform import aws_url
from apps.providers.aws import Operation, Service, find_region, invoke_path
from apps.providers.aws.wire import BedrockWire
from apps.providers.base import WireFormat
from apps.providers.errors import ErrorKind, ProviderError


def bedrock_wire(definition: Definition, parameters: Mapping[str, str], at: Callable[[str], WireFormat[Secret]]) -> BedrockWire[Secret]:
    """The wire format that `at` makes for the model's address in the connection's region. Raises ProviderError(URL_INVALID)."""
    model_id = definition.url.removeprefix(BEDROCK_SCHEME)
    try:
        region = find_region(parameters.get(REGION, ""))
    except ValueError as error:
        raise ProviderError(ErrorKind.URL_INVALID, str(error), "Choose the model's region.") from None
    operation = Operation.INVOKE if definition.is_template else Operation.CONVERSE
    url = f"{aws_url(Service.BEDROCK_RUNTIME, region)}{invoke_path(model_id, operation)}"
    return BedrockWire(at(url), model_id, region.name)
