"""Spec 07 D2, D3: a connection takes no authorization profile but its own workspace's, whoever asks the actions for it."""

import pytest

from apps.connections.actions import ProfileUnknown, add_connection, replace_credentials
from apps.connections.models import Connection
from apps.core.secrets import Secret
from tests.support.cast import Cast
from tests.support.models import actor, author, make_connection, make_model
from tests.support.profiles import make_profile


def test_another_workspaces_profile(cast: Cast) -> None:
    theirs = make_profile(cast.other, cast.charlie)
    model = make_model(cast.harbor, cast.bob)
    with pytest.raises(ProfileUnknown):
        add_connection(
            model,
            name="Night desk",
            secrets={"X-Api-Key": Secret("sk-live-4711-AAAA")},
            parameters={},
            by=author(cast.bob),
            authorization_profile=theirs,
        )
    connection = make_connection(model, cast.bob)
    with pytest.raises(ProfileUnknown):
        replace_credentials(connection, secrets={}, parameters={}, actor=actor(cast.bob), authorization_profile=theirs)
    assert Connection.objects.get().authorization_profile is None


def test_a_profile_that_was_deleted_meanwhile(cast: Cast) -> None:
    profile = make_profile(cast.harbor, cast.alice)
    type(profile).objects.all().delete()
    connection = make_connection(make_model(cast.harbor, cast.bob), cast.bob)
    with pytest.raises(ProfileUnknown):
        replace_credentials(connection, secrets={}, parameters={}, actor=actor(cast.bob), authorization_profile=profile)
