"""Many at once with authorization profiles: one result, a clear message for the others, nothing lost (spec 03, 08)."""

from collections import Counter
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.audit.verify import verify_chain
from apps.connections.models import AuthorizationProfile, Connection
from apps.core.secrets import Secret
from tests.support.cast import Cast
from tests.support.models import definition, make_model
from tests.support.profiles import connected, make_profile
from tests.support.together import at_once, browsers, post_at_once

pytestmark = pytest.mark.django_db(transaction=True)
CROWD = 20


@pytest.fixture
def windows(transactional_cast: Cast) -> list[Client]:
    return browsers(transactional_cast.adam, CROWD)


def codes(responses: list[Any]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


def test_the_same_profile_many_times(windows: list[Client], transactional_cast: Cast) -> None:
    body = {"type": "bearer", "name": "Claims gateway", "token": "tk-live-4711-MQAA", "allowed_origins": "api.example.com"}
    responses = post_at_once(windows, reverse("connections:profile_add", args=["harbor"]), [body] * CROWD)
    assert codes(responses) == {302: 1, 422: CROWD - 1}
    assert AuthorizationProfile.objects.get().stored_secrets() == {"token": Secret("tk-live-4711-MQAA")}
    assert AuditEvent.objects.filter(event="authorization_profile.created").count() == 1


def test_many_edits_of_the_same_version(windows: list[Client], transactional_cast: Cast) -> None:
    profile = make_profile(transactional_cast.harbor, transactional_cast.alice)
    bodies = [{"version": "1", "allowed_origins": "api.example.com", "token": f"tk-live-{number:04}-MQAA"} for number in range(CROWD)]
    responses = post_at_once(windows, reverse("connections:profile_edit", args=["harbor", profile.pk]), bodies)
    assert codes(responses) == {302: 1, 422: CROWD - 1}
    winner = next(number for number, response in enumerate(responses) if response.status_code == 302)
    assert AuthorizationProfile.objects.get().stored_secrets() == {"token": Secret(f"tk-live-{winner:04}-MQAA")}


def test_delete_while_connections_begin_to_use_it(windows: list[Client], transactional_cast: Cast) -> None:
    """Either it is gone and nobody has it, or it stays and somebody has; never a connection without its profile, never a 500."""
    cast = transactional_cast
    profile = make_profile(cast.harbor, cast.alice)
    model = make_model(cast.harbor, cast.alice, like=definition(secret=()))
    delete = reverse("connections:profile_delete", args=["harbor", profile.pk])
    add = reverse("connections:add_connection", args=["harbor", model.pk])

    def window(number: int) -> Any:
        if number % 4 == 0:
            return windows[number].post(delete)
        return windows[number].post(add, {"name": f"Connection {number}", "authorization_profile": str(profile.pk)})

    responses = at_once([lambda number=number: window(number) for number in range(CROWD)])  # type: ignore[misc]
    assert set(codes(responses)) <= {302, 404, 409, 422}
    gone = not AuthorizationProfile.objects.exists()
    assert gone is (Connection.objects.filter(authorization_profile=profile.pk).count() == 0)
    assert AuditEvent.objects.filter(event="authorization_profile.deleted").count() == int(gone)
    assert verify_chain(str(cast.harbor.pk)).ok


def test_the_database_itself_keeps_a_profile_that_is_used(transactional_cast: Cast) -> None:
    """PROTECT holds below the product, too: whoever deletes the row by hand is refused."""
    profile = make_profile(transactional_cast.harbor, transactional_cast.alice)
    connected(transactional_cast.harbor, transactional_cast.alice, profile, definition(secret=()))
    profile.secrets.all().delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        AuthorizationProfile.objects.filter(pk=profile.pk)._raw_delete("default")  # type: ignore[attr-defined]
    assert AuthorizationProfile.objects.filter(pk=profile.pk).exists()
