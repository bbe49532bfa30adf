"""How long a session lasts for those with more rights: idle and absolute limits (spec 07 D6)."""

import time

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from apps.accounts.models import User
from apps.accounts.permissions import Permission

BEGAN = "began"  # seconds since 1970
SEEN = "seen"
RESOLUTION_SECONDS = 60  # how often "seen" is written: a session is not saved on every request


def has_admin_limits(request: HttpRequest, user: User) -> bool:
    permissions: frozenset[Permission] = getattr(request, "permissions", frozenset())
    return user.is_staff or Permission.MANAGE_WORKSPACE in permissions


def has_expired(session: SessionBase, now: int) -> bool:
    """Whether an administrator's session was idle or is old beyond the limits. One without a clock has: it is not known to be young."""
    idle = now - session.get(SEEN, 0)
    age = now - session.get(BEGAN, 0)
    return bool(idle > settings.PATCHBAY_ADMIN_IDLE_SECONDS or age > settings.PATCHBAY_ADMIN_SESSION_SECONDS)


def end_if_expired(request: HttpRequest, user: User) -> bool:
    """Ends the session of an administrator beyond the limits; otherwise notes that it is in use."""
    now = int(time.time())
    if has_admin_limits(request, user) and has_expired(request.session, now):
        logout(request)
        return True
    if now - request.session.get(SEEN, 0) >= RESOLUTION_SECONDS:
        request.session[SEEN] = now
    return False
