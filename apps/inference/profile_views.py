"""Testing an authorization profile, and the way to a provider's consent page and back."""

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.audit.models import Outcome
from apps.connections.profile_actions import record_profile_test
from apps.connections.profile_views import callback_url
from apps.connections.profiles import AuthorizationProfile
from apps.connections.queries import get_profile
from apps.core.access import require
from apps.core.database import release_connection
from apps.core.egress import EgressRule
from apps.core.htmx import is_fragment_request, redirect, render_fragment, render_page, toast
from apps.core.limits import limit_calls_out
from apps.core.secrets import Secret
from apps.egress import rules
from apps.inference.consent import CHANGED, ConsentRefused, keep_consent, take_consent
from apps.inference.oauth_requests import code_request, consent_url, new_challenge
from apps.inference.profile_material import Material
from apps.inference.profile_store import store
from apps.inference.profile_test import Tried, failed, token_words, try_profile
from apps.inference.profile_tokens import exchange, tokens
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonread import storable

MAX_CODE = 4096  # characters of an authorization code


@dataclass(frozen=True, slots=True)
class ReadyTest:
    """What the test needs, read from the database before it calls out."""

    profile: AuthorizationProfile
    material: Material
    rules: tuple[EgressRule, ...]


@require_POST
@require(Permission.MANAGE_CREDENTIALS)
@limit_calls_out
async def profile_test(request: WorkspaceRequest, profile_id: UUID) -> HttpResponse:
    """Obtain a token, or sign a request, and say what came of it."""
    ready = await sync_to_async(prepare)(request, profile_id)
    if ready.profile.spec.needs_consent:
        return await sync_to_async(ask_for_consent)(request, ready.profile)
    tried = await try_profile(ready.material, ready.rules)
    return await sync_to_async(finish)(request, ready.profile, tried)


def prepare(request: WorkspaceRequest, profile_id: UUID) -> ReadyTest:
    profile = get_profile(request.workspace, profile_id)
    ready = ReadyTest(profile, Material.of(profile), rules.current())
    release_connection()
    return ready


def finish(request: WorkspaceRequest, profile: AuthorizationProfile, tried: Tried) -> HttpResponse:
    """For htmx the row and, from the profile's own page, its notice; else back to the page with a toast."""
    note(request, profile, tried)
    in_card = request.POST.get("from") == "card"
    fresh = get_profile(request.workspace, profile.pk)
    if is_fragment_request(request) and in_card:
        return render_fragment(request, "connections/_profile_outcome.html", {"tried": tried, "profile": fresh, "oob": True})
    toast(request, f"{profile.name}: {tried.headline}", level="info" if tried.passed else "error", detail=tried.detail)
    if is_fragment_request(request):
        return render_fragment(request, "connections/_profile_row.html", {"profile": fresh})
    name, args = ("profile_edit", [profile.pk]) if in_card else ("profile_list", [])
    return redirect(request, reverse(f"connections:{name}", args=[request.workspace.slug, *args]))


def note(request: WorkspaceRequest, profile: AuthorizationProfile, tried: Tried) -> None:
    """The audit event. No secret, no token, no code is in it."""
    facts = {"result": tried.headline} if tried.passed else {"result": tried.headline, "error": tried.error}
    outcome = Outcome.SUCCESS if tried.passed else Outcome.FAILED
    record_profile_test(profile, outcome=outcome, facts=facts, actor=actor_of(request))


# Authorization code: to the consent page and back


@require_POST
@require(Permission.MANAGE_CREDENTIALS)
@limit_calls_out
def profile_consent(request: WorkspaceRequest, profile_id: UUID) -> HttpResponse:
    """Send the person to the provider's consent page."""
    profile = get_profile(request.workspace, profile_id)
    if not profile.spec.needs_consent:
        return redirect(request, reverse("connections:profile_list", args=[request.workspace.slug]))
    return ask_for_consent(request, profile)


def ask_for_consent(request: WorkspaceRequest, profile: AuthorizationProfile) -> HttpResponse:
    """A page that leads on by itself. A redirect would not do: browsers hold it to `form-action 'self'`, as the answer to a form."""
    challenge = new_challenge()
    keep_consent(profile, request.user, challenge)
    url = consent_url(Material.of(profile), challenge, callback_url(request, profile))
    context = {"profile": profile, "url": url, "host": urlsplit(url).hostname}
    response = render_page(request, "connections/profile_consent.html", context)
    response.headers["Refresh"] = f"0; url={url}"
    return response


@require_GET
@require(Permission.MANAGE_CREDENTIALS)
async def profile_callback(request: WorkspaceRequest, profile_id: UUID) -> HttpResponse:
    """The provider sends the browser back with a code, or with the reason why there is none."""
    try:
        profile, verifier = await sync_to_async(take)(request, profile_id)
        tried = await redeem(request, profile, verifier)
    except ConsentRefused as refusal:
        return await sync_to_async(show_refusal)(request, refusal)
    return await sync_to_async(show_result)(request, profile, tried)


def take(request: WorkspaceRequest, profile_id: UUID) -> tuple[AuthorizationProfile, Secret]:
    return take_consent(get_profile(request.workspace, profile_id), request.user, request.GET.get("state", ""))


async def redeem(request: WorkspaceRequest, profile: AuthorizationProfile, verifier: Secret) -> Tried:
    """Exchange the code for tokens, and keep them. Raises ConsentRefused when the profile is not what access was allowed for."""
    code = request.GET.get("code", "")
    if problem := request.GET.get("error", ""):
        return refused_by_person(problem, request.GET.get("error_description", ""))
    if not code or len(code) > MAX_CODE:
        return Tried("The provider gave no code", "Press Test to try again.", ErrorKind.TOKEN_FAILED)
    ready = await sync_to_async(prepare)(request, profile.pk)
    if ready.profile.version != profile.version:  # code and verifier must not go to a token URL saved since (spec 07 A8)
        raise ConsentRefused(CHANGED, profile)
    try:
        asked = code_request(ready.material, code=Secret(code), verifier=verifier, callback=callback_url(request, profile))
        granted = await exchange(asked, ready.rules)
        token = await sync_to_async(store)(ready.material, granted)
    except ProviderError as error:
        return failed(error)
    tokens.keep(ready.material, token)
    ends = "" if granted.refresh or granted.expires_at is None else " The server gave nothing to renew it with, so access ends then."
    return Tried("Access is allowed", token_words(token, ready.material) + ends)


def refused_by_person(problem: str, description: str) -> Tried:
    """What the consent page answered instead of a code (RFC 6749, 4.1.2.1)."""
    said = str(storable(f"{problem}: {description}" if description else problem))[:500]
    if problem == "access_denied":
        return Tried("Access was not allowed", f"The provider says: {said}. Press Test to try again.", ErrorKind.TOKEN_REFUSED)
    return Tried("The provider refused the request", f"It says: {said}. Check the profile's settings.", ErrorKind.TOKEN_REFUSED)


def show_refusal(request: WorkspaceRequest, refusal: ConsentRefused) -> HttpResponse:
    tried = Tried("This cannot be finished", f"{refusal} Press Test to begin again.", "consent_refused")
    return show_result(request, refusal.profile, tried)


def show_result(request: WorkspaceRequest, profile: AuthorizationProfile | None, tried: Tried) -> HttpResponse:
    """On to an address without the code, which would else stand in links of the page and in the browser's history."""
    if profile:
        note(request, profile, tried)
    headline = f"{profile.name}: {tried.headline}" if profile else tried.headline
    toast(request, headline, level="info" if tried.passed else "error", detail=tried.detail)
    return redirect(request, reverse("connections:profile_list", args=[request.workspace.slug]))
