"""People, workspaces and memberships in the platform admin. Every change goes through the actions, so all of them are audited (07 D7)."""

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.accounts import actions
from apps.accounts.api_apps import ApiApp, ApiKey
from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Role
from apps.accounts.requests import actor_of
from apps.core.read_only_admin import ReadOnlyAdmin
from apps.core.text import visible

# Authenticators hold secrets; the other two are not used.
for unused in (Authenticator, EmailAddress, Group):
    if admin.site.is_registered(unused):
        admin.site.unregister(unused)


if TYPE_CHECKING:  # generic for the type checker only
    UserModelForm = forms.ModelForm[User]
    MembershipModelForm = forms.ModelForm[Membership]
    BaseUserAdmin = admin.ModelAdmin[User]
    BaseWorkspaceAdmin = admin.ModelAdmin[Workspace]
    BaseMembershipAdmin = admin.ModelAdmin[Membership]
else:
    UserModelForm = MembershipModelForm = forms.ModelForm
    BaseUserAdmin = BaseWorkspaceAdmin = BaseMembershipAdmin = admin.ModelAdmin


class AddUserForm(UserModelForm):
    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), help_text="12 characters or more.")

    class Meta:
        model = User
        fields = ["email", "name", "password", "is_staff"]

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, User(email=self.cleaned_data.get("email", ""), name=self.cleaned_data.get("name", "")))
        return password


@admin.register(User)
class UserAdmin(BaseUserAdmin):
    list_display = ["email", "name", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name"]
    ordering = ["email"]
    readonly_fields = ["last_login", "created_at"]

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return ["email", "name", "password", "is_staff"]
        return ["email", "name", "is_active", "is_staff", "last_login", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        return [] if obj is None else ["email", *self.readonly_fields]

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs if change else {**kwargs, "form": AddUserForm})

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        actor = actor_of(request)
        if change:
            actions.update_user(obj, name=obj.name, is_active=obj.is_active, is_staff=obj.is_staff, actor=actor)
            return
        password = form.cleaned_data["password"]
        obj.pk = actions.create_user(email=obj.email, password=password, name=obj.name, is_staff=obj.is_staff, actor=actor).pk

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # switched off instead: audit, models and connections keep their author


@admin.register(Workspace)
class WorkspaceAdmin(BaseWorkspaceAdmin):
    list_display = ["name", "slug", "organization", "created_at"]
    search_fields = ["name", "slug", "organization"]
    fields = ["name", "slug", "organization"]

    def get_readonly_fields(self, request: HttpRequest, obj: Workspace | None = None) -> list[str]:
        return ["slug"] if obj else []

    def save_model(self, request: HttpRequest, obj: Workspace, form: Any, change: bool) -> None:
        actor = actor_of(request)
        if change:
            actions.rename_workspace(obj, name=obj.name, organization=obj.organization, actor=actor)
            return
        made = actions.create_workspace(name=obj.name, slug=obj.slug, organization=obj.organization, owner=None, actor=actor)
        obj.pk = made.pk

    def has_delete_permission(self, request: HttpRequest, obj: Workspace | None = None) -> bool:
        return False  # an owner's right, from the workspace's settings


class MembershipForm(MembershipModelForm):
    """Checks the rule about the last owner before saving, so that it is an error of the form."""

    class Meta:
        model = Membership
        fields = ["workspace", "user", "role"]

    def clean(self) -> dict[str, Any] | None:
        if self.instance.pk and self.cleaned_data.get("role") != Role.OWNER:
            try:
                actions.check_another_owner(Membership.objects.get(pk=self.instance.pk))
            except actions.AccountError as error:
                raise ValidationError(str(error)) from error
        return super().clean()


@admin.register(Membership)
class MembershipAdmin(BaseMembershipAdmin):
    form = MembershipForm
    list_display = ["user", "workspace", "role", "created_at"]
    list_filter = ["role"]
    list_select_related = ["user", "workspace"]
    search_fields = ["user__email", "user__name", "workspace__name", "workspace__slug"]
    autocomplete_fields = ["user", "workspace"]

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> list[str]:
        return ["workspace", "user"] if obj else []

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        actor, role = actor_of(request), Role(obj.role)
        if change:
            actions.change_role(obj, role=role, actor=actor)
            return
        obj.pk = actions.add_member(workspace=obj.workspace, user=obj.user, role=role, actor=actor).pk

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        try:
            actions.remove_member(obj, actor=actor_of(request))
        except actions.AccountError as error:
            messages.error(request, str(error))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for membership in queryset:
            self.delete_model(request, membership)


@admin.register(ApiApp)
class ApiAppAdmin(ReadOnlyAdmin):
    list_display = ["app_name", "workspace", "scopes", "created_by_name", "created_at"]
    list_select_related = ["workspace"]
    search_fields = ["name", "workspace__name", "workspace__slug"]
    ordering = ["-created_at"]
    fields = ["app_name", "workspace", "scopes", "created_by_name", "created_at", "updated_at"]

    @admin.display(description="Name")
    def app_name(self, app: ApiApp) -> str:
        return visible(app.name)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Neither the key nor its hash (spec 07 A11, D7). The ID is public: it stands in the key before the secret."""

    list_display = ["key_name", "app_name", "workspace", "id", "created_by_name", "created_at", "expires_at", "revoked_at", "last_used_at"]
    list_select_related = ["app__workspace"]
    search_fields = ["id", "name", "app__name", "app__workspace__slug"]
    ordering = ["-created_at"]
    fields = [
        "key_name", "app_name", "workspace", "id", "created_by_name", "created_at", "expires_at", "revoked_at", "last_used_at",
        "requests_per_minute", "tokens_per_minute",
    ]  # fmt: skip

    @admin.display(description="Name")
    def key_name(self, key: ApiKey) -> str:
        return visible(key.name)

    @admin.display(description="API app")
    def app_name(self, key: ApiKey) -> str:
        return visible(key.app.name)

    @admin.display(description="Workspace")
    def workspace(self, key: ApiKey) -> str:
        return visible(key.app.workspace.name)
