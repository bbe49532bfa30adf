"""What pages read of authorization profiles. The workspace always comes first."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404

from apps.accounts.models import Workspace
from apps.connections.profiles import AuthorizationProfile


def list_profiles(workspace: Workspace) -> QuerySet[AuthorizationProfile]:
    """The workspace's profiles by name, with what their state is read from."""
    return AuthorizationProfile.objects.filter(workspace=workspace).prefetch_related("secrets").order_by("name_key", "id")


def get_profile(workspace: Workspace, profile_id: UUID) -> AuthorizationProfile:
    """One profile of the workspace. Foreign and missing are the same 404 (spec 07 D2)."""
    profile = list_profiles(workspace).filter(pk=profile_id).first()
    if profile is None:
        raise Http404("No such authorization profile.")
    return profile
