"""The *Custom API integration* page as it stands: what was typed, what is stored, what was tested. Saved or not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from apps.connections.actions import ProfileUnknown
from apps.core.egress import check_url
from apps.core.outbound import Failure, OutboundError
from apps.external_models.definition import Definition, Feature, Modality
from apps.inference.profile_material import Material
from apps.inference.result import Result
from apps.onboarding.forms import DEFAULT, STRUCTURE, Mode, variable_initial
from apps.onboarding.page_secrets import PageSecrets
from apps.onboarding.structures import STRUCTURES
from apps.onboarding.typed_page import MAX_ROWS, as_uuid
from apps.providers.address import fill_url
from apps.providers.errors import ProviderError
from apps.providers.jsonread import parse_json, storable
from apps.providers.template import TemplateProblem, check_template, check_text
from apps.providers.types import JsonValue

__all__ = ["SPARE_ROWS", "Builder", "as_uuid", "data_of"]

MAX_MODEL = 200  # characters of a model identifier, as many as the list keeps
PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}")
SPARE_ROWS = 3  # empty header rows for pages without scripts


@dataclass
class Builder(PageSecrets):
    """One state of the page, with what is wrong with it and what its last test says."""

    # Checking

    def check(self) -> bool:
        """Whether everything is right for the mode; problems stand at their fields afterwards."""
        rows_valid = [row.is_valid() for row in self.headers]  # all of them: each row shows its own problem
        valid = self.form.is_valid() and all(rows_valid)
        self.check_row_counts()
        self.check_profile()
        if self.mode is not Mode.KEEP:
            self.check_address()
            if self.form.follows_structure:
                self.check_structure()
            else:
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
            whole = fill_url(url, dict.fromkeys(self.profile_names, "x") | self.parameters)
            check_url(whole, self.rules)
            self.check_profile_host(whole)
        except OutboundError as error:
            self.refused = error.code is Failure.URL_NOT_ALLOWED
            self.form.add_error("url", f"{error.message} {error.hint}".strip())
        except ProviderError as error:
            self.form.add_error("url", f"{error.message} {error.hint}".strip())

    def check_profile(self) -> None:
        """A profile that is gone, or another workspace's, is refused always; one that is not configured, when something is to be sent."""
        if self.profile is None:
            if self.data.get("authorization_profile"):
                self.form.add_error("authorization_profile", str(ProfileUnknown()))
        elif self.mode is Mode.TEST and (reason := self.profile.reason):
            self.form.add_error("authorization_profile", f"{self.profile.name} is not configured. {reason}")

    def check_profile_host(self, url: str) -> None:
        """Whether the profile's credentials may go to this address, as a call would check it (spec 07 A8)."""
        if self.profile is None:
            return
        try:
            Material.of(self.profile).check_host(url)
        except ProviderError as error:
            self.form.add_error("authorization_profile", f"{error.message} {error.hint}")

    def check_structure(self) -> None:
        """For a test, what shapes the request; for Confirm, also what the model is said to be able to do."""
        chosen, definition = self.data.get("structure") or self.structure, self.definition
        if chosen not in STRUCTURES:
            self.form.add_error("structure", "Choose the API that the endpoint follows.")
        if not definition.model:
            self.form.add_error("model_identifier", f"Enter the name that the endpoint knows the model by, such as {self.model_example}.")
        elif len(definition.model) > MAX_MODEL:
            self.form.add_error("model_identifier", f"Use at most {MAX_MODEL} characters; this is {len(definition.model)}.")
        if self.mode is not Mode.CONFIRM:
            return
        if not (definition.features or definition.modalities):
            self.form.add_error("features", "Switch on at least one feature or modality that the model supports.")
        if Feature.PARALLEL_TOOL_CALLING in definition.features and Feature.TOOL_CALLING not in definition.features:
            self.form.add_error("features", "Parallel tool calling needs Tool calling. Switch that on as well, or this one off.")

    @property
    def model_example(self) -> str:
        return STRUCTURES[self.structure].model_example

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
        "configuration": DEFAULT if definition.is_template else STRUCTURE,
        "structure": "" if definition.is_template else definition.wire_format,
        "model_identifier": definition.model,
    }
    data |= {f"feature-{feature}": "on" for feature in Feature if feature in definition.features}
    data |= {f"modality-{modality}": "on" for modality in Modality if modality in definition.modalities}
    data |= {switch: "on" for switch in ("use_system_prompt", "use_examples") if getattr(definition, switch)}
    for number, header in enumerate(definition.headers):
        data |= {f"h-{number}-key": header.name, f"h-{number}-value": header.value}
        data |= {f"h-{number}-secret": "on"} if header.secret else {}
        data |= {f"h-{number}-lead": header.prefix} if header.prefix else {}
    for number, variable in enumerate(definition.custom_variables):
        initial = variable_initial(variable)
        data |= {f"v-{number}-{key}": value for key, value in initial.items() if value not in (False, None)}
    data |= {f"p-{key}": value for key, value in parameters.items()}
    return data
