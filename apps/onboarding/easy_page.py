"""The wizard's last step as it stands: the model chosen, what was typed, what is kept, what came of the check."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from apps.accounts.models import User, Workspace
from apps.catalog.models import CatalogModel
from apps.catalog.queries import find
from apps.connections.origin import origin_of
from apps.core.egress import EgressRule, check_url
from apps.core.http import Limits
from apps.core.outbound import Failure, OutboundError
from apps.core.secrets import Secret, SecretUnreadable, unseal
from apps.external_models.definition import Definition
from apps.external_models.models import ExternalModel
from apps.inference.models import TestRun
from apps.inference.result import Result
from apps.inference.target import Target
from apps.onboarding.actions import EasyIntegration, find_easy
from apps.onboarding.easy import ASIDE, carried, definition_of, known_features, known_modalities, model_name, parameters_of
from apps.onboarding.easy_forms import EasyForm
from apps.providers.address import fill_url, url_parameters
from apps.providers.base import CheckRequest, EasySetup, Provider
from apps.providers.errors import ErrorKind, ProviderError

CHECK_LIMITS = Limits(first_byte=20, total=30)  # seconds; somebody waits, and lists of models come at once
# What the person has to mend before anything can be saved. Everything else may be saved anyway, switched off.
NOT_SAVEABLE = frozenset(
    {ErrorKind.URL_INVALID, ErrorKind.URL_NOT_ALLOWED, ErrorKind.BAD_VALUE, ErrorKind.NEEDS_CREDENTIALS, ErrorKind.BODY_TOO_LARGE}
)
# Of an address that is not the provider's, which is mended at its field.
WRONG_ADDRESS = frozenset(
    {ErrorKind.NAME_NOT_RESOLVED, ErrorKind.CONNECTION_REFUSED, ErrorKind.CONNECT_FAILED, ErrorKind.TLS_FAILED, ErrorKind.REDIRECT}
)
# A call's hint is about slow models and the limits of its connection. A list of models is not slow, and there is no connection yet.
TOO_LATE = "Check the base URL under Advanced, and try again in a moment."
HINTS: Mapping[str, str] = dict.fromkeys((ErrorKind.CONNECT_TIMEOUT, ErrorKind.FIRST_BYTE_TIMEOUT, ErrorKind.TIMEOUT), TOO_LATE)


@dataclass
class EasyPage:
    """`data` is what was submitted, None for a page that is only looked at; `query` is what the address carries."""

    provider: Provider
    setup: EasySetup
    model_id: str
    query: Mapping[str, str]
    data: Mapping[str, str] | None
    workspace: Workspace
    user: User
    rules: tuple[EgressRule, ...] = ()
    run: TestRun | None = None  # holds a key typed before
    refused: bool = field(init=False, default=False)  # the egress rules do not let calls go to the base URL
    problem: str = field(init=False, default="")  # why the key is not known to work, where it stands at no field
    can_save_anyway: bool = field(init=False, default=False)

    @cached_property
    def form(self) -> EasyForm:
        like_model = {f"p-{field.name}": self.model_id for field in self.setup.fields if field.like_model}
        initial = like_model | {"base_url": self.first_base_url} | carried(self.query, self.setup)
        return EasyForm(self.data, setup=self.setup, initial=initial, has_kept=bool(self.kept_secrets))

    # What was chosen and typed

    def value(self, name: str) -> str:
        """A field as it stands, whether or not it is right."""
        source: Mapping[str, Any] = (
            self.data if self.data is not None else {"base_url": self.first_base_url} | carried(self.query, self.setup)
        )
        return str(source.get(name) or "").strip()

    @cached_property
    def catalog_row(self) -> CatalogModel | None:
        return find(self.provider.key, self.model_id)

    @cached_property
    def first_base_url(self) -> str:
        """What stands in the field before it is changed: that of the model that is here, where it is not at its provider's own."""
        models = ExternalModel.objects.filter(workspace=self.workspace, provider=self.provider.key, model_id=self.model_id)
        here = [model for model in models.order_by("created_at", "id") if model.is_easy]
        bases = [self.setup.base_of(model.definition.url, model.definition.model) for model in here]
        return self.setup.base_url if self.setup.base_url in bases or not bases else bases[0]

    @property
    def name(self) -> str:
        """The model's, in words."""
        return self.catalog_row.name if self.catalog_row else self.model_id

    @cached_property
    def definition(self) -> Definition:
        return definition_of(
            self.provider,
            self.setup,
            self.model_id,
            self.value("base_url"),
            features=known_features(self.catalog_row),
            modalities=known_modalities(self.catalog_row),
        )

    @property
    def base_url(self) -> str:
        return self.value("base_url")

    @property
    def has_own_base_url(self) -> bool:
        return self.value("base_url") != self.setup.base_url

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Of the provider's fields those that the address has a place for."""
        try:
            wanted = url_parameters(self.definition.url)
        except ProviderError:
            return {}
        source = {f"p-{field.name}": self.value(f"p-{field.name}") for field in self.setup.fields}
        return {name: value for name, value in parameters_of(self.setup, source).items() if name in wanted}

    @cached_property
    def already_here(self) -> ExternalModel | None:
        """The model that this would be once more."""
        return find_easy(self.workspace, self.provider.key, self.definition)

    @property
    def lede(self) -> str:
        if self.already_here:
            return "This adds a connection to the model that is here already."
        return "This becomes the first connection. You can add more later."

    @property
    def carried(self) -> dict[str, str]:
        """For the address of another step: everything but the key."""
        aside = {name: self.query.get(name, "") for name in ASIDE}
        return aside | carried(self.data if self.data is not None else self.query, self.setup) | {"model": self.model_id}

    # The key

    @cached_property
    def origin(self) -> str:
        return origin_of(self.definition.url, self.parameters)

    @cached_property
    def typed_secrets(self) -> dict[str, Secret]:
        key = Secret(self.value("key") if self.data is not None and "key" not in self.form.errors else "").stripped()
        return {self.setup.key_header.lower(): key} if key else {}

    @cached_property
    def kept_secrets(self) -> dict[str, Secret]:
        """What this person typed before, for this very origin (spec 07 A8)."""
        found = {}
        for row in self.run.typed_secrets.all() if self.run else ():
            if row.origin != self.origin:
                continue
            try:
                found[row.name] = unseal(row.value, row.place)
            except SecretUnreadable:
                continue
        return found

    def adopt(self, run: TestRun) -> None:
        """This run holds the key from now on: the page names it, and the field may stay empty."""
        self.run = run
        self.form.keep_key(refused="key" in self.form.errors)

    @property
    def secrets(self) -> dict[str, Secret]:
        """By lower-case header name."""
        return self.kept_secrets | self.typed_secrets

    # Checking and saving

    def check(self) -> bool:
        """Whether everything typed is right; problems stand at their fields afterwards. Nothing is sent yet."""
        if self.form.is_valid():
            self.check_address()
        return not self.form.errors

    def check_address(self) -> None:
        """What a call would check before it connects (spec 07 B4): of the endpoint, and of the check's own address."""
        try:
            for url in (self.definition.url, self.asked.url):
                check_url(fill_url(url, self.parameters), self.rules)
        except OutboundError as error:
            self.refused = error.code is Failure.URL_NOT_ALLOWED
            self.form.add_error("base_url", f"{error.message} {error.hint}".strip())
        except ProviderError as error:
            self.form.add_error("base_url", f"{error.message} {error.hint}".strip())

    @property
    def asked(self) -> CheckRequest:
        return self.setup.check(self.value("base_url"), self.model_id)

    @property
    def target(self) -> Target:
        return Target(self.definition, self.secrets, self.parameters, CHECK_LIMITS)

    def integration(self, *, key_checked: bool) -> EasyIntegration:
        return EasyIntegration(
            provider=self.provider.key,
            name=model_name(self.model_id, self.catalog_row),
            definition=self.definition,
            connection_name=self.form.cleaned_data["name"],
            secrets={self.setup.key_header: self.secrets[self.setup.key_header.lower()]},
            parameters=self.parameters,
            key_checked=key_checked,
        )

    def blame(self, result: Result) -> None:
        """Say what came of a check that went wrong, where it can be mended.

        A rate limit says nothing of the key: gateways and providers count by address or account before they look at it. So it is asked
        again later, or saved switched off like any key that is not known to work.
        """
        failure = result.failure
        assert failure  # noqa: S101 - the only caller has looked
        message = failure.message if failure.message.endswith((".", "!", "?")) else f"{failure.message}."
        said = f"The key could not be checked: {message} {HINTS.get(failure.kind, failure.hint)}".strip()
        is_missing = bool(result.received and result.received.status == 404)
        self.can_save_anyway = failure.kind not in NOT_SAVEABLE
        if failure.kind == ErrorKind.UPSTREAM_AUTH:
            status = f" ({result.received.status})" if result.received else ""
            said = f": “{failure.provider_message}”" if failure.provider_message else ""
            refusal = f"{self.provider.label} refused the key{said}{status}. Paste it again, or save anyway"
            self.form.add_error("key", f"{refusal}; the connection then starts switched off.")
        elif not self.can_save_anyway:
            self.form.add_error("base_url", f"{failure.message} {failure.hint}".strip())
        elif failure.kind == ErrorKind.MODEL_NOT_LISTED:
            self.problem = f"{failure.message} {failure.hint}".strip()
        elif is_missing or failure.kind in WRONG_ADDRESS:
            by_name = [f"p-{field.name}" for field in self.setup.fields if field.like_model and field.name in self.parameters]
            place = by_name[0] if is_missing and by_name else "base_url"
            self.form.add_error(place, f"{said} Or save anyway; the connection then starts switched off.")
        else:
            self.problem = said
