"""Events inside django-allauth and django.contrib.auth.

Their signals are those libraries' seams; our own business effects never use signals.

Sign-in events stand in the platform's chain, see apps/accounts/adapter.py.
"""

import time
from typing import Any

from allauth.account.signals import password_changed, password_reset
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from apps.accounts.models import User
from apps.accounts.requests import actor_of, anonymous_actor
from apps.accounts.sessions import BEGAN, SEEN
from apps.audit.events import Event
from apps.audit.record import SYSTEM, Outcome, Target, record

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


# allauth tells of a changed second factor after its transaction; the rows' own signals come inside it, where the event belongs (07 E).
@receiver(post_save, sender=Authenticator)
def on_factor_added(instance: Authenticator, created: bool, **kwargs: Any) -> None:
    if created:
        _factor_changed(Event.SECOND_FACTOR_ADDED, instance)


@receiver(post_delete, sender=Authenticator)
def on_factor_removed(instance: Authenticator, **kwargs: Any) -> None:
    _factor_changed(Event.SECOND_FACTOR_REMOVED, instance)


@transaction.atomic
def _factor_changed(event: Event, factor: Authenticator) -> None:
    """A changed second factor ends every other session (07 D6)."""
    user: User = factor.user
    user.sessions_version += 1
    user.save(update_fields=["sessions_version"])
    request = context.request
    mine = request is not None and request.user == user
    if mine:
        update_session_auth_hash(request, user)
    actor = actor_of(request) if mine else SYSTEM
    record(event, actor=actor, workspace=None, target=user, changes={"factor": FACTORS.get(factor.type, "other")})


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
