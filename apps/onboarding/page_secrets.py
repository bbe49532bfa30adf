"""The secrets of an integration page: typed now, typed for the last test, or stored; each for one endpoint only (spec 07 A8)."""

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from apps.connections.origin import origin_of
from apps.core.secrets import Secret, SecretUnreadable, fingerprint, unseal
from apps.inference.models import TestRun
from apps.inference.profiles import profile_authorization
from apps.onboarding.typed_page import TypedPage


@dataclass
class PageSecrets(TypedPage):
    """A typed page with the secrets that it may use."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for row in self.headers:
            row.stored = row.name.lower() in self.known_secrets

    def adopt(self, run: TestRun) -> None:
        """This run holds the typed secrets from now on: the page names it, and their fields may stay empty."""
        self.run = run
        for row in self.headers:
            row.stored = row.stored or row.name.lower() in self.typed_secrets

    @cached_property
    def origin(self) -> str:
        """Where, and by which authorization profile, the secrets of this page go; "" while the URL names no host."""
        return with_profile_id(
            origin_of(str(self.form["url"].value() or "").strip(), self.parameters), self.profile.pk if self.profile else None
        )

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
        connection = self.connection
        return with_profile_id(origin_of(connection.model.definition.url, connection.parameters), connection.authorization_profile_id)

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

    @cached_property
    def digest(self) -> str:
        """Identifies the request that this page would send, credentials included (by fingerprint)."""
        prints = {name: fingerprint(secret, "test", workspace=str(self.workspace.pk)) for name, secret in sorted(self.secrets.items())}
        prints |= {f"{{{name}}}": value for name, value in self.parameters.items()}
        prints |= {"authorization profile": profile_authorization(self.profile).digest} if self.profile else {}
        return self.definition.request_digest(prints)


def with_profile_id(origin: str, profile_id: UUID | None) -> str:
    """Another authorization profile is another place (spec 07 A8)."""
    return f"{origin} {profile_id.hex}" if origin and profile_id else origin
