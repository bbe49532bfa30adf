"""Where calls can go: a model with its connections as plain values, read from the database once and kept until something changes.

A workspace's routes stand in a space of their own. Whatever changes in the workspace drops the space as a whole, and with it what is
being read for it at that moment: who started to read before the change stores into a space that nobody looks into any more.
"""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from uuid import UUID

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connection as database
from django.db.models import Q

from apps.audit import watch
from apps.audit.chain import PLATFORM
from apps.connections.models import Connection
from apps.core.database import release_connection
from apps.core.egress import EgressRule
from apps.core.secrets import Secret
from apps.core.text import is_storable
from apps.egress import rules
from apps.external_models.definition import Definition
from apps.external_models.models import ExternalModel
from apps.external_models.names import MAX_NAME, name_key
from apps.inference.breaker import Health
from apps.inference.sending import Kept, Passage
from apps.inference.target import Target, target_of
from apps.inference.wires import prepared_wire
from apps.providers.base import WireFormat
from apps.providers.errors import ErrorKind, ProviderError
from apps.traces import capture
from apps.usage.accounts import Account, Kind

MOST_ASKED = 2 * MAX_NAME  # characters of a name as it is asked for: one with twice as many blanks is still that name
MOST_ROUTES = 20_000  # kept in one process; beyond it the copies start anew
MOST_NAMES = 5_000  # a workspace's, as they were asked for
MOST_UNKNOWN = 1_000  # and those that it does not have
MOST_HEALTHS = 50_000


@dataclass(frozen=True, slots=True)
class RoutedConnection:
    """One connection of a route. Its secrets are opened only by the sender."""

    id: UUID
    name: str
    is_on: bool
    priority: int
    weight: int
    requests_per_minute: int | None
    tokens_per_minute: int | None
    calls_at_once: int | None
    target: Target = field(repr=False)
    key: str = ""  # the name as names are compared
    failing: bool = False  # the console says so
    account: Account | None = None  # whose budget its calls spend
    # How the model is spoken to; or why nothing can be sent.
    wire: WireFormat[Secret] | None = field(default=None, repr=False)
    problem: ProviderError | None = field(default=None, repr=False)
    health: Health = field(default_factory=Health, repr=False, compare=False)
    passage: Passage = field(default_factory=Passage, repr=False, compare=False)
    counted_as: str = ""  # by the limits


@dataclass(frozen=True, slots=True)
class Route:
    """One model as calls see it."""

    workspace_id: UUID  # of the caller, also where the model is the platform's
    model_id: UUID
    name: str
    provider: str
    is_draft: bool
    is_on: bool
    definition: Definition
    may_pay_twice: bool
    connections: tuple[RoutedConnection, ...]
    rules: Sequence[EgressRule] = field(repr=False)
    # What the model was said to be able to do; None where nobody said anything, as with easy integrations.
    features: frozenset[str] | None = None
    candidates: tuple[RoutedConnection, ...] = ()  # those that are on, lowest priority number first


class _Space:
    """What is kept of one workspace."""

    __slots__ = ("flights", "routes", "unknown")

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.unknown: set[str] = set()
        self.flights: dict[str, Future[Route | None]] = {}


_lock = threading.Lock()
_spaces: dict[UUID, _Space] = {}
_stored = 0
_healths: dict[tuple[UUID, int, int], Health] = {}
_reading: set[asyncio.Task[None]] = set()


def cached_route(workspace_id: UUID, asked: str) -> Route | None:
    """The route if it is at hand: no query and no wait. Raises ProviderError(MODEL_NOT_FOUND) for what is known not to be there."""
    if len(asked) > MOST_ASKED:  # nobody has a model of such a name, and nothing is kept under it
        raise not_found(asked)
    space = _spaces.get(workspace_id)
    if space is None:
        return None
    route = space.routes.get(asked)
    if route is None and asked in space.unknown:
        raise not_found(asked)
    return route


def kept_route(workspace_id: UUID, asked: str) -> Route | None:
    """The route if it is at hand, and nothing else."""
    space = _spaces.get(workspace_id)
    return space.routes.get(asked) if space else None


async def find_route(workspace_id: UUID, asked: str) -> Route:
    """The route for a model's name or ID. Raises ProviderError(MODEL_NOT_FOUND)."""
    route = cached_route(workspace_id, asked) or await _read(workspace_id, asked)
    if route is None:
        raise not_found(asked)
    return route


async def _read(workspace_id: UUID, asked: str) -> Route | None:
    """From the database, by one caller for all who ask at the same time."""
    with _lock:
        space = _spaces.setdefault(workspace_id, _Space())
        flight = space.flights.get(asked)
        leads = flight is None
        if flight is None:
            flight = space.flights[asked] = Future()
            flight.set_running_or_notify_cancel()  # else one who stops waiting would cancel it for all
    if leads:
        # Not this caller's own task: one who leaves must not take the answer from the others.
        reading = asyncio.ensure_future(_lead(workspace_id, asked, space, flight))
        _reading.add(reading)
        reading.add_done_callback(_reading.discard)
    return await asyncio.wrap_future(flight)


async def _lead(workspace_id: UUID, asked: str, space: _Space, flight: "Future[Route | None]") -> None:
    try:
        async with ThreadSensitiveContext():  # a thread of its own, unless the request has one
            route = await sync_to_async(_read_and_keep)(workspace_id, asked, space)
    except BaseException as error:
        _land(space, asked)
        flight.set_exception(error)
        if not isinstance(error, Exception):
            raise
    else:
        _land(space, asked)
        flight.set_result(route)


def _land(space: _Space, asked: str) -> None:
    with _lock:
        space.flights.pop(asked, None)


def _read_and_keep(workspace_id: UUID, asked: str, space: _Space) -> Route | None:
    try:
        if not database.in_atomic_block:
            watch.start()
        key = canonical(asked)
        route = space.routes.get(key) or load_route(workspace_id, key)
        if not database.in_atomic_block:  # what a transaction sees others need not
            keep(space, asked, key, route)
        return route
    finally:
        release_connection()


def keep(space: _Space, asked: str, key: str, route: Route | None) -> None:
    """Under the name as it was written and as it is compared, so that no spelling costs a second copy."""
    global _stored
    with _lock:
        if route is None:
            if len(space.unknown) >= MOST_UNKNOWN:
                space.unknown.clear()
            space.unknown.add(asked)
            return
        if len(space.routes) >= MOST_NAMES:
            space.routes.clear()
        if key not in space.routes:
            _stored += 1
        space.routes[asked] = space.routes[key] = route
        if _stored > MOST_ROUTES:
            _spaces.clear()
            _stored = 0


def forget(chain: str) -> None:
    """Drop what is kept of a workspace, or of all when the platform has changed something."""
    global _stored
    with _lock:
        if chain == PLATFORM:
            _spaces.clear()
            _stored = 0
        elif space := _spaces.pop(UUID(chain), None):
            _stored = max(0, _stored - len(space.routes))


watch.on_change(forget)


def canonical(asked: str) -> str:
    """An ID in its usual form, a name as names are compared; "", which no model has, for what no name can be."""
    if len(asked) > MOST_ASKED or not is_storable(asked):
        return ""
    try:
        return str(UUID(asked))
    except ValueError:
        return name_key(asked)


def not_found(asked: str) -> ProviderError:
    return ProviderError(
        ErrorKind.MODEL_NOT_FOUND, f"There is no model “{asked[:120]}”.", "GET /v1/models lists the models that can be called."
    )


def load_route(workspace_id: UUID, key: str) -> Route | None:
    """Read it from the database, by the canonical form of its name or ID. A workspace's own model goes before the platform's.

    What the workspace keeps of its calls is read along with it: the end of a call makes no query.
    """
    capture.preload(workspace_id)
    visible = ExternalModel.objects.filter(Q(workspace=workspace_id) | Q(workspace=None, is_visible=True))
    try:
        wanted = Q(pk=UUID(key)) | Q(name_key=key)
    except ValueError:
        wanted = Q(name_key=key)
    found = sorted(visible.filter(wanted), key=lambda model: (model.is_system, str(model.pk) != key))
    return route_of(found[0], workspace_id) if found else None


def route_of(model: ExternalModel, workspace_id: UUID) -> Route:
    definition = model.definition
    stored = model.connections.select_related("authorization_profile", "workspace")
    rows = stored.prefetch_related("secrets", "authorization_profile__secrets")
    allowed = rules.current()
    connections = tuple(routed(row, model, definition, allowed, workspace_id) for row in rows)
    return Route(
        workspace_id=workspace_id,
        model_id=model.pk,
        name=model.name,
        provider=model.provider,
        is_draft=model.is_draft,
        is_on=model.inferencing_enabled,
        definition=definition,
        may_pay_twice=model.may_pay_twice,
        connections=connections,
        rules=allowed,
        features=None if model.is_easy or definition.is_template else frozenset(definition.features),
        candidates=tuple(sorted((each for each in connections if each.is_on), key=lambda each: each.priority)),
    )


def routed(
    connection: Connection, model: ExternalModel, definition: Definition, allowed: Sequence[EgressRule], workspace_id: UUID
) -> RoutedConnection:
    connection.model = model
    target = replace(target_of(connection), definition=definition)  # one definition for all of them
    wire, problem = prepared_wire(target)
    return RoutedConnection(
        id=connection.pk,
        name=connection.name,
        is_on=connection.inferencing_enabled,
        priority=connection.priority,
        weight=connection.weight,
        requests_per_minute=connection.requests_per_minute,
        tokens_per_minute=connection.tokens_per_minute,
        calls_at_once=connection.calls_at_once,
        target=target,
        key=connection.name_key,
        failing=bool(connection.last_error),
        account=account_of(connection),
        wire=wire,
        problem=problem,
        health=health_of((connection.pk, connection.version, model.version)),
        passage=Passage(allowed, target.limits, str(workspace_id), Kept()),
        counted_as=f"connection:{connection.pk}",
    )


def account_of(connection: Connection) -> Account | None:
    budget = connection.budget
    return Account(Kind.CONNECTION, str(connection.pk), connection.workspace_id, connection.name, budget) if budget else None


def health_of(key: tuple[UUID, int, int]) -> Health:
    """The same as before while connection and model are what they were; a new one after an edit, which may have mended it."""
    with _lock:
        if len(_healths) >= MOST_HEALTHS:
            _healths.clear()
        return _healths.setdefault(key, Health())
