"""How a target is spoken to: its wire format with the target's own secrets, still closed."""

from collections.abc import Mapping

from apps.core.secrets import Secret
from apps.inference.bedrock import bedrock_wire
from apps.inference.target import Target
from apps.providers.base import WireFormat
from apps.providers.chat_wire import ChatWire
from apps.providers.custom import TemplateFormat
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonpath import JsonPath, PathInvalid, compile_path
from apps.providers.registry import get_chat_format
from apps.providers.template import parse_template


def prepared_wire(target: Target) -> tuple[WireFormat[Secret] | None, ProviderError | None]:
    """The wire format, or why the target cannot be called as it is."""
    try:
        return wire_format(target, own_secrets(target)), None
    except ProviderError as error:
        return None, error


def own_secrets(target: Target) -> dict[str, Secret]:
    """The secret for each secret header. Raises ProviderError(needs_credentials) naming those that are missing."""
    missing = [name for name in target.definition.secret_headers if name.lower() not in target.secrets]
    if missing:
        names = ", ".join(missing)
        raise ProviderError(
            ErrorKind.NEEDS_CREDENTIALS,
            f"There is no value for the secret header {names}.",
            "Enter it in Headers. A stored value is dropped when the endpoint's host changes.",
        )
    headers = [header for header in target.definition.headers if header.secret]
    return {header.name: prefixed(target.secrets[header.name.lower()], header.prefix) for header in headers}


def prefixed(secret: Secret, prefix: str) -> Secret:
    return secret.with_prefix(prefix) if prefix else secret


def wire_format(target: Target, secrets: Mapping[str, Secret]) -> WireFormat[Secret]:
    """How the target is spoken to, with secrets still closed. Raises ProviderError for a body that does not parse."""
    definition = target.definition
    if definition.is_bedrock:
        return bedrock_wire(definition, target.parameters, lambda url: plain_wire(target, url, secrets))
    return plain_wire(target, definition.url, secrets)


def plain_wire(target: Target, url: str, secrets: Mapping[str, Secret]) -> WireFormat[Secret]:
    """The chat format or the template of the definition, for that address."""
    definition = target.definition
    headers = headers_of(target, secrets)
    if not definition.is_template:
        return ChatWire(get_chat_format(definition.wire_format), url, definition.model, headers)
    return TemplateFormat(
        method=definition.method,
        url=url,
        body=parse_template(definition.body) if definition.body.strip() else None,
        variables=definition.variables,
        headers=headers,
        output=path_or_none(definition.paths.output),
        input_tokens=path_or_none(definition.paths.input_tokens),
        output_tokens=path_or_none(definition.paths.output_tokens),
    )


def headers_of(target: Target, secrets: Mapping[str, Secret]) -> tuple[tuple[str, str | Secret], ...]:
    return tuple((header.name, secrets[header.name] if header.secret else header.value) for header in target.definition.headers)


def path_or_none(text: str) -> JsonPath | None:
    """Raises ProviderError for a path that a draft keeps although it is not one."""
    try:
        return compile_path(text) if text else None
    except PathInvalid as error:
        message = f"The JSON path {text[:200]} cannot be read: {error.message}"
        raise ProviderError(ErrorKind.TEMPLATE_INVALID, message, "Mend it under JSON paths of the model's definition.") from error
