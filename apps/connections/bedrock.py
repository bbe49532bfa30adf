"""What a workspace and AWS know each other by: its external ID, and the IAM roles that it had registered (spec 02, spec 07 G)."""

import secrets
import uuid
from dataclasses import dataclass
from enum import StrEnum

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import Workspace


def new_external_id() -> str:
    """`pb-` and 32 hex digits (G1)."""
    return f"pb-{secrets.token_hex(16)}"


class AwsIdentity(models.Model):
    """The workspace's external ID. Made once by the product, never edited: trust policies out there name it."""

    workspace = models.OneToOneField("accounts.Workspace", on_delete=models.CASCADE, primary_key=True, related_name="aws_identity")
    external_id = models.CharField(max_length=40, unique=True, default=new_external_id, editable=False)

    def __str__(self) -> str:
        return self.external_id


def external_id_of(workspace: Workspace) -> str:
    """The workspace's external ID, made when it is first asked for."""
    return AwsIdentity.objects.get_or_create(workspace=workspace)[0].external_id


class RoleState(models.TextChoices):
    """Where a registration stands. A role without a row was not requested."""

    REQUESTED = "requested", "Requested"
    REGISTERED = "registered", "Registered"
    REFUSED = "refused", "Refused"


class BedrockRole(models.Model):
    """The registration of one IAM role for one workspace."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="bedrock_roles")
    role_arn = models.CharField("role ARN", max_length=600)
    sts_region = models.CharField("STS region", max_length=40)
    state = models.CharField(max_length=12, choices=RoleState, default=RoleState.REQUESTED)
    reason = models.CharField(max_length=500, blank=True)
    # What the checks with AWS gave, in words; "" before they ran.
    check_result = models.CharField(max_length=500, blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    requested_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+", editable=False)
    requested_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    decided_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+", editable=False)
    decided_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "Bedrock role"
        ordering = ["-requested_at", "id"]
        constraints = [models.UniqueConstraint("workspace", "role_arn", name="bedrock_role_once_in_workspace")]

    def __str__(self) -> str:
        return self.role_arn

    @property
    def is_registered(self) -> bool:
        return self.state == RoleState.REGISTERED

    @property
    def asked_again(self) -> bool:
        """Whether it waits although a person refused it before, for `reason`: only a person registers it then."""
        return self.state == RoleState.REQUESTED and self.decided_by_id is not None


def find_role(workspace: Workspace | None, role_arn: str) -> BedrockRole | None:
    """The registration of a role for the workspace; None where none was requested."""
    return BedrockRole.objects.filter(workspace=workspace, role_arn=role_arn).first()


class Verdict(StrEnum):
    """What trying a role with AWS showed (G2)."""

    SOUND = "sound"  # refuses callers without the external ID and with a wrong one, and lets the right one in
    OPEN = "open"  # lets in who does not have the external ID: anybody's workspace could use it
    CLOSED = "closed"  # does not let Patchbay in
    UNKNOWN = "unknown"  # AWS could not be asked


@dataclass(frozen=True, slots=True)
class RoleCheck:
    """The outcome of the check, with a sentence for the page and the log."""

    verdict: Verdict
    words: str
