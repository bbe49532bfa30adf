"""What pages read of authorization profiles. The workspace always comes first."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, QuerySet
from django.http import Http404

from apps.accounts.models import Workspace
from apps.connections.models import AuthorizationProfile, Connection


def list_profiles(workspace: Workspace) -> QuerySet[AuthorizationProfile]:
    """The workspace's profiles by name, with what their state is read from."""
    return AuthorizationProfile.objects.filter(workspace=workspace).prefetch_related("secrets").order_by("name_key", "id")


def profile_rows(workspace: Workspace) -> QuerySet[AuthorizationProfile]:
    """The rows of the summary table: with `model_count`, who added it, and its token."""
    counted = list_profiles(workspace).annotate(model_count=Count("connections__model", distinct=True))
    return counted.select_related("created_by", "token")


def get_profile(workspace: Workspace, profile_id: UUID) -> AuthorizationProfile:
    """One profile of the workspace. Foreign and missing are the same 404 (spec 07 D2)."""
    profile = profile_rows(workspace).filter(pk=profile_id).first()
    if profile is None:
        raise Http404("No such authorization profile.")
    return profile


def users_of(profile: AuthorizationProfile) -> Sequence[Connection]:
    """The connections that use the profile, by model."""
    return list(profile.connections.select_related("model").order_by("model__name_key", "name_key"))
