"""The template wire format: any JSON API, by a body with placeholders and paths into the response (spec 02, Custom integration)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from apps.providers.address import add_query, fill_url
from apps.providers.base import Provider
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.http_errors import explain_http_error
from apps.providers.jsonpath import JsonPath, read_output, read_tokens
from apps.providers.jsonread import parse_json
from apps.providers.template import Template, render, render_text
from apps.providers.types import Answer, JsonValue, Request, Response, Variable
from apps.providers.variables import refuse_undeclared

CUSTOM = Provider("custom", "Custom", ("template",))
MAX_HEADER_VALUE = 8 * 1024  # characters, spec 07 B9


@dataclass(frozen=True, slots=True)
class TemplateFormat[Opaque = str]:
    """A custom integration's definition together with one connection's headers.

    A header value is text, in which `{{name}}` is filled in, or an opaque secret, which passes through untouched. `body` None sends
    no body; `output` None (a draft before its paths are chosen) reads every good JSON answer as "".
    """

    method: str
    url: str
    body: Template | None
    variables: tuple[Variable, ...] = ()
    headers: tuple[tuple[str, str | Opaque], ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = ()
    output: JsonPath | None = None
    input_tokens: JsonPath | None = None
    output_tokens: JsonPath | None = None

    def build_request(self, values: Mapping[str, JsonValue], url_values: Mapping[str, str] | None = None) -> Request[Opaque]:
        """What to send. Raises ProviderError(URL_INVALID, BODY_TOO_LARGE) or VariableError naming the variable."""
        refuse_undeclared(self.variables, values)
        query = ((name, render_text(text, self.variables, values)) for name, text in self.query)
        url = add_query(fill_url(self.url, url_values or {}), query)
        body = b"" if self.body is None else render(self.body, self.variables, values)
        return Request(self.method, url, tuple(self._headers(values)), body)

    def read_answer(self, response: Response) -> Answer:
        """The answer's text and token counts. Raises ProviderError: an HTTP error explained, NOT_JSON, OUTPUT_PATH_NO_MATCH."""
        if not 200 <= response.status <= 299:
            raise explain_http_error(response.status, response.headers, response.body)
        document = parse_json(response.body)
        text = read_output(self.output, document) if self.output else ""
        return Answer(text, read_tokens(self.input_tokens, document), read_tokens(self.output_tokens, document))

    def _headers(self, values: Mapping[str, JsonValue]) -> Iterator[tuple[str, str | Opaque]]:
        for name, value in self.headers:
            yield name, self._header_text(name, value, values) if isinstance(value, str) else value
        if self.body is not None and not any(name.lower() == "content-type" for name, _ in self.headers):
            yield "Content-Type", "application/json"

    def _header_text(self, name: str, text: str, values: Mapping[str, JsonValue]) -> str:
        filled = render_text(text, self.variables, values)
        if len(filled) > MAX_HEADER_VALUE or not filled.isascii() or not filled.isprintable():
            message = f"The header {name} would hold more than printable ASCII characters, or more than {MAX_HEADER_VALUE:,} of them."
            raise ProviderError(ErrorKind.BAD_VALUE, message, "Check the values of the variables that the header uses.")
        return filled
