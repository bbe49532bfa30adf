"""What an external model's definition says, as plain values: where to send, what to send, how to read the answer. Nothing secret."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from apps.providers.types import DataType, Variable

# Headers whose value is a credential: marked secret by themselves (spec 02, Headers).
SECRET_HEADERS = frozenset(
    {
        "api-key", "apikey", "authorization", "cookie", "ocp-apim-subscription-key", "proxy-authorization", "x-access-token",
        "x-api-key", "x-api-token", "x-auth-token", "x-client-key", "x-goog-api-key", "x-secret-key", "x-subscription-token",
    }
)  # fmt: skip


def looks_secret(header_name: str) -> bool:
    """Whether a header of this name carries a credential, so that its value is kept as a secret without being asked."""
    name = header_name.strip().lower()
    return name in SECRET_HEADERS or name.endswith(("-key", "-token", "-secret", "-password"))


@dataclass(frozen=True, slots=True)
class Header:
    """One header of the definition. A secret one has no value here: each connection holds its own."""

    name: str
    value: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Paths:
    """JSON paths into the answer, as typed; "" where none is set."""

    output: str = ""
    input_tokens: str = ""
    output_tokens: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A custom integration in its *Default* configuration (spec 02). May be half-finished: a draft keeps whatever there is."""

    url: str = ""
    method: str = "POST"
    headers: tuple[Header, ...] = ()
    use_system_prompt: bool = False
    use_examples: bool = False
    custom_variables: tuple[Variable, ...] = ()
    body: str = ""
    paths: Paths = field(default_factory=Paths)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Every variable that callers may fill in: prompt, then what is switched on, then the custom ones."""
        built_in = [Variable("prompt", "Prompt", DataType.STRING, None, required=True)]
        if self.use_system_prompt:
            built_in.append(Variable("system_prompt", "System prompt", DataType.STRING))
        if self.use_examples:
            built_in.append(Variable("examples", "Examples", DataType.JSON))
        return (*built_in, *self.custom_variables)

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return tuple(header.name for header in self.headers if header.secret)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        variables = tuple(Variable(**{**row, "data_type": DataType(row["data_type"])}) for row in data.get("custom_variables", ()))
        return cls(
            url=data.get("url", ""),
            method=data.get("method", "POST"),
            headers=tuple(Header(**row) for row in data.get("headers", ())),
            use_system_prompt=data.get("use_system_prompt", False),
            use_examples=data.get("use_examples", False),
            custom_variables=variables,
            body=data.get("body", ""),
            paths=Paths(**data.get("paths", {})),
        )

    def request_digest(self, credentials: Mapping[str, str]) -> str:
        """SHA-256 over everything that shapes the request, with fingerprints of the credentials: a test passed for one digest
        says nothing about another. The JSON paths are left out: they are checked against the stored answer instead."""
        content = self.to_json()
        del content["paths"]
        text = json.dumps([content, sorted(credentials.items())], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()
