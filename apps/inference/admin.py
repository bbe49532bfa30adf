"""Bedrock roles in the platform admin: what was requested, and the decision (spec 02, spec 06, spec 07 D7, G2)."""

from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from apps.accounts.models import User
from apps.accounts.requests import actor_of
from apps.connections.actions import RoleNotSound, refuse_role, register_role
from apps.connections.models import BedrockRole
from apps.core.database import release_connection
from apps.egress import rules
from apps.external_models.actions import Author
from apps.inference.role_checks import plan_trial, try_role

if TYPE_CHECKING:  # generic for the type checker only
    BaseRoleAdmin = admin.ModelAdmin[BedrockRole]
else:
    BaseRoleAdmin = admin.ModelAdmin

REGISTER, REFUSE = "register", "refuse"


class DecisionForm(forms.Form):
    """Register or refuse. A reason is needed to refuse, and to register what the check does not find sound."""

    decision = forms.ChoiceField(choices=((REGISTER, "Register"), (REFUSE, "Refuse")), widget=forms.RadioSelect)
    reason = forms.CharField(required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 3}), help_text="The workspace sees it.")
    override = forms.BooleanField(
        required=False,
        label="Register it even if the check fails",
        help_text="For a role that AWS gives to anybody who uses this platform. It is audited, with the reason.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not data.get("reason", "").strip() and (data.get("decision") == REFUSE or data.get("override")):
            self.add_error("reason", "Say why.")
        return data


@admin.register(BedrockRole)
class BedrockRoleAdmin(BaseRoleAdmin):
    list_display = ["role_arn", "workspace", "state", "sts_region", "requested_by", "requested_at", "decided_by", "decided_at"]
    list_filter = ["state"]
    search_fields = ["role_arn", "workspace__name", "workspace__slug"]
    list_select_related = ["workspace", "requested_by", "decided_by"]
    actions = None
    change_form_template = "admin/bedrock/change_form.html"
    readonly_fields = (
        "workspace", "role_arn", "sts_region", "state", "reason", "check_result", "checked_at",
        "requested_by", "requested_at", "decided_by", "decided_at",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a workspace asks

    def has_change_permission(self, request: HttpRequest, obj: BedrockRole | None = None) -> bool:
        return False  # decisions have a page of their own, which asks AWS first

    def has_delete_permission(self, request: HttpRequest, obj: BedrockRole | None = None) -> bool:
        return False  # what was refused stays refused, with its reason

    def get_urls(self) -> list[URLPattern]:
        decide = path("<path:object_id>/decide/", self.admin_site.admin_view(self.decide_view), name="connections_bedrockrole_decide")
        return [decide, *super().get_urls()]

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The decision. Registering asks AWS first, outside of any transaction, which Django admin's own change page would be in."""
        role = self.get_object(request, object_id)
        if role is None:
            raise Http404("No such Bedrock role.")
        form = DecisionForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self.show(request, role, form)
        try:
            self.decide(request, role, form.cleaned_data)
        except (RoleNotSound, ValueError) as error:
            form.add_error("decision", str(error))
            return self.show(request, role, form)
        return HttpResponseRedirect(reverse("admin:connections_bedrockrole_change", args=[role.pk]))

    def decide(self, request: HttpRequest, role: BedrockRole, data: dict[str, Any]) -> None:
        """Raises RoleNotSound for a role that the check does not find sound, unless that is overridden; ValueError for what is no role."""
        user = request.user
        assert isinstance(user, User)  # noqa: S101  # admin_view has asked
        by = Author(user, actor_of(request))
        if data["decision"] == REFUSE:
            refuse_role(role, reason=data["reason"], by=by)
            messages.success(request, "The role is refused. It is not assumed any more.")
            return
        trial, in_force = plan_trial(role.workspace, role_arn=role.role_arn, sts_region=role.sts_region), rules.current()
        release_connection()
        check = async_to_sync(try_role)(trial, rules=in_force)
        register_role(role, check=check, override=data["override"], reason=data["reason"], by=by)
        messages.success(request, f"The role is registered. {check.words}")

    def show(self, request: HttpRequest, role: BedrockRole, form: DecisionForm) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Decide on a Bedrock role",
            "opts": self.model._meta,
            "role": role,
            "form": form,
            # The admin's own rows for a plain form; its types know model forms only.
            "adminform": AdminForm(form, [(None, {"fields": list(form.fields)})], {}),  # type: ignore[arg-type]
        }
        return TemplateResponse(request, "admin/bedrock/decide.html", context, status=422 if form.errors else 200)
