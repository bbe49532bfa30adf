"""Events inside django-allauth and django.contrib.auth.

Their signals are those libraries' seams; our own business effects never use signals.

Sign-in events stand in the platform's chain, see apps/accounts/adapter.py.
"""

import time
from typing import Any

from allauth.account.signals import password_changed, password_reset
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed, authenticator_added, authenticator_removed
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from apps.accounts.models import User
from apps.accounts.requests import actor_of, anonymous_actor
from apps.accounts.sessions import BEGAN, SEEN
from apps.audit.events import Event
from apps.audit.record import Outcome, Target, record

FACTORS = {Authenticator.Type.TOTP: "authenticator app", Authenticator.Type.RECOVERY_CODES: "recovery codes"}


@receiver(user_logged_in)
def start_clock(request: HttpRequest, **kwargs: Any) -> None:
    """When the session began and was last used, for the limits of spec 07 D6."""
    now = int(time.time())
    request.session[BEGAN] = request.session[SEEN] = now


@receiver(password_changed)
@transaction.atomic
def on_password_changed(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """All other sessions end by themselves: the password is part of their hash."""
    record(Event.PASSWORD_CHANGED, actor=actor_of(request), workspace=None, target=user)


@receiver(password_reset)
@transaction.atomic
def on_password_reset(request: HttpRequest, user: User, **kwargs: Any) -> None:
    record(Event.PASSWORD_CHANGED, actor=anonymous_actor(request), workspace=None, target=user, description="By a link sent to the person.")


@receiver(authenticator_added)
@transaction.atomic
def on_factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _factor_changed(Event.SECOND_FACTOR_ADDED, request, user, authenticator)


@receiver(authenticator_removed)
@transaction.atomic
def on_factor_removed(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _factor_changed(Event.SECOND_FACTOR_REMOVED, request, user, authenticator)


def _factor_changed(event: Event, request: HttpRequest, user: User, authenticator: Authenticator) -> None:
    """A changed second factor ends every other session (07 D6)."""
    user.sessions_version += 1
    user.save(update_fields=["sessions_version"])
    update_session_auth_hash(request, user)
    record(event, actor=actor_of(request), workspace=None, target=user, changes={"factor": FACTORS.get(authenticator.type, "other")})


@receiver(authentication_failed)
@transaction.atomic
def on_wrong_code(request: HttpRequest, user: User, **kwargs: Any) -> None:
    target = Target("accounts.user", str(user.pk), user.name)
    record(
        Event.SIGN_IN_FAILED,
        actor=anonymous_actor(request),
        workspace=None,
        target=target,
        outcome=Outcome.FAILED,
        description="Wrong second factor.",
    )
