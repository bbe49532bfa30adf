"""Settings, Authorization profiles: the table, and the page of one profile. Testing one calls out and is in apps/inference."""

from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.connections import profile_actions as actions
from apps.connections.profile_forms import ProfileForm
from apps.connections.profile_types import TYPES, TypeSpec, spec_of
from apps.connections.profiles import AuthorizationProfile
from apps.connections.queries import get_profile, profile_rows, users_of
from apps.core.access import require
from apps.core.htmx import redirect, render_page, toast
from apps.egress import rules
from apps.external_models.actions import Author

PAGE = "connections/profile_list.html"


@require_GET
@require(Permission.MANAGE_CREDENTIALS)
def profile_list(request: WorkspaceRequest) -> HttpResponse:
    return show(request)


def show(request: WorkspaceRequest, *, form: ProfileForm | None = None, profile: AuthorizationProfile | None = None) -> HttpResponse:
    """The table, and under it the card of the profile that is added or edited."""
    if form and form.refused:
        name = profile.name if profile else str(form["name"].value() or "")
        actions.record_profile_refusal(request.workspace, name=name, hosts=form.refused, actor=actor_of(request))
    context = {
        "profiles": profile_rows(request.workspace),
        "form": form,
        "profile": profile,
        "connections": users_of(profile) if profile else [],
        "callback_url": callback_url(request, profile) if profile else "",
    }
    return render_page(request, PAGE, context, status=422 if form and form.is_bound else 200)


def callback_url(request: WorkspaceRequest, profile: AuthorizationProfile) -> str:
    """What the authorization server has to know. Each profile has its own, so that no server's answer is taken for another's (RFC 9700)."""
    path = reverse("inference:profile_callback", args=[request.workspace.slug, profile.pk])
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}" if settings.PUBLIC_URL else request.build_absolute_uri(path)


def list_url(request: WorkspaceRequest) -> str:
    return reverse("connections:profile_list", args=[request.workspace.slug])


def chosen_type(request: WorkspaceRequest) -> TypeSpec | None:
    name = request.POST.get("type") or request.GET.get("type") or ""
    try:
        return spec_of(name)
    except ValueError:
        return None


@require_http_methods(["GET", "POST"])
@require(Permission.MANAGE_CREDENTIALS)
def profile_add(request: WorkspaceRequest) -> HttpResponse:
    """First the type is chosen, then its fields are filled in."""
    spec = chosen_type(request)
    if spec is None:
        return render_page(request, "connections/profile_type.html", {"types": TYPES.values()}, partial="dialog")
    form = ProfileForm(request.POST if request.method == "POST" else None, spec=spec, rules=rules.current())
    if request.method == "POST" and form.is_valid():
        by = Author(request.user, actor_of(request))
        try:
            profile = actions.create_profile(
                request.workspace, name=form.cleaned_data["name"], type_name=spec.type, values=form.values, by=by
            )
        except actions.ProfileNameTaken as error:
            form.add_error("name", str(error))
        else:
            return added(request, profile)
    return show(request, form=form)


def added(request: WorkspaceRequest, profile: AuthorizationProfile) -> HttpResponse:
    """To the table; where consent is needed, to the profile's own page with the callback URL, which is there from now on."""
    if not profile.spec.needs_consent:
        toast(request, f"{profile.name} is added", detail="Test it to see that it works.")
        return redirect(request, list_url(request))
    toast(request, f"{profile.name} is added", detail="Enter its callback URL at the provider, then press Test and allow access.")
    return redirect(request, f"{reverse('connections:profile_edit', args=[request.workspace.slug, profile.pk])}#edit")


@require_http_methods(["GET", "POST"])
@require(Permission.MANAGE_CREDENTIALS)
def profile_edit(request: WorkspaceRequest, profile_id: UUID) -> HttpResponse:
    """Name and type are fixed; empty secret fields keep what is stored."""
    profile = get_profile(request.workspace, profile_id)
    form = ProfileForm(request.POST if request.method == "POST" else None, spec=profile.spec, rules=rules.current(), profile=profile)
    if request.method == "POST" and form.is_valid():
        version = request.POST.get("version", "")
        try:
            saved = actions.update_profile(
                profile,
                values=form.values,
                actor=actor_of(request),
                expected_version=int(version) if version.isdecimal() and len(version) < 9 else 0,
            )
        except actions.ProfileEditConflict as error:
            form.add_error(None, str(error))
        else:
            say_saved(request, saved)
            return redirect(request, list_url(request))
    return show(request, form=form, profile=profile)


def say_saved(request: WorkspaceRequest, profile: AuthorizationProfile) -> None:
    if reason := profile.reason:
        toast(request, f"{profile.name} is saved and not configured", level="error", detail=reason)
    else:
        toast(request, f"{profile.name} is saved", detail="The next call uses it as it is now.")


@require_http_methods(["GET", "POST"])
@require(Permission.MANAGE_CREDENTIALS)
def profile_delete(request: WorkspaceRequest, profile_id: UUID) -> HttpResponse:
    """A profile in use cannot be deleted; the dialog lists its users."""
    profile = get_profile(request.workspace, profile_id)
    refusal = ""
    if request.method == "POST":
        try:
            actions.delete_profile(profile, actor=actor_of(request))
        except actions.ProfileInUse as error:
            refusal = str(error)
        else:
            toast(request, f"{profile.name} was deleted", detail="Its audit events are kept.")
            return redirect(request, list_url(request))
    context = {"profile": profile, "connections": users_of(profile), "refusal": refusal}
    return render_page(request, "connections/profile_delete.html", context, partial="dialog", status=409 if refusal else 200)
