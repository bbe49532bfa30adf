"""The select *Authorization profile* of a connection: custom integrations have one, where the workspace has profiles."""

from django import forms

from apps.connections.profiles import AuthorizationProfile
from apps.external_models.models import ExternalModel


def profiles_for(model: ExternalModel) -> list[AuthorizationProfile]:
    """What a connection of this model can be authorized by; none for a known provider's model, which has a key of its own."""
    if model.is_easy or model.definition.is_bedrock or model.workspace_id is None:
        return []
    return list(AuthorizationProfile.objects.filter(workspace=model.workspace_id).order_by("name_key", "id"))


def profile_field(profiles: list[AuthorizationProfile]) -> forms.TypedChoiceField:
    """Its value is the profile, or None."""
    by_id = {str(profile.pk): profile for profile in profiles}
    choices = [("", "None"), *((key, profile.name) for key, profile in by_id.items())]
    return forms.TypedChoiceField(
        label="Authorization profile",
        choices=choices,
        required=False,
        coerce=by_id.__getitem__,
        empty_value=None,
        help_text="Another profile removes the keys stored below, unless you enter them again.",
    )
