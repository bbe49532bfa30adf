"""The *Amazon Bedrock* page as it stands. What it shares with *Custom API integration* it inherits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

from apps.catalog.models import CatalogModel
from apps.catalog.queries import find
from apps.connections.bedrock import find_role
from apps.connections.bedrock_parameters import complete, problems_with, reference_of
from apps.connections.models import BedrockRole
from apps.external_models.actions import Origin
from apps.external_models.definition import BEDROCK_SCHEME, Definition
from apps.external_models.models import IntegrationType, Provider
from apps.inference.authorization import Authorization
from apps.inference.roles import role_authorization
from apps.onboarding.bedrock_form import BedrockForm
from apps.onboarding.builder import Builder, data_of
from apps.onboarding.easy import known_features, known_modalities
from apps.onboarding.forms import DEFAULT, STRUCTURE, IntegrationForm, Mode
from apps.onboarding.page_urls import PageUrls
from apps.providers.aws import ModelReference, family_of, reduce_model_id, speaks_converse
from apps.providers.aws.model_ids import without_geography

CONVERSE = "converse"
MAX_MODEL_ID = 200  # characters kept for lists and search


@dataclass
class BedrockBuilder(Builder):
    """What was typed, and what is wrong with it. `data` is always settled: see `settled`."""

    template: ClassVar[str] = "onboarding/bedrock.html"
    urls: ClassVar[PageUrls] = PageUrls(
        save="onboarding:bedrock_save",
        sample="onboarding:bedrock_sample",
        test="onboarding:bedrock_test",
        preview="onboarding:bedrock_preview",
        pick="onboarding:bedrock_pick",
        address="onboarding:bedrock_model",
        variable_dialog="onboarding:bedrock_variable_dialog",
        variable_save="onboarding:bedrock_variable_save",
        variable_remove="onboarding:bedrock_variable_remove",
        variable_toggle="onboarding:bedrock_variable_toggle",
    )
    form_class: ClassVar[type[IntegrationForm]] = BedrockForm

    def __post_init__(self) -> None:
        self.data = settled(self.data)
        super().__post_init__()

    # What was typed

    @property
    def structure(self) -> str:
        return CONVERSE

    @cached_property
    def definition(self) -> Definition:
        """Of a model that speaks Converse, with what the catalogue says that it can do."""
        typed = super().definition
        if typed.is_template:
            return typed
        return replace(typed, features=known_features(self.catalog_row), modalities=known_modalities(self.catalog_row))

    @cached_property
    def catalog_row(self) -> CatalogModel | None:
        return find(Provider.BEDROCK, without_geography(self.model_id)) if self.model_id else None

    @property
    def model_id(self) -> str:
        """The model as the API takes it, as far as it can be read."""
        return str(self.data["url"]).removeprefix(BEDROCK_SCHEME)

    @cached_property
    def reference(self) -> ModelReference | None:
        """What the page makes of the model ID; None while it is empty or cannot be one."""
        return reference_of(str(self.data.get("model_id", "")))

    @cached_property
    def parameters(self) -> dict[str, str]:
        return complete(self.data)

    @property
    def parameter_rows(self) -> list[tuple[str, str]]:
        return []

    @property
    def model_origin(self) -> Origin:
        return Origin(IntegrationType.EASY, Provider.BEDROCK, self.model_id[:MAX_MODEL_ID])

    @cached_property
    def role(self) -> BedrockRole | None:
        """The registration of the role as it is typed; None where none was requested."""
        arn = self.parameters["role_arn"]
        return find_role(self.workspace, arn) if arn else None

    def authorization(self) -> Authorization | None:
        return role_authorization(self.workspace, model_id=self.model_id, parameters=self.parameters, connection=self.connection)

    # Checking

    def check_address(self) -> None:
        """The model's ID, the role with its regions, and whether the role may be assumed yet (spec 02)."""
        try:
            reduce_model_id(str(self.data.get("model_id", "")))
        except ValueError as error:
            self.form.add_error("model_id", str(error))
        problems = problems_with(self.parameters, self.reference)
        for name, problem in problems.items():
            self.form.add_error(name, problem)
        if "role_arn" not in problems and not (self.role and self.role.is_registered):
            self.form.add_error("role_arn", f"{registration_problem(self.role)} Until it is registered, {self.what_waits}.")

    @property
    def what_waits(self) -> str:
        return "the model cannot be tested" if self.mode is Mode.TEST else "the model can be saved as a draft only"

    def check_structure(self) -> None:
        """Converse needs nothing but the model."""


def registration_problem(role: BedrockRole | None) -> str:
    if role is None:
        return "This role is not registered: request its registration below."
    return f"The registration of this role is {role.get_state_display().lower()}, see below."


def settled(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the page with what follows from the model's ID: its address and, for another ID than before, how it is called.

    `model_known` is the ID for which call, body and paths were proposed, `call_known` the call that was: another one was chosen by hand.
    An ID that does not say which model it is changes nothing about the call.
    """
    text = str(data.get("model_id", "")).strip()
    reference = reference_of(text)
    model_id = reference.model_id if reference else text
    before = str(data.get("model_known", ""))
    fields = {**data, "url": f"{BEDROCK_SCHEME}{model_id}", "method": "POST", "model_identifier": model_id, "model_known": model_id}
    if model_id != before:
        fields |= proposed_body(fields, before, model_id)
        if family_of(model_id) and fields.get("configuration") == fields.get("call_known"):
            fields["configuration"] = STRUCTURE if speaks_converse(model_id) else DEFAULT
    if fields.get("configuration") not in {STRUCTURE, DEFAULT}:
        fields["configuration"] = STRUCTURE
    return fields


def proposed_body(fields: Mapping[str, Any], before: str, model_id: str) -> dict[str, str]:
    """A body with paths to begin with (spec 02), unless somebody wrote their own."""
    body = str(fields.get("body", "")).replace("\r\n", "\n")
    untouched = not body.strip() or body == starting_fields(before)["body"]
    return starting_fields(model_id) if untouched else {}


def starting_fields(model_id: str) -> dict[str, str]:
    """Body and paths of the model's family for InvokeModel, empty ones for a family that is not known."""
    family = family_of(model_id)
    point = family.invoke if family else None
    return {
        "body": point.body if point else "",
        "output_path": point.output if point else "",
        "input_tokens_path": point.input_tokens if point else "",
        "output_tokens_path": point.output_tokens if point else "",
    }


def bedrock_data(definition: Definition, *, name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """A stored definition and its connection's parameters as the fields of the page."""
    model_id = definition.url.removeprefix(BEDROCK_SCHEME)
    data = data_of(definition, name=name, parameters={}) | {"model_id": model_id, "model_known": model_id}
    if not definition.body.strip():
        data |= starting_fields(model_id)  # for whoever changes over to InvokeModel
    return data | dict(parameters)
