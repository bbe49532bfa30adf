"""django-allauth's hooks: sign-up is closed, and every sign-in, sign-out and failed attempt is an audit event.

Sign-ins are events of the platform chain, not of each workspace: a person signs in to Patchbay, and one event per membership would
bury each workspace's own changes.
"""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib import messages
from django.core.mail import MailerDoesNotExist
from django.db import transaction
from django.http import HttpRequest

from apps.accounts.models import User, normalize_email
from apps.accounts.requests import actor_of, anonymous_actor
from apps.audit.events import Event
from apps.audit.record import Outcome, Target, record
from apps.core.client_ip import client_ip

logger = logging.getLogger(__name__)


class MailNotSent(Exception):
    """There is no mail server, or it cannot be reached, or it does not take the mail. Its text is for who waits for it."""


NO_SERVER = "This Patchbay sends no e-mail. Ask the people who run it for a new password."
NOT_TAKEN = "The e-mail could not be sent: the mail server did not take it. Try again in a few minutes, or ask the people who run Patchbay."


# allauth says a lot; of that, these are worth a toast.
WORTH_SAYING = {
    "account/messages/password_changed.txt": "Password changed",
    "mfa/messages/totp_activated.txt": "Authenticator app added",
    "mfa/messages/totp_deactivated.txt": "Authenticator app removed",
    "mfa/messages/recovery_codes_generated.txt": "New recovery codes made",
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that rate limits count by: seen past our own proxies only."""
        return client_ip(request)

    def add_message(self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any) -> None:
        text = WORTH_SAYING.get(message_template or "")
        if text:
            messages.success(request, text)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Raises MailNotSent."""
        try:
            super().send_mail(template_prefix, email, context)
        except MailerDoesNotExist as error:
            raise MailNotSent(NO_SERVER) from error
        except OSError as error:  # whatever smtplib raises is one
            logger.error("The mail server did not take an e-mail: %s", error)
            raise MailNotSent(NOT_TAKEN) from error

    @transaction.atomic
    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        record(Event.SIGNED_IN, actor=actor_of(request), workspace=None, target=user)

    @transaction.atomic
    def logout(self, request: HttpRequest) -> None:
        user = request.user
        if isinstance(user, User):
            record(Event.SIGNED_OUT, actor=actor_of(request), workspace=None, target=user)
        super().logout(request)

    @transaction.atomic
    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """In its own transaction: the request fails, its record stays. Names what was typed only if it is somebody's address."""
        super().authentication_failed(request, **credentials)
        email = normalize_email(str(credentials.get("email") or credentials.get("username") or ""))
        user = User.objects.filter(email=email).first()
        target = Target(type="accounts.user", id=str(user.pk), name=user.name) if user else None
        record(Event.SIGN_IN_FAILED, actor=anonymous_actor(request), workspace=None, target=target, outcome=Outcome.FAILED)
