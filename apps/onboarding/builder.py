"""The *Custom API integration* page as it stands: what was typed, what is stored, what was tested. Saved or not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID, uuid4

from apps.accounts.models import User, Workspace
from apps.connections.models import Connection
from apps.connections.origin import origin_of
from apps.core.egress import EgressRule, check_url
from apps.core.outbound import Failure, OutboundError
from apps.core.secrets import Secret, SecretUnreadable, fingerprint, unseal
from apps.external_models.actions import Origin
from apps.external_models.definition import Definition
from apps.external_models.models import ExternalModel
from apps.inference.authorization import Authorization
from apps.inference.models import TestRun
from apps.inference.result import Result
from apps.onboarding.forms import HeaderForm, IntegrationForm, Mode, VariableForm, variable_initial
from apps.onboarding.page_urls import PageUrls
from apps.providers.address import fill_url, url_parameters
from apps.providers.errors import ProviderError
from apps.providers.jsonread import parse_json, storable
from apps.providers.template import TemplateProblem, check_template, check_text
from apps.providers.types import JsonValue, Variable

HEADER_ROW = re.compile(r"h-(\d{1,4})-key")
VARIABLE_ROW = re.compile(r"v-(\d{1,4})-name")
PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}")
MAX_ROWS = 100
SPARE_ROWS = 3  # empty header rows for pages without scripts


@dataclass
class Builder:
    """One state of the page. `data` is what a submit of it would send; nothing in it is trusted before `check`."""

    template: ClassVar[str] = "onboarding/custom_integration.html"
    urls: ClassVar[PageUrls] = PageUrls()
    form_class: ClassVar[type[IntegrationForm]] = IntegrationForm

    data: Mapping[str, Any]
    mode: Mode
    workspace: Workspace
    user: User
    rules: tuple[EgressRule, ...] = ()
    model: ExternalModel | None = None
    connection: Connection | None = None
    run: TestRun | None = None
    refused: bool = field(init=False, default=False)  # the egress rules do not let calls go to the address
    form: IntegrationForm = field(init=False)
    headers: list[HeaderForm] = field(init=False)
    variable_forms: list[VariableForm] = field(init=False)

    def __post_init__(self) -> None:
        self.form = self.form_class(self.data, mode=self.mode)
        self.headers = [HeaderForm(self.data, prefix=f"h-{number}", mode=self.mode) for number in self.numbers(HEADER_ROW)]
        self.variable_forms = [VariableForm(self.data, prefix=f"v-{number}") for number in self.numbers(VARIABLE_ROW)]
        for row in self.headers:
            row.stored = row.name.lower() in self.known_secrets

    def numbers(self, pattern: re.Pattern[str]) -> list[int]:
        found = sorted(int(match[1]) for name in self.data if (match := pattern.fullmatch(name)))
        return found[: MAX_ROWS + 1]  # one more than is taken, which `check` refuses

    def adopt(self, run: TestRun) -> None:
        """This run holds the typed secrets from now on: the page names it, and their fields may stay empty."""
        self.run = run
        for row in self.headers:
            row.stored = row.stored or row.name.lower() in self.typed_secrets

    # What was typed

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The custom variables. A row that does not check (a tampered page) is left out."""
        return tuple(row.variable for row in self.variable_forms if row.is_valid())

    @cached_property
    def definition(self) -> Definition:
        self.form.is_valid()
        value = {name: self.form[name].value() or "" for name in self.form.fields}
        paths = self.form.paths
        return Definition(
            url=str(value["url"]).strip(),
            method=str(value["method"] or "POST"),
            headers=tuple(row.header for row in self.headers if not row.is_empty),
            use_system_prompt=bool(value["use_system_prompt"]),
            use_examples=bool(value["use_examples"]),
            custom_variables=self.variables,
            body=str(value["body"]).replace("\r\n", "\n"),
            paths=paths,
        )

    @property
    def model_origin(self) -> Origin:
        """What a model that this page adds is: its type, who serves it."""
        return Origin()

    def authorization(self) -> Authorization | None:
        """What authorizes a test besides the secret headers. May query: not for the event loop."""
        return None

    @property
    def name(self) -> str:
        return " ".join(str(self.form["name"].value() or "").split())

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Values for `{name}` in the URL, by name."""
        return {name: str(self.data.get(f"p-{name}", "")).strip() for name in self.parameter_names}

    @cached_property
    def parameter_names(self) -> tuple[str, ...]:
        try:
            return url_parameters(str(self.form["url"].value() or ""))
        except ProviderError:
            return ()

    @property
    def parameter_rows(self) -> list[tuple[str, str]]:
        return list(self.parameters.items())

    @property
    def armed(self) -> str:
        """The slot that the next click in the response fills."""
        return str(self.data.get("armed") or "a")

    @property
    def creation_key(self) -> UUID:
        return as_uuid(self.data.get("creation_key")) or uuid4()

    @property
    def version(self) -> int:
        text = str(self.data.get("version", ""))
        return int(text) if text.isdecimal() and len(text) < 9 else 0

    # Secrets

    @cached_property
    def origin(self) -> str:
        return origin_of(str(self.form["url"].value() or "").strip(), self.parameters)

    @cached_property
    def known_secrets(self) -> dict[str, Secret]:
        """What is stored for this very origin, by header: on the connection, then what was typed for the last test."""
        found = {}
        if self.connection and self.connection_origin == self.origin:
            found.update(self.connection.stored_secrets())
        return found | self.secrets_of_run

    @property
    def connection_origin(self) -> str:
        assert self.connection  # noqa: S101 - the only caller has looked
        return origin_of(self.connection.model.definition.url, self.connection.parameters)

    @cached_property
    def secrets_of_run(self) -> dict[str, Secret]:
        if self.run is None:
            return {}
        found = {}
        for row in self.run.typed_secrets.all():
            if row.origin != self.origin:
                continue
            try:
                found[row.name] = unseal(row.value, row.place)
            except SecretUnreadable:
                continue
        return found

    @property
    def has_unsaved_secrets(self) -> bool:
        """Whether the last test was made with secrets other than those stored: typed for it, then given up."""
        stored = self.connection.stored_secrets() if self.connection else {}
        return any(stored.get(name) != secret for name, secret in self.secrets_of_run.items())

    @cached_property
    def typed_secrets(self) -> dict[str, Secret]:
        """Secret values in this submit, by lower-case header name."""
        return {row.name.lower(): secret for row in self.headers if (secret := row.typed_secret)}

    @cached_property
    def secrets(self) -> dict[str, Secret]:
        """What a call made from this page would use, by lower-case header name."""
        wanted = {name.lower() for name in self.definition.secret_headers}
        known = self.known_secrets | self.typed_secrets
        return {name: secret for name, secret in known.items() if name in wanted}

    @cached_property
    def new_secrets(self) -> dict[str, Secret]:
        """What a save has to store: typed now, or typed for the last test; keyed by the header's name as written."""
        fresh = self.secrets_of_run | self.typed_secrets
        return {name: fresh[name.lower()] for name in self.definition.secret_headers if name.lower() in fresh}

    # Checking

    def check(self) -> bool:
        """Whether everything is right for the mode; problems stand at their fields afterwards."""
        rows_valid = [row.is_valid() for row in self.headers]  # all of them: each row shows its own problem
        valid = self.form.is_valid() and all(rows_valid)
        self.check_row_counts()
        if self.mode is not Mode.KEEP:
            self.check_address()
            self.check_body()
        self.check_header_names()
        return valid and not self.form.errors and all(not row.errors for row in self.headers)

    def check_row_counts(self) -> None:
        if len(self.headers) > MAX_ROWS:
            self.headers[-1].add_error("key", f"At most {MAX_ROWS} headers. Remove some.")
        if len(self.variable_forms) > MAX_ROWS:
            self.form.add_error("body", f"At most {MAX_ROWS} custom variables. Remove some.")

    def check_address(self) -> None:
        """URL syntax, address parameters, egress rules: exactly what a call would check before it connects (spec 07 B4)."""
        url = self.definition.url
        if not url:
            self.form.add_error("url", "Enter the address that takes the request, such as https://models.example.com/v1/chat.")
            return
        if missing := [name for name, value in self.parameters.items() if not value]:
            self.form.add_error("url", f"Give a value for {', '.join(missing)} below: the address needs it.")
            return
        try:
            check_url(fill_url(url, self.parameters), self.rules)
        except OutboundError as error:
            self.refused = error.code is Failure.URL_NOT_ALLOWED
            self.form.add_error("url", f"{error.message} {error.hint}".strip())
        except ProviderError as error:
            self.form.add_error("url", f"{error.message} {error.hint}".strip())

    def check_body(self) -> None:
        body = self.definition.body
        if not body.strip():
            if self.definition.method != "GET":
                self.form.add_error("body", "Enter the JSON that the endpoint takes, with {{prompt}} where the prompt goes.")
            return
        for problem in self.body_problems:
            if problem.severity == "error":
                self.form.add_error("body", f"Line {problem.line}, column {problem.column}: {problem.message}")

    @cached_property
    def body_problems(self) -> list[TemplateProblem]:
        body = self.definition.body
        return check_template(body, self.definition.variables)[1] if body.strip() else []

    @cached_property
    def used_names(self) -> frozenset[str]:
        """The variables that the body refers to, whether or not it is valid yet."""
        return frozenset(PLACEHOLDER.findall(self.definition.body))

    @property
    def body_warnings(self) -> list[TemplateProblem]:
        return [problem for problem in self.body_problems if problem.severity != "error"]

    def check_header_names(self) -> None:
        """No header twice, and no unknown variable in a value."""
        seen: set[str] = set()
        for row in self.headers:
            name = row.name.lower()
            if name and name in seen and self.mode is not Mode.KEEP:
                row.add_error("key", "This header is there twice. Keep one of them.")
            seen.add(name)
            if self.mode is not Mode.KEEP and not row.is_secret:
                for problem in check_text(row.header.value, self.definition.variables):
                    row.add_error("value", problem.message)

    # The last test

    @cached_property
    def result(self) -> Result | None:
        return Result.from_json(self.run.result) if self.run and self.run.result else None

    @cached_property
    def document(self) -> JsonValue:
        """The last response as JSON, in a form that a page can hold; None where there is none."""
        if not (self.result and self.result.received) or self.result.received.cut:
            return None
        try:
            return storable(parse_json(self.result.received.text.encode("utf-8", "replace")))
        except ProviderError:
            return None

    @cached_property
    def digest(self) -> str:
        """Identifies the request that this page would send, credentials included (by fingerprint)."""
        prints = {name: fingerprint(secret, "test", workspace=str(self.workspace.pk)) for name, secret in sorted(self.secrets.items())}
        prints |= {f"{{{name}}}": value for name, value in self.parameters.items()}
        return self.definition.request_digest(prints)

    @property
    def tested_digest(self) -> str:
        """The digest of the passed test that covers this page as it stands, "" when none does."""
        if self.run and self.run.passed and self.run.digest == self.digest:
            return self.digest
        return self.digest if self.model and self.model.tested_digest == self.digest else ""

    @property
    def test_state(self) -> str:
        """For the line at the bottom: current, stale, failed or none."""
        if self.tested_digest:
            return "current"
        if self.run and self.run.digest:
            return "stale" if self.run.digest != self.digest else "failed"
        return "stale" if self.model and self.model.tested_digest else "none"


def as_uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None


def data_of(definition: Definition, *, name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """A stored definition as the fields of the page."""
    data: dict[str, Any] = {
        "name": name,
        "url": definition.url,
        "method": definition.method,
        "body": definition.body,
        "output_path": definition.paths.output,
        "input_tokens_path": definition.paths.input_tokens,
        "output_tokens_path": definition.paths.output_tokens,
    }
    data |= {switch: "on" for switch in ("use_system_prompt", "use_examples") if getattr(definition, switch)}
    for number, header in enumerate(definition.headers):
        data |= {f"h-{number}-key": header.name, f"h-{number}-value": header.value}
        data |= {f"h-{number}-secret": "on"} if header.secret else {}
    for number, variable in enumerate(definition.custom_variables):
        initial = variable_initial(variable)
        data |= {f"v-{number}-{key}": value for key, value in initial.items() if value not in (False, None)}
    data |= {f"p-{key}": value for key, value in parameters.items()}
    return data
