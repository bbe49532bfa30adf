"""API keys as programs get them."""

from collections.abc import Iterable
from uuid import uuid4

from apps.accounts.api_actions import KeyTerms, NewKey, create_api_key, create_app_with_key
from apps.accounts.models import ApiApp, User, Workspace
from apps.accounts.permissions import Scope
from tests.support.models import actor

INVOKE = (Scope.INFERENCE_INVOKE,)
PRODUCTION = KeyTerms("Production")


def make_new_key(workspace: Workspace, maker: User, scopes: Iterable[Scope] = INVOKE, terms: KeyTerms = PRODUCTION) -> NewKey:
    """An app with a key."""
    key = uuid4()
    name = f"App {key.hex[:8]}"
    return create_app_with_key(workspace, name=name, scopes=scopes, terms=terms, creation_key=key, maker=maker, actor=actor(maker))


def make_key(workspace: Workspace, maker: User, scopes: Iterable[Scope] = INVOKE, terms: KeyTerms = PRODUCTION) -> str:
    """The key's text, `pb_...`."""
    return make_new_key(workspace, maker, scopes, terms).text.show()


def add_key(app: ApiApp, maker: User, terms: KeyTerms = PRODUCTION) -> NewKey:
    """Another key of the app."""
    return create_api_key(app, terms=terms, creation_key=uuid4(), maker=maker, actor=actor(maker))
