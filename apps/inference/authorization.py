"""The step between rendering and sending: what authorizes a request besides the connection's own secret headers.

A profile (OAuth, keys in the query, signatures) and an assumed role are two implementations of the same three methods. Which one a
connection has is settled in `target.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from apps.core.egress import EgressRule
from apps.core.http import Exchange, Signer
from apps.core.secrets import Secret
from apps.providers.types import Request


@dataclass(frozen=True, slots=True)
class Authorized:
    """A request ready to be sent: headers and fills added, and who signs it, if anybody."""

    request: Request[Secret]
    signer: Signer | None = None


class Authorization(Protocol):
    """One way of authorizing calls, with the values that it needs; holds nothing open and makes no query."""

    @property
    def digest(self) -> str:
        """Changes with whatever changes the authorization: a test that passed with one says nothing about another."""
        ...

    async def authorize(self, request: Request[Secret], *, rules: Sequence[EgressRule]) -> Authorized:
        """Add what authorizes the request, obtaining a token or temporary credentials when there are none.

        Raises ProviderError of the stage AUTHORIZE. Never called inside a database transaction: it may call out.
        """
        ...

    def was_refused(self, exchange: Exchange) -> bool:
        """Whether this answer means that the token or the temporary credentials are not good any more."""
        ...

    async def renew(self) -> None:
        """Forget the token or credentials last used, so that the next `authorize` fetches new ones. Called once a call at most."""
        ...
