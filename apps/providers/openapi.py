"""An OpenAPI document (3.0 or 3.1): its operations, and one of them as a request of a custom integration (spec 02)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from urllib.parse import quote

from apps.providers.imported import (
    NO_PATHS,
    Answers,
    ImportedHeader,
    ImportedRequest,
    ImportRefused,
    LooksSecret,
    Question,
    ReadingPaths,
)
from apps.providers.imported_address import ImportedAddress, read_address
from apps.providers.imported_body import ImportedBody, import_body
from apps.providers.jsonread import storable
from apps.providers.openapi_example import Examples
from apps.providers.openapi_refs import JsonObject, References, as_list, as_object, as_text
from apps.providers.openapi_security import Security, read_security
from apps.providers.placeholders import Marks, as_name
from apps.providers.proposals import propose_paths
from apps.providers.types import JsonValue
from apps.providers.yaml_load import load_document

MAX_OPERATIONS = 1_000  # that are listed; the document may have more
MAX_SERVERS = 50
METHODS = ("post", "get", "put", "patch")
_JSON_TYPE = re.compile(r"(?:application|text)/(?:[\w.+-]+\+)?json|application/\*|\*/\*", re.IGNORECASE)
_SUCCESS = ("200", "201", "202", "2XX", "2xx", "default")
_SET_BY_ITSELF = frozenset({"accept", "content-type", "authorization"})  # OpenAPI: a parameter of such a name says nothing


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, as the list shows it."""

    key: str  # "POST /v1/chat"
    method: str
    path: str
    summary: str
    operation_id: str


@dataclass(frozen=True, slots=True)
class OpenApiDocument:
    """A document that was read. `has_more` is true where the list of operations is cut."""

    title: str
    version: str
    operations: tuple[Operation, ...]
    has_more: bool
    root: JsonObject = field(repr=False)


def read_openapi(text: str) -> OpenApiDocument:
    """Read a document. Raises ImportRefused for what is none, for other versions, and for what is too large or malformed."""
    root = storable(load_document(text))  # a NUL is the sign of a placeholder here
    if not isinstance(root, dict):
        raise ImportRefused("This is not an OpenAPI document: it has no “openapi” at the top.")
    version = str(root.get("openapi", ""))
    if "swagger" in root:
        raise ImportRefused("This is a Swagger 2.0 document. Convert it to OpenAPI 3 first.")
    if not re.match(r"3\.[01](?:\.|$)", version):
        reason = f"OpenAPI {version[:20]} is not read" if version else "This is not an OpenAPI document: it has no “openapi” at the top"
        raise ImportRefused(f"{reason}. Versions 3.0 and 3.1 are.")
    found = _operations(root)
    operations = list(islice(found, MAX_OPERATIONS))
    if not operations:
        raise ImportRefused("The document has no operation that can be called with POST, GET, PUT or PATCH.")
    title = as_text(as_object(root.get("info")).get("title"))
    return OpenApiDocument(title[:200], version, tuple(operations), next(found, None) is not None, root)


def _operations(root: JsonObject) -> Iterator[Operation]:
    references = References(root)
    for path, item in as_object(root.get("paths")).items():
        if not path.startswith("/"):
            continue
        item = references.follow(item)
        for method in METHODS:
            if isinstance(operation := item.get(method), dict):
                summary = as_text(operation.get("summary")) or as_text(operation.get("description")).partition("\n")[0]
                operation_id = as_text(operation.get("operationId"))
                yield Operation(f"{method.upper()} {path}", method.upper(), path, summary[:200], operation_id[:200])


def servers_of(document: OpenApiDocument, key: str) -> tuple[str, ...]:
    """The addresses to choose from for an operation, as written. Raises ImportRefused for an operation that is not there."""
    found = _Finder(document, key)
    return tuple(dict.fromkeys(as_text(server.get("url")) or "/" for server in found.servers()))


def import_operation(
    document: OpenApiDocument, key: str, *, looks_secret: LooksSecret, server: str = "", answers: Answers | None = None
) -> ImportedRequest:
    """One operation as a request; `server` is one of `servers_of`, by default the first. What is open stands in `questions`.

    Raises ImportRefused with the reason.
    """
    given = {name: answer for name, answer in (answers or {}).items() if answer}
    return _Importer(document, key, looks_secret, given).request(server)


class _Finder:
    """One operation and what the document says about it."""

    def __init__(self, document: OpenApiDocument, key: str) -> None:
        self.root = document.root
        self.references = References(document.root)
        method, _, path = key.partition(" ")
        self.method, self.path = method, path
        self.item = self.references.follow(as_object(self.root.get("paths")).get(path))
        operation = self.item.get(method.lower()) if method.lower() in METHODS else None
        self.operation = as_object(operation)
        if not isinstance(operation, dict):
            raise ImportRefused("Choose one of the document's operations.")

    def servers(self) -> list[JsonObject]:
        for holder in (self.operation, self.item, self.root):
            if servers := [as_object(server) for server in as_list(holder.get("servers"))[:MAX_SERVERS]]:
                return servers
        return [{"url": "/"}]

    def parameters(self) -> list[JsonObject]:
        """The path's parameters and the operation's, which replace those of the same name and place."""
        found: dict[tuple[str, str], JsonObject] = {}
        for holder in (self.item, self.operation):
            for written in as_list(holder.get("parameters"))[:500]:
                parameter = self.references.follow(written)
                found[as_text(parameter.get("name")), as_text(parameter.get("in"))] = parameter
        return [parameter for (name, _), parameter in found.items() if name]


class _Importer(_Finder):
    def __init__(self, document: OpenApiDocument, key: str, looks_secret: LooksSecret, answers: Answers) -> None:
        super().__init__(document, key)
        self.looks_secret = looks_secret
        self.marks = Marks(answers)
        self.defaults: dict[str, str] = {}
        self.headers: list[ImportedHeader] = []
        self.questions: list[Question] = []
        self.notes: list[str] = []

    def request(self, server: str) -> ImportedRequest:
        base = self.base(server)
        query = self.read_parameters()
        security = read_security(self.root, self.operation, self.references)
        address = self.address(base, query)
        body = self.body(address.url)
        url = body.url if body else address.url
        self.add_security(security)
        return ImportedRequest(
            method=self.method,
            url=url,
            headers=tuple(self.headers),
            body=body.template if body else "",
            literal_body=body.literal if body else "",
            parameters=tuple((name, self.defaults.get(name, "")) for name in address.parameters),
            replacements=body.replacements if body else (),
            paths=self.paths(body),
            questions=(*self.questions, *address.questions, *(body.questions if body else ())),
            notes=(*address.notes, *security.notes, *self.notes, *(body.notes if body else ())),
            needs_profile=security.needs_profile or address.needs_profile,
            secrets=tuple(header.value for header in self.headers if header.secret and header.value),
        )

    # Address

    def base(self, wanted: str) -> str:
        servers = self.servers()
        server = next((one for one in servers if (as_text(one.get("url")) or "/") == wanted), servers[0])
        url = as_text(server.get("url")) or "/"
        for name, variable in as_object(server.get("variables")).items():
            self.defaults[as_name(name)] = _as_value(as_object(variable).get("default"))
        if "://" in url or url.startswith("{"):
            return url.rstrip("/")
        server_mark = self.marks.mark_as(
            "server_address", "https://server.example.com"
        )  # the document says where on a server, not on which
        return f"{server_mark}/{url.strip('/')}".rstrip("/")

    def address(self, base: str, query: list[str]) -> ImportedAddress:
        """The operation's address. Where no URL parameter can stand, a server variable has its default."""
        url = base + self.path + ("?" + "&".join(query) if query else "")
        address = read_address(url, (), self.marks, globs=False)
        known = {question.name: value for question in address.questions if (value := self.defaults.get(question.name))}
        if known:
            self.marks = replace(self.marks, answers={**known, **self.marks.answers})
            address = read_address(url, (), self.marks, globs=False)
        return address

    def read_parameters(self) -> list[str]:
        """Take over what has to be sent; gives the pairs of the query."""
        query, left_out = [], []
        for parameter in self.parameters():
            name, place = as_text(parameter.get("name")), parameter.get("in")
            if place == "path":
                self.defaults.setdefault(as_name(name), self.example(parameter))
            elif parameter.get("required") is not True:
                left_out.append(name)
            elif place == "query":
                self.defaults.setdefault(as_name(name), self.example(parameter))
                query.append(f"{quote(name, safe='')}={{{as_name(name)}}}")
            elif place == "header":
                self.add_header(name, self.example(parameter))
            else:
                self.notes.append(f"The cookie {name[:60]} is left out. Send it as the header Cookie.")
        if left_out:
            self.notes.append("Optional parameters are left out: " + ", ".join(name[:60] for name in left_out[:20]) + ".")
        return query

    def example(self, parameter: JsonObject) -> str:
        """A value for a parameter: its example, default or first choice; "" where there is none."""
        if not _is_known(parameter, self.references):
            return ""
        return _as_value(Examples(self.references, every=False).of_media(parameter))

    def add_header(self, name: str, value: str) -> None:
        if name.lower() in _SET_BY_ITSELF:
            return
        secret = self.looks_secret(name)
        question = f"header_{as_name(name)}"
        given = self.marks.answers.get(question, "" if secret else value)
        if not given:
            self.questions.append(Question(question, name, f"the header {name}", name, "", secret))
        self.headers.append(ImportedHeader(name, given if secret else given.replace("{{", r"\{{"), secret))

    def add_security(self, security: Security) -> None:
        for wanted in security.headers:
            if any(header.name.lower() == wanted.name.lower() for header in self.headers):
                continue
            answer = self.marks.answers.get(wanted.question, "")
            if not answer:
                question = Question(wanted.question, wanted.written, f"the header {wanted.name}", wanted.name, wanted.prefix, True)
                self.questions.insert(0, question)
            self.headers.insert(0, ImportedHeader(wanted.name, answer, True, wanted.prefix))

    # Body and answer

    def body(self, url: str) -> ImportedBody | None:
        content = as_object(self.references.follow(self.operation.get("requestBody")).get("content"))
        media = _json_media(content)
        if media is None:
            if content:
                kinds = ", ".join(kind[:60] for kind in list(content)[:3])
                raise ImportRefused(f"This operation takes {kinds}, and a custom integration sends JSON.")
            return None
        return import_body(Examples(self.references, every=False).of_media(media), url, self.marks)

    def paths(self, body: ImportedBody | None) -> ReadingPaths:
        """Where the answer's parts are: known from the call itself, else recognized in the document's answer."""
        if body and body.paths.output:
            return body.paths
        responses = as_object(self.operation.get("responses"))
        for status in _SUCCESS:
            media = _json_media(as_object(self.references.follow(responses.get(status)).get("content")))
            if media is not None:
                found = propose_paths(Examples(self.references, every=True).of_media(media))
                return ReadingPaths(found.output, found.input_tokens, found.output_tokens)
        return NO_PATHS


def _json_media(content: JsonObject) -> JsonObject | None:
    return next((as_object(media) for kind, media in content.items() if _JSON_TYPE.fullmatch(kind.partition(";")[0].strip())), None)


def _is_known(parameter: JsonObject, references: References) -> bool:
    """Whether the document gives a value, rather than one being made up from the type."""
    schema = references.follow(parameter.get("schema"))
    return any(key in parameter or key in schema for key in ("example", "examples", "default", "enum", "const"))


def _as_value(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or isinstance(value, dict | list) else str(value)
