"""A consent under way: somebody was sent to a provider's consent page, and its answer has to come back to the same person, once, soon."""

import hashlib
import uuid
from datetime import timedelta

from django.db import models, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.record import hold_chain
from apps.connections.profiles import AuthorizationProfile
from apps.core.secrets import Place, Secret, SecretUnreadable, register_sealed, seal, unseal
from apps.inference.oauth_requests import Challenge

VALID = timedelta(minutes=10)
CHANGED = "The profile was changed meanwhile."


class Consent(models.Model):
    """The state (its SHA-256) and the PKCE verifier (sealed) of one request, bound to person, profile and the profile's version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    profile = models.ForeignKey(AuthorizationProfile, on_delete=models.CASCADE, related_name="+")
    profile_version = models.PositiveIntegerField()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    state_hash = models.CharField(max_length=64, unique=True, editable=False)
    verifier = models.TextField(editable=False)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"Consent for {self.profile_id}"

    @property
    def place(self) -> Place:
        return Place(str(self.profile.workspace_id), "inference_consent", str(self.pk), "verifier")


def place_of(consent: Consent) -> Place:
    return consent.place


register_sealed("inference.Consent", "verifier", place_of, related=("profile",))


class ConsentRefused(Exception):
    """The answer that came back cannot be used; the text says why. `profile` is whom it was for, where that is known."""

    def __init__(self, why: str, profile: AuthorizationProfile | None = None) -> None:
        super().__init__(why)
        self.profile = profile


@transaction.atomic
def keep_consent(profile: AuthorizationProfile, user: User, challenge: Challenge) -> None:
    """Remember what was asked until the answer comes; forget what nobody answered."""
    hold_chain(profile.workspace_id)
    Consent.objects.filter(created_at__lt=timezone.now() - VALID).delete()
    consent = Consent(profile=profile, profile_version=profile.version, user=user, state_hash=hash_of(challenge.state))
    consent.verifier = seal(challenge.verifier, consent.place)
    consent.save(force_insert=True)


def take_consent(profile: AuthorizationProfile, user: User, state: str) -> tuple[AuthorizationProfile, Secret]:
    """The profile as it is now and the verifier that belong to this state, which is used up by it. Raises ConsentRefused.

    `profile` is whose callback the answer came to: what another authorization server sends comes to another one's (RFC 9700, 4.4).
    """
    consents = Consent.objects.select_related("profile").filter(profile=profile.pk)
    consent = consents.filter(state_hash=hash_of(state)).first()
    if consent is None:
        raise ConsentRefused("This answer was used already, took longer than 10 minutes, or was not asked for here.")
    if consent.user_id != user.pk:
        raise ConsentRefused("Somebody else asked for this. Only the person who pressed Test can finish it.", consent.profile)
    deleted, _ = Consent.objects.filter(pk=consent.pk).delete()
    if not deleted:  # the same answer, twice at the same moment
        raise ConsentRefused("This answer was used already.", consent.profile)
    if consent.created_at < timezone.now() - VALID:
        raise ConsentRefused("It took longer than 10 minutes.", consent.profile)
    if consent.profile.version != consent.profile_version:
        raise ConsentRefused(CHANGED, consent.profile)
    try:
        return consent.profile, unseal(consent.verifier, consent.place)
    except SecretUnreadable:
        raise ConsentRefused("What was kept for it cannot be read any more.", consent.profile) from None


def hash_of(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()
