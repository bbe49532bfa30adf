"""AWS Signature v4 profiles: every call is signed with the workspace's own access key."""

from collections.abc import Sequence
from dataclasses import dataclass

from asgiref.sync import sync_to_async

from apps.core import sigv4
from apps.core.egress import EgressRule
from apps.core.http import Exchange
from apps.core.secrets import Secret
from apps.inference.authorization import Authorized
from apps.inference.profile_material import Material
from apps.providers.types import Request


@dataclass(frozen=True, slots=True)
class AwsAuthorization:
    material: Material

    @property
    def digest(self) -> str:
        return self.material.digest

    @property
    def parameters(self) -> dict[str, str]:
        return {}

    async def authorize(self, request: Request[Secret], *, rules: Sequence[EgressRule]) -> Authorized:
        self.material.check_host(request.url)
        self.material.check_whole()
        await sync_to_async(sigv4.prepare, thread_sensitive=False)()
        return Authorized(request, self.signer)

    @property
    def signer(self) -> sigv4.SigV4Signer:
        secrets = self.material.secrets
        keys = sigv4.SigningKeys(self.material.text("access_key"), secrets["secret_key"], secrets.get("session_token"))
        return sigv4.SigV4Signer(keys, self.material.text("region"), self.material.text("service"))

    def was_refused(self, exchange: Exchange) -> bool:
        return False

    async def renew(self) -> None:
        """There is nothing to renew."""
