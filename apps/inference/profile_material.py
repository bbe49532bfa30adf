"""A profile as plain values, read before the call: what authorizing needs while no query may be made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.connections.profile_forms import short_origin
from apps.connections.profile_types import ProfileType, missing_labels, row_secret, url_origin
from apps.connections.profiles import AuthorizationProfile
from apps.core.secrets import Secret
from apps.providers.errors import ErrorKind, ProviderError


@dataclass(frozen=True, slots=True)
class Material:
    """`secrets` holds those that open and belong to the settings, by stored name; `missing` the labels of required ones that do not."""

    id: UUID
    workspace_id: UUID
    name: str
    type: ProfileType
    version: int
    settings: Mapping[str, Any]
    allowed_origins: frozenset[str]
    secrets: Mapping[str, Secret] = field(repr=False)
    missing: tuple[str, ...]

    @classmethod
    def of(cls, profile: AuthorizationProfile) -> "Material":
        stored = profile.stored_secrets()
        return cls(
            profile.pk,
            profile.workspace_id,
            profile.name,
            ProfileType(profile.type),
            profile.version,
            profile.settings,
            frozenset(profile.allowed_origins),
            stored,
            tuple(missing_labels(profile.slots, stored)),
        )

    @property
    def digest(self) -> str:
        return f"profile {self.id} {self.version}"

    def text(self, name: str) -> str:
        """An open setting; "" where it has none."""
        return str(self.settings.get(name) or "")

    def rows(self, name: str) -> list[dict[str, Any]]:
        return list(self.settings.get(name) or [])

    def row_value(self, rows: str, row: Mapping[str, Any]) -> str | Secret | None:
        """The value of a row; None for a secret that is missing."""
        return self.secrets.get(row_secret(rows, row)) if row["secret"] else str(row["value"])

    def check_whole(self) -> None:
        """Raises ProviderError(PROFILE_NOT_CONFIGURED) when a secret has to be entered again."""
        if self.missing:
            raise not_configured(self.name, f"Enter it again: {', '.join(self.missing)}.")

    def check_host(self, url: str) -> None:
        """The workspace's credentials go to the hosts that an admin allowed, whatever a model's definition says (spec 07 A8).

        Raises ProviderError(PROFILE_HOST_NOT_ALLOWED).
        """
        origin = url_origin(url)
        if not origin or origin not in self.allowed_origins:
            host = short_origin(origin) if origin else "this address"
            raise ProviderError(
                ErrorKind.PROFILE_HOST_NOT_ALLOWED,
                f"The authorization profile {self.name} may not be used for {host}.",
                "An admin can add the host to the profile's allowed hosts, in Settings.",
            )


def not_configured(name: str, why: str) -> ProviderError:
    hint = "An admin can mend it in Settings, Authorization profiles."
    return ProviderError(ErrorKind.PROFILE_NOT_CONFIGURED, f"The authorization profile {name} is not configured. {why}", hint)
