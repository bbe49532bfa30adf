"""A program of the demo: an API app whose key the gateway takes."""

from pathlib import Path
from uuid import uuid4

from django.db import transaction

from apps.accounts.api_actions import KeyTerms, create_api_app, create_api_key
from apps.accounts.api_credentials import ApiKeyError, UnknownApiKey
from apps.accounts.api_keys import look_up
from apps.accounts.models import ApiApp, User, Workspace
from apps.accounts.permissions import Scope
from apps.audit.record import Actor
from apps.core.names import name_key

APP = "intake-service"
MODEL = "Claims triage LLM"  # answers like an insurer's own JSON API, through both formats


def demo_key(folder: Path, workspace: Workspace, owner: User) -> str:
    """The app's key, made once and kept in the folder, readable by its owner only; "" when somebody has revoked it since."""
    path = folder / "demo_api_key"
    try:
        if path.exists():
            look_up(text := path.read_text().strip())
            return text
    except UnknownApiKey:
        pass  # another database than the one that the key was made in
    except ApiKeyError:
        return ""
    text = make_key(workspace, owner)
    path.touch(mode=0o600)
    path.write_text(f"{text}\n")
    return text


@transaction.atomic
def make_key(workspace: Workspace, owner: User) -> str:
    """Another key of the app, which is made if it is not there."""
    actor = Actor("user", str(owner.pk), owner.name)
    app = ApiApp.objects.filter(workspace=workspace, name_key=name_key(APP)).first()
    if app is None:
        scopes = [Scope.INFERENCE_INVOKE, Scope.MODELS_READ]
        about = "Reads claims as they come in."
        app = create_api_app(workspace, name=APP, scopes=scopes, maker=owner, actor=actor, description=about)
    new = create_api_key(app, terms=KeyTerms("production", requests_per_minute=600), creation_key=uuid4(), maker=owner, actor=actor)
    return new.text.show()


def call_line(address: str, key: str) -> str:
    """A call of the gateway, to paste into a shell."""
    body = f'{{"model": "{MODEL}", "messages": [{{"role": "user", "content": "Is hail covered?"}}]}}'
    return f"curl {address}/v1/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'"
