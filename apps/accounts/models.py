"""People, workspaces (the tenants), and who is what in which."""

import uuid
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from apps.accounts.api_apps import ApiApp, ApiKey
from apps.accounts.permissions import ROLE_PERMISSIONS, Permission, Role

__all__ = ["ApiApp", "ApiKey", "Membership", "User", "Workspace", "normalize_email"]


def normalize_email(email: str) -> str:
    """One spelling per address, so that the unique constraint is case-insensitive on every database."""
    return email.strip().lower()


def check_timezone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name} is not a time zone. Use a name such as Europe/Berlin.", code="timezone")


if TYPE_CHECKING:
    EmailField = models.EmailField[str, str]  # generic for the type checker only
else:
    EmailField = models.EmailField


class NormalizedEmailField(EmailField):
    """Stored and looked up lower-case, whatever the spelling given."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return normalize_email(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        return self.to_python(super().get_prep_value(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=normalize_email(username or ""))


class User(AbstractBaseUser):
    """A person, across all workspaces. Rights come from memberships; ``is_staff`` is platform staff (Django admin)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = NormalizedEmailField("e-mail", max_length=254, unique=True)
    name = models.CharField(max_length=120)
    timezone = models.CharField("time zone", max_length=64, default="UTC", validators=[check_timezone])
    is_active = models.BooleanField("active", default=True, help_text="Switch off instead of deleting: the audit log keeps its names.")
    is_staff = models.BooleanField("platform staff", default=False, help_text="May use the platform admin; no right in any workspace.")
    # Part of every session's hash: counting it up ends all sessions of the person (07 D6).
    sessions_version = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects = UserManager()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        salt = "apps.accounts.models.User.session"
        return salted_hmac(salt, f"{self.sessions_version}:{self.password}", secret=secret, algorithm="sha256").hexdigest()

    # Django admin asks these. Platform staff hold every platform right and no other user any: there are no groups to keep in step.
    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_staff


class Workspace(models.Model):
    """The tenant. Everything but system models belongs to exactly one; the APIs call it ``organizationId``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=50, unique=True, help_text="In every link: /w/<slug>/")
    organization = models.CharField(max_length=80, blank=True, default="", help_text="The heading of the workspace switcher.")
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="workspaces")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role in one workspace."""

    ROLES = [(role.value, role.label) for role in Role]

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=ROLES)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_unique"),
            models.CheckConstraint(condition=models.Q(role__in=[role.value for role in Role]), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {Role(self.role).label} of {self.workspace}"

    @property
    def permissions(self) -> frozenset[Permission]:
        return ROLE_PERMISSIONS[Role(self.role)]
