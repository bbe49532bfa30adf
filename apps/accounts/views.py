"""Home, the workspace's front door, and a person's own profile."""

from allauth.account.views import PasswordResetView
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect as redirect_to
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from apps.accounts import actions, queries
from apps.accounts.adapter import MailNotSent
from apps.accounts.context import resolve_or_none
from apps.accounts.forms import ProfileForm, ThemeForm
from apps.accounts.middleware import LAST_WORKSPACE_COOKIE
from apps.accounts.permissions import Permission
from apps.accounts.requests import SignedInRequest, WorkspaceRequest, actor_of
from apps.accounts.sign_in_forms import AskForReset
from apps.core.access import public, require, signed_in
from apps.core.htmx import redirect, render_page, toast
from apps.core.theme import THEME_COOKIE, theme_of

YEAR = 365 * 86400


@require_GET
@signed_in
def home(request: SignedInRequest) -> HttpResponse:
    """To the workspace used last, or the first; an explanation for those without any."""
    workspaces = {workspace.slug: workspace for workspace in queries.workspaces_of(request.user)}
    if not workspaces:
        return render_page(request, "accounts/no_workspace.html")
    slug = request.COOKIES.get(LAST_WORKSPACE_COOKIE, "")
    return redirect_to("workspace", workspace=slug if slug in workspaces else next(iter(workspaces)))


@require_GET
@require(Permission.VIEW_MODELS)
def workspace(request: WorkspaceRequest) -> HttpResponse:
    """The front door of a workspace is its list of models."""
    models = resolve_or_none("external_models:model_list", workspace=request.workspace.slug)
    return redirect(request, models) if models else render_page(request, "accounts/workspace.html")


@signed_in
def profile(request: SignedInRequest) -> HttpResponse:
    form = ProfileForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.update_profile(request.user, **form.cleaned_data, actor=actor_of(request))
        toast(request, "Profile saved")
        return redirect(request, reverse("profile"))
    memberships = queries.memberships_of(request.user)
    context = {
        "form": form,
        "theme_form": ThemeForm(initial={"theme": theme_of(request) or "system"}),
        "has_second_factor": is_mfa_enabled(request.user),
        "memberships": memberships,
    }
    return render_page(request, "accounts/profile.html", context, status=422 if form.errors else 200)


@require_POST
@signed_in
def end_sessions(request: SignedInRequest) -> HttpResponse:
    """Ends every session of this person but the current one."""
    actions.end_other_sessions(request.user, actor=actor_of(request))
    update_session_auth_hash(request, request.user)
    toast(request, "Signed out everywhere else")
    return redirect(request, reverse("profile"))


class PasswordReset(PasswordResetView):  # type: ignore[misc]
    """Does not promise a mail that the mail server did not take. A stranger's address is answered the same: it gets a mail too."""

    def form_valid(self, form: AskForReset) -> HttpResponse:
        try:
            response: HttpResponse = super().form_valid(form)
        except MailNotSent as problem:
            form.add_error(None, str(problem))
            response = self.render_to_response(self.get_context_data(form=form), status=503)
        return response


@require_POST
@public
def theme(request: HttpRequest) -> HttpResponse:
    """Keeps the theme in a cookie. Public: the sign-in page has a theme as well."""
    form = ThemeForm(request.POST)
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = reverse("home")
    response = redirect(request, back)
    if form.is_valid():
        if form.cleaned_data["theme"] == "system":
            response.delete_cookie(THEME_COOKIE)
        else:
            # Read by theme.js as well, so not HttpOnly; it says nothing about anybody.
            chosen = form.cleaned_data["theme"]
            response.set_cookie(THEME_COOKIE, chosen, max_age=YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    return response
