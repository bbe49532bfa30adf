"""Spec 04, spec 08: routes are read once and kept; whatever changes drops them, in this process at once, elsewhere within a second."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import connection as database
from django.db import transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.actions import change_role, remove_member, update_user
from apps.accounts.api_actions import KeyTerms, NewKey, delete_api_app, revoke_api_key, update_api_app, update_api_key
from apps.accounts.api_keys import known, look_up
from apps.accounts.models import Membership, Workspace
from apps.accounts.permissions import Role, Scope
from apps.audit import watch
from apps.audit.chain import PLATFORM
from apps.audit.models import ChainHead
from apps.audit.record import SYSTEM, Event, hold_chain, record
from apps.connections.actions import (
    add_connection,
    delete_connection,
    refuse_role,
    register_role,
    replace_credentials,
    request_registration,
    rotate_key,
    switch_connection,
)
from apps.connections.bedrock import RoleCheck, Verdict
from apps.connections.models import AuthorizationProfile, BedrockRole, Connection
from apps.connections.profile_actions import ProfileValues, delete_profile, update_profile
from apps.core.secrets import Secret
from apps.egress.actions import allow_egress, revoke_egress
from apps.external_models.actions import copy_model, delete_model, set_time_limits, switch_inferencing, update_model
from apps.external_models.models import ExternalModel, Status
from apps.external_models.time_limits import TimeLimits
from apps.inference import routes
from apps.inference.routes import Route, cached_route, find_route
from apps.providers.errors import ErrorKind, ProviderError
from tests.inference.conftest import connect, triage_definition
from tests.support.api_keys import make_new_key
from tests.support.aws import good_role
from tests.support.cast import Cast
from tests.support.catalog import fill, offer
from tests.support.models import actor, author
from tests.support.profiles import ORIGIN, make_profile

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "Claims triage"


def route_of(workspace: Workspace, asked: str = NAME) -> Route:
    return async_to_sync(find_route)(workspace.pk, asked)


def kept_route(workspace: Workspace) -> Route:
    """Asked for until it is kept: the watcher may be about to tell of what the test itself did just before."""
    for _ in range(50):
        route_of(workspace)
        if route := cached_route(workspace.pk, NAME):
            return route
    raise AssertionError("the route is never kept")


@pytest.fixture
def connected(transactional_cast: Cast) -> Connection:
    cast = transactional_cast
    return connect(cast.harbor, cast.adam, triage_definition("https://api.example.com"))


def test_a_route_is_read_once_by_whatever_spelling(transactional_cast: Cast, connected: Connection) -> None:
    cast = transactional_cast
    first = route_of(cast.harbor)
    assert (first.name, [each.name for each in first.connections]) == (NAME, ["production"])
    by_id = route_of(cast.harbor, str(connected.model_id))
    assert by_id.model_id == connected.model_id
    with CaptureQueriesContext(database) as queries:
        assert route_of(cast.harbor, "  CLAIMS   triage ") is first
        assert route_of(cast.harbor, str(connected.model_id).upper()) is by_id
        assert cached_route(cast.harbor.pk, NAME) is first
    assert len(queries) == 0


def test_other_workspaces_have_other_routes(transactional_cast: Cast, connected: Connection) -> None:
    route_of(transactional_cast.harbor)
    with pytest.raises(ProviderError) as caught:
        route_of(transactional_cast.other)
    assert caught.value.kind is ErrorKind.MODEL_NOT_FOUND


def test_an_unknown_name_is_remembered_until_something_changes(transactional_cast: Cast) -> None:
    cast = transactional_cast
    with pytest.raises(ProviderError):
        route_of(cast.harbor)
    with pytest.raises(ProviderError):
        cached_route(cast.harbor.pk, NAME)
    connect(cast.harbor, cast.adam, triage_definition("https://api.example.com"))
    assert route_of(cast.harbor).name == NAME
    for number in range(routes.MOST_UNKNOWN + 2):  # a caller who makes names up fills no memory
        routes.keep(routes._spaces[cast.harbor.pk], f"name {number}", "", None)
    assert len(routes._spaces[cast.harbor.pk].unknown) < routes.MOST_UNKNOWN


def test_what_was_read_before_a_change_is_not_kept(transactional_cast: Cast, connected: Connection) -> None:
    """A load that began before the change must not be stored after it."""
    cast = transactional_cast
    old = route_of(cast.harbor)
    space = routes._spaces[cast.harbor.pk]  # what a slow reader would store into
    switch_connection(connected, on=False, actor=SYSTEM)
    routes.keep(space, NAME, NAME, old)
    assert cached_route(cast.harbor.pk, NAME) is None
    assert not route_of(cast.harbor).connections[0].is_on


def test_fifty_who_ask_at_once_cause_one_look_up(transactional_cast: Cast, connected: Connection) -> None:
    async def crowd() -> list[Route]:
        return await asyncio.gather(*(find_route(transactional_cast.harbor.pk, NAME) for _ in range(50)))

    assert len({id(route) for route in async_to_sync(crowd)()}) == 1


def model_changes(cast: Cast, connected: Connection) -> dict[str, Callable[[], Any]]:
    model, definition, by = connected.model, triage_definition("https://api.example.com"), author(cast.adam)
    return {
        "switch the model": lambda: switch_inferencing(model, on=False, actor=actor(cast.adam)),
        "edit the model": lambda: update_model(model, name="Other", definition=definition, by=by, expected_version=model.version),
        "copy the model": lambda: copy_model(model, by=by, workspace=cast.harbor),
        "delete the model": lambda: delete_model(model, actor=SYSTEM),
        "switch the connection": lambda: switch_connection(connected, on=False, actor=SYSTEM),
        "rotate the key": lambda: rotate_key(connected, secret=Secret("another-key-of-it"), actor=SYSTEM),
        "replace the credentials": lambda: replace_credentials(
            connected, secrets={"X-Harbor-Key": Secret("yet-another-key")}, parameters={}, actor=SYSTEM
        ),
        "add a connection": lambda: add_connection(
            model, name="second", secrets={"X-Harbor-Key": Secret("a-second-key-xx")}, parameters={}, by=by
        ),
        "delete the connection": lambda: delete_connection(connected, actor=SYSTEM),
        "allow egress": lambda: allow_egress(actor=SYSTEM, host="h.example.com", ports=[80], scheme="http", reason="a reason"),
        "end a rule": lambda: revoke_egress(
            allow_egress(
                actor=SYSTEM, host="g.example.com", ports=[80], scheme="http", reason="x", expires_at=timezone.now() + timedelta(days=1)
            ),
            actor=SYSTEM,
        ),
    }


SOUND = RoleCheck(Verdict.SOUND, "AWS asks for the external ID.")


def profile_and_role_changes(cast: Cast, connected: Connection) -> dict[str, Callable[[], Any]]:
    """What the connection leans on: an authorization profile that it is given here, a Bedrock role, and the catalogue's prices."""
    profile, spare = make_profile(cast.harbor, cast.adam), make_profile(cast.harbor, cast.adam, name="Spare")
    connected.authorization_profile = profile
    connected.save()
    by, who = author(cast.adam), actor(cast.adam)
    token = ProfileValues({}, (ORIGIN,), {"token": Secret("tk-live-0815-AQMM")})

    def ask(name: str = "HarborBedrock") -> BedrockRole:
        arn = good_role(cast.harbor, name)
        return request_registration(cast.harbor, role_arn=arn, sts_region="eu-west-1", check=SOUND, automatic=False, by=by)

    role = ask()
    return {
        "edit its profile": lambda: update_profile(profile, values=token, actor=who, expected_version=profile.version),
        "take its profile away": lambda: replace_credentials(connected, secrets={}, parameters={}, actor=who, authorization_profile=None),
        "delete a profile": lambda: delete_profile(spare, actor=who),
        "ask for a role": lambda: ask("HarborArchive"),
        "register a role": lambda: register_role(role, check=SOUND, override=False, reason="", by=author(cast.pat)),
        "refuse a role": lambda: refuse_role(role, reason="Unknown account.", by=author(cast.pat)),
        "change the catalogue": lambda: fill(offer()),
        "change a price": lambda: fill(offer(price=("3", "12")), version="1.1"),
        "change the time limits": lambda: set_time_limits(connected.model, limits=TimeLimits(7), by=by, expected_version=1),
    }


@pytest.mark.parametrize("changes_of", [model_changes, profile_and_role_changes])
def test_every_change_drops_the_route(
    changes_of: Callable[[Cast, Connection], dict[str, Callable[[], Any]]], transactional_cast: Cast
) -> None:
    """One after the other, each with a model of its own, so that deleting one does not spoil the next."""
    cast = transactional_cast
    left: list[str] | None = None
    while left is None or left:
        for rows in (Connection.objects, cast.harbor.external_models, AuthorizationProfile.objects, BedrockRole.objects):
            rows.all().delete()
        changes = changes_of(cast, connect(cast.harbor, cast.adam, triage_definition("https://api.example.com")))
        left = list(changes) if left is None else left
        kept_route(cast.harbor)
        change = left.pop(0)
        changes[change]()
        assert cached_route(cast.harbor.pk, NAME) is None, change


def test_every_change_drops_the_key(transactional_cast: Cast) -> None:
    """Through the actions alone: whoever would forget to record an event would leave a key that goes on as it was."""
    cast = transactional_cast

    def membership(new: NewKey) -> Membership:
        return Membership.objects.get(workspace=cast.harbor, user=new.key.created_by)

    changes: dict[str, tuple[Any, Callable[[NewKey], Any]]] = {
        "another role": (cast.adam, lambda new: change_role(membership(new), role=Role.MEMBER, actor=actor(cast.alice))),
        "not a member any more": (cast.bob, lambda new: remove_member(membership(new), actor=actor(cast.alice))),
        "switched off": (cast.vic, lambda new: update_user(cast.vic, name="Vic", is_active=False, is_staff=False, actor=actor(cast.pat))),
        "revoked": (cast.alice, lambda new: revoke_api_key(new.key, actor=actor(cast.alice))),
        "other terms": (cast.alice, lambda new: update_api_key(new.key, terms=KeyTerms("Other"), actor=actor(cast.alice))),
        "the app edited": (
            cast.alice,
            lambda new: update_api_app(
                new.key.app,
                name="Other",
                description="",
                scopes=[Scope.MODELS_READ],
                expected_version=1,
                by=cast.alice,
                actor=actor(cast.alice),
            ),
        ),
        "the app deleted": (cast.alice, lambda new: delete_api_app(new.key.app, actor=actor(cast.alice))),
    }
    for change, (maker, act) in changes.items():
        new = make_new_key(cast.harbor, maker, [Scope.MODELS_READ])
        text = new.text.show()
        while known(text) is None:  # as with routes
            look_up(text)
        act(new)
        assert known(text) is None, change


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):  # of a slow machine
        while not true():
            await asyncio.sleep(0.01)


def test_another_process_is_heard_within_a_second(transactional_cast: Cast, connected: Connection) -> None:
    """Here only the database is changed, as if by somebody else: nothing is announced in this process."""
    cast = transactional_cast
    route_of(cast.harbor)
    Connection.objects.update(inferencing_enabled=False)
    ChainHead.objects.filter(chain=str(cast.harbor.pk)).update(sequence=F("sequence") + 1)

    assert watch.POLL_SECONDS < 1
    async_to_sync(until)(lambda: not cached_route(cast.harbor.pk, NAME))
    assert not route_of(cast.harbor).connections[0].is_on


def test_the_watcher_survives_a_database_that_is_away(transactional_cast: Cast, connected: Connection) -> None:
    cast = transactional_cast
    route_of(cast.harbor)
    heard: list[str] = []
    watch.on_change(heard.append)
    try:
        with database.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_chainhead RENAME TO audit_elsewhere")
        try:
            asyncio.run(asyncio.sleep(3 * watch.POLL_SECONDS))
            assert cached_route(cast.harbor.pk, NAME)  # calls go on with what is known
        finally:
            with database.cursor() as cursor:
                cursor.execute("ALTER TABLE audit_elsewhere RENAME TO audit_chainhead")
        ChainHead.objects.filter(chain=str(cast.harbor.pk)).update(sequence=F("sequence") + 1)
        asyncio.run(until(lambda: bool(heard)))
        assert heard == [str(cast.harbor.pk)]
    finally:
        watch._listeners.remove(heard.append)


def test_people_who_sign_in_drop_nothing(transactional_cast: Cast, connected: Connection) -> None:
    """Each is an event of the platform's chain, which otherwise counts for everybody."""
    cast = transactional_cast
    route_of(cast.harbor)
    heard: list[str] = []
    watch.on_change(heard.append)
    try:
        with transaction.atomic():
            hold_chain(None)
            record(Event.SIGNED_IN, actor=actor(cast.alice), workspace=None)
        asyncio.run(asyncio.sleep(2 * watch.POLL_SECONDS))
        assert not heard
        assert cached_route(cast.harbor.pk, NAME)
    finally:
        watch._listeners.remove(heard.append)


def test_a_listener_that_fails_stops_nobody(transactional_cast: Cast) -> None:
    heard: list[str] = []

    def broken(chain: str) -> None:
        raise LookupError

    watch.on_change(broken)
    watch.on_change(heard.append)
    try:
        watch.announce(PLATFORM)
        call_command("allow_egress", "--host", "x.example.com", "--port", "80", "--scheme", "http", "--reason", "by hand")
        assert heard == [PLATFORM, PLATFORM]
    finally:
        watch._listeners[-2:] = []


def test_the_platforms_models_are_everybodys_unless_hidden(transactional_cast: Cast) -> None:
    cast = transactional_cast
    system = ExternalModel(status=Status.ACTIVE, inferencing_enabled=True)
    system.rename("House model")
    system.save()
    kept = [route_of(workspace, "house model") for workspace in (cast.harbor, cast.other)]
    assert [route.model_id for route in kept] == [system.pk, system.pk]
    ExternalModel.objects.update(is_visible=False)
    allow_egress(actor=SYSTEM, host="h.example.com", ports=[80], scheme="http", reason="any event of the platform's chain")
    with pytest.raises(ProviderError):
        route_of(cast.other, "house model")


def test_ones_own_change_is_told_once(transactional_cast: Cast, connected: Connection) -> None:
    """The watcher comes across it later, and leaves alone what was read since."""
    cast = transactional_cast
    route_of(cast.harbor)
    heard: list[str] = []
    watch.on_change(heard.append)
    try:
        switch_connection(connected, on=False, actor=SYSTEM)
        asyncio.run(until(lambda: not watch._own))  # it has come across it
        assert heard == [str(cast.harbor.pk)]
    finally:
        watch._listeners.remove(heard.append)
