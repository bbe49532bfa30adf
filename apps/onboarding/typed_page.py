"""What was typed into an integration page, as values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID, uuid4

from apps.accounts.models import User, Workspace
from apps.connections.models import AuthorizationProfile, Connection
from apps.connections.queries import list_profiles
from apps.core.egress import EgressRule
from apps.external_models.actions import Origin
from apps.external_models.definition import TEMPLATE, Definition, Feature, Modality
from apps.external_models.models import ExternalModel
from apps.inference.authorization import Authorization
from apps.inference.models import TestRun
from apps.onboarding.forms import HeaderForm, IntegrationForm, Mode, VariableForm
from apps.onboarding.page_urls import PageUrls
from apps.onboarding.structures import STRUCTURES
from apps.providers.address import url_parameters
from apps.providers.errors import ProviderError
from apps.providers.types import Variable

HEADER_ROW = re.compile(r"h-(\d{1,4})-key")
VARIABLE_ROW = re.compile(r"v-(\d{1,4})-name")
MAX_ROWS = 100


@dataclass
class TypedPage:
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

    def numbers(self, pattern: re.Pattern[str]) -> list[int]:
        found = sorted(int(match[1]) for name in self.data if (match := pattern.fullmatch(name)))
        return found[: MAX_ROWS + 1]  # one more than is taken, which `check` refuses

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The custom variables. A row that does not check (a tampered page) is left out."""
        return tuple(row.variable for row in self.variable_forms if row.is_valid())

    @cached_property
    def definition(self) -> Definition:
        """What the page says, the configuration that is not chosen included: a draft keeps it (see Definition.without_unused)."""
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
            wire_format=self.structure if self.form.follows_structure else TEMPLATE,
            model=str(value["model_identifier"]).strip(),
            features=tuple(feature.value for feature in Feature if self.data.get(f"feature-{feature}")),
            modalities=tuple(modality.value for modality in Modality if self.data.get(f"modality-{modality}")),
        )

    @cached_property
    def profiles(self) -> list[AuthorizationProfile]:
        """Those that can be chosen: the workspace's."""
        return list(list_profiles(self.workspace))

    @cached_property
    def profile(self) -> AuthorizationProfile | None:
        """The chosen authorization profile. One of another workspace is never found (spec 07 D2)."""
        chosen = str(self.data.get("authorization_profile", ""))
        return next((profile for profile in self.profiles if str(profile.pk) == chosen), None) if chosen else None

    @property
    def structure(self) -> str:
        """The chat format of the chosen API reference; the first where none is."""
        chosen = str(self.data.get("structure", ""))
        return chosen if chosen in STRUCTURES else next(iter(STRUCTURES))

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
        """The `{name}`s of the URL that the connection fills in; some are the authorization profile's."""
        try:
            names = url_parameters(str(self.form["url"].value() or ""))
        except ProviderError:
            return ()
        return tuple(name for name in names if name not in self.profile_names)

    @property
    def profile_names(self) -> frozenset[str]:
        return self.profile.path_names if self.profile else frozenset()

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


def as_uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
