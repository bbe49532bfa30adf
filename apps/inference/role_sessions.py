"""Sessions of assumed roles, kept in this process until shortly before they end (spec 07 G4).

Only one caller assumes a role at a time, whatever thread and event loop the others wait in. Everything that makes a session another one
is in its key, the connection's version too, so that an edit never meets an old session, in whichever process it was made.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass

from apps.core.secrets import Secret
from apps.providers.aws import AssumedCredentials
from apps.providers.errors import ErrorKind, ProviderError

REFRESH_BEFORE = 600.0  # seconds before the end; a session shorter than twice that is renewed at its half
MOST = 2000  # sessions kept in one process

type Session = AssumedCredentials[Secret]
type Assume = Callable[[], Awaitable[Session]]


@dataclass(frozen=True, slots=True)
class SessionKey:
    """What a session was made for. `policy` narrows it to one model; `connection` is "" for a form that is not saved."""

    workspace: str
    connection: str
    version: int
    role_arn: str
    external_id: str
    sts_region: str
    region: str
    policy: str
    session_name: str


@dataclass(frozen=True, slots=True)
class _Held:
    session: Session
    refresh_at: float
    ends_at: float


class _LeaderGone(Exception):
    """Whoever was assuming the role went away: somebody else has to."""


class RoleSessions:
    """The cache. Its lock is held for look-ups only, never while STS is asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[SessionKey, _Held] = {}
        self._flights: dict[SessionKey, Future[Session]] = {}

    async def get(self, key: SessionKey, assume: Assume) -> Session:
        """The session of that key, assumed when there is none or it ends soon. Raises what `assume` raises, for all who wait for it."""
        while True:
            held, flight, leads = self._look_up(key)
            if flight is None:
                assert held is not None  # noqa: S101  # _look_up gives one of the two
                return held.session
            if leads:
                return await self._lead(key, held, flight, assume)
            try:
                return await asyncio.wrap_future(flight)
            except _LeaderGone:
                continue

    def forget(self, key: SessionKey, session: Session) -> None:
        """Drop this session, unless a newer one has taken its place already."""
        with self._lock:
            held = self._held.get(key)
            if held is not None and held.session.access_key == session.access_key:
                del self._held[key]

    def forget_connection(self, connection: str) -> None:
        """Drop everything that was assumed for a connection: it was deleted."""
        with self._lock:
            for key in [key for key in self._held if key.connection == connection]:
                del self._held[key]

    def forget_all(self) -> None:
        with self._lock:
            self._held.clear()

    def _look_up(self, key: SessionKey) -> tuple[_Held | None, Future[Session] | None, bool]:
        """The session held; the flight to wait for or to lead, None where the session will do; and whether to lead."""
        with self._lock:
            now = time.time()
            held = self._held.get(key)
            if held and now < held.refresh_at:
                return held, None, False
            flight = self._flights.get(key)
            if flight is None:
                flight = self._flights[key] = Future()
                flight.set_running_or_notify_cancel()  # else one who stops waiting would cancel it for all
                return held, flight, True
            if held and now < held.ends_at:
                return held, None, False  # still good while somebody renews it
            return None, flight, False

    async def _lead(self, key: SessionKey, held: _Held | None, flight: Future[Session], assume: Assume) -> Session:
        try:
            session = await assume()
        except ProviderError as error:
            if held and time.time() < held.ends_at and error.kind is not ErrorKind.ROLE_REFUSED:
                self._land(key, flight, held.session)  # STS is away, and the old session is still good
                return held.session
            self._fail(key, flight, error)
            raise
        except BaseException:
            self._fail(key, flight, _LeaderGone())
            raise
        self._keep(key, session)
        self._land(key, flight, session)
        return session

    def _keep(self, key: SessionKey, session: Session) -> None:
        now, ends_at = time.time(), session.expires_at.timestamp()
        early = min(REFRESH_BEFORE, max(0.0, ends_at - now) / 2)
        with self._lock:
            for other in [other for other, old in self._held.items() if old.ends_at <= now or _replaces(key, other)]:
                del self._held[other]
            self._held.pop(key, None)
            self._held[key] = _Held(session, ends_at - early, ends_at)
            while len(self._held) > MOST:
                del self._held[next(iter(self._held))]

    def _land(self, key: SessionKey, flight: Future[Session], session: Session) -> None:
        with self._lock:
            self._flights.pop(key, None)
        flight.set_result(session)

    def _fail(self, key: SessionKey, flight: Future[Session], error: BaseException) -> None:
        with self._lock:
            self._flights.pop(key, None)
        flight.set_exception(error)


def _replaces(key: SessionKey, other: SessionKey) -> bool:
    """Whether the other session is of an earlier version of the same connection."""
    return bool(key.connection) and key.connection == other.connection and other.version < key.version


role_sessions = RoleSessions()
