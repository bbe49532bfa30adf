"""OAuth 2.0 profiles: a token with every call, obtained when there is none and renewed once when it is refused."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.connections.profile_types import ACCESS_TOKEN
from apps.core.egress import EgressRule
from apps.core.http import Exchange
from apps.core.secrets import Secret
from apps.inference.authorization import Authorized
from apps.inference.profile_keys import Placed, path_markers, placed, put
from apps.inference.profile_material import Material
from apps.inference.profile_tokens import tokens
from apps.providers.types import Request

# When the token that this call was authorized with was obtained, and until when tokens are refused. By call, not on the authorization:
# calls at the same time may share one, and what one was refused says nothing about a token that another has got since.
_used: ContextVar[tuple[UUID, datetime] | None] = ContextVar("patchbay_token_used", default=None)
_refused: ContextVar[tuple[UUID, datetime] | None] = ContextVar("patchbay_token_refused", default=None)


@dataclass(frozen=True, slots=True)
class OAuthAuthorization:
    """`fixed` are the authorization fields without the token; `holders` are those with it: (place, what stands before the token)."""

    material: Material
    fixed: tuple[Placed, ...]
    holders: tuple[tuple[Placed, str], ...]

    @property
    def digest(self) -> str:
        return self.material.digest

    @property
    def parameters(self) -> dict[str, str]:
        return path_markers((*self.fixed, *(place for place, _ in self.holders)))

    async def authorize(self, request: Request[Secret], *, rules: Sequence[EgressRule]) -> Authorized:
        self.material.check_host(request.url)
        self.material.check_whole()
        token = await tokens.get(self.material, rules, refused_until=self._mine(_refused))
        _used.set((self.material.id, token.obtained_at))
        held = [Placed(place.location, place.name, token.access.with_prefix(lead), place.marker) for place, lead in self.holders]
        return Authorized(put(request, (*self.fixed, *held)))

    def was_refused(self, exchange: Exchange) -> bool:
        return exchange.status in (self.material.settings.get("refused_statuses") or [401])

    async def renew(self) -> None:
        """The next `authorize` of this call takes a token that is newer than the refused one: another's, if there is one by then."""
        if used := self._mine(_used):
            _refused.set((self.material.id, used))

    def _mine(self, variable: "ContextVar[tuple[UUID, datetime] | None]") -> datetime | None:
        noted = variable.get()
        return noted[1] if noted and noted[0] == self.material.id else None


def oauth(material: Material) -> OAuthAuthorization:
    fixed, holders = [], []
    for row in material.rows("authorization_fields"):
        value = material.row_value("authorization_fields", row)
        if isinstance(value, str) and value.endswith(ACCESS_TOKEN):
            holders.append((placed(row["location"], row["name"], ""), value.removesuffix(ACCESS_TOKEN)))
        elif value is not None:
            fixed.append(placed(row["location"], row["name"], value))
    if not holders:
        holders.append((Placed("header", "Authorization", ""), "Bearer "))
    return OAuthAuthorization(material, tuple(fixed), tuple(holders))
