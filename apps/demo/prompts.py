"""The demo's saved prompt: programs run it, and a week of traces names it."""

from apps.accounts.models import User, Workspace
from apps.audit.record import Actor
from apps.demo.programs import MODEL
from apps.external_models.models import ExternalModel
from apps.playground.actions import Author, Content, create_prompt
from apps.playground.choices import Choice
from apps.playground.models import Prompt
from apps.playground.script import Script, Turn
from apps.providers.chat import Role

NAME = "Triage letter"
SCRIPT = Script(
    (Turn(Role.USER, "Write to {{customer}} what is still missing for this claim:\n\n{{claim}}"),),
    "You write letters for Harbor Mutual: friendly, short, no promises.",
)


def seed_prompt(workspace: Workspace, owner: User) -> None:
    """Of the workspace that has its model; nothing in others."""
    if model := ExternalModel.objects.filter(workspace=workspace, name=MODEL).first():
        by = Author(owner, Actor("user", str(owner.pk), owner.name))
        create_prompt(workspace, name=NAME, content=Content(SCRIPT, Choice(model)), by=by)


def find_prompt(workspace: Workspace) -> Prompt | None:
    return Prompt.objects.filter(workspace=workspace, name=NAME).first()
