"""Saving, restoring, renaming and deleting prompts. A version is never changed: whoever saves over a newer one is told."""

from dataclasses import dataclass
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.audit.events import Event
from apps.audit.record import Actor, hold_chain, record
from apps.external_models.names import name_key
from apps.playground.choices import Choice
from apps.playground.models import Prompt, PromptVersion
from apps.playground.script import Script


@dataclass(frozen=True, slots=True)
class Author:
    """Who saves: the person, and how the audit log names them."""

    user: User
    actor: Actor


@dataclass(frozen=True, slots=True)
class Content:
    """What a version says."""

    script: Script
    choice: Choice


class PromptNameTaken(Exception):
    """Another prompt of the workspace has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a prompt “{name}” already. Names are compared without upper and lower case.")


class NewerVersion(Exception):
    """Somebody saved a version meanwhile."""

    def __init__(self, newest: PromptVersion) -> None:
        super().__init__(f"{newest.author_name} saved version {newest.number} meanwhile.")
        self.newest = newest
        self.next_number = newest.number + 1


@transaction.atomic
def create_prompt(workspace: Workspace, *, name: str, content: Content, by: Author) -> Prompt:
    """A prompt with its first version; saved again by its author, the very same (a double click) is one prompt. Raises PromptNameTaken."""
    hold_chain(workspace.pk)
    prompt = Prompt(id=uuid4(), workspace=workspace, name=name, name_key=name_key(name), created_by=by.user)
    try:
        insert(prompt)
    except PromptNameTaken:
        there = Prompt.objects.filter(workspace=workspace, name=name, newest=1).first()
        if there and says_the_same(there.versions.get(number=1), content, by):
            return there
        raise
    version = add_version(prompt, content, by, number=1)
    record(Event.PROMPT_CREATED, actor=by.actor, workspace=workspace.pk, target=prompt, changes={"model": version.says_model})
    return prompt


@transaction.atomic
def save_version(prompt: Prompt, *, content: Content, by: Author, expected: int) -> PromptVersion:
    """One more version; `expected` is the newest that its author has seen. Saved again by its author, the very same is one version.
    Raises NewerVersion, and Http404 for a prompt that is gone."""
    prompt = lock(prompt)
    if prompt.newest != expected:
        newest = prompt.versions.get(number=prompt.newest)
        if prompt.newest == expected + 1 and says_the_same(newest, content, by):
            return newest
        raise NewerVersion(newest)
    version = add_version(prompt, content, by, number=prompt.newest + 1)
    record(
        Event.PROMPT_VERSION_SAVED,
        actor=by.actor,
        workspace=prompt.workspace_id,
        target=prompt,
        changes={"version": (expected, version.number), "model": version.says_model},
    )
    return version


@transaction.atomic
def restore_version(version: PromptVersion, *, by: Author) -> PromptVersion:
    """A new version that says what an old one said. Restoring the newest changes nothing."""
    prompt = lock(version.prompt)
    if version.number == prompt.newest:
        return version
    old, number = version.number, prompt.newest + 1
    restored = PromptVersion(
        prompt=prompt,
        number=number,
        content=version.content,
        model_id=version.model_id,
        model_name=version.model_name,
        connection_id=version.connection_id,
        connection_name=version.connection_name,
        author=by.user,
        author_name=by.user.name,
        restored_from=old,
    )
    keep(prompt, restored)
    changes = {"version": (number - 1, number), "restored from": old}
    record(Event.PROMPT_RESTORED, actor=by.actor, workspace=prompt.workspace_id, target=prompt, changes=changes)
    return restored


@transaction.atomic
def rename_prompt(prompt: Prompt, *, name: str, actor: Actor) -> Prompt:
    """Raises PromptNameTaken. Leaves no event when nothing changes."""
    prompt = lock(prompt)
    before = prompt.name
    if before == name:
        return prompt
    prompt.name, prompt.name_key, prompt.updated_at = name, name_key(name), timezone.now()
    insert(prompt)
    record(Event.PROMPT_RENAMED, actor=actor, workspace=prompt.workspace_id, target=prompt, changes={"name": (before, name)})
    return prompt


@transaction.atomic
def delete_prompt(prompt: Prompt, *, actor: Actor) -> None:
    """With all of its versions. Its traces and audit events stay."""
    prompt = lock(prompt)
    record(
        Event.PROMPT_DELETED, actor=actor, workspace=prompt.workspace_id, target=prompt, changes={"versions deleted with it": prompt.newest}
    )
    prompt.delete()


def lock(prompt: Prompt) -> Prompt:
    """The row as it is now, locked to the end of the transaction with its workspace's chain. Raises Http404 when it is gone."""
    hold_chain(prompt.workspace_id)
    row = Prompt.objects.select_for_update().filter(pk=prompt.pk).first()
    if row is None:
        raise Http404("This prompt was deleted meanwhile.")
    return row


def insert(prompt: Prompt) -> None:
    """Save it; the database decides whose name it is. Raises PromptNameTaken."""
    try:
        with transaction.atomic():
            prompt.save()
    except IntegrityError:
        raise PromptNameTaken(prompt.name) from None


def says_the_same(version: PromptVersion, content: Content, by: Author) -> bool:
    """It is this person's, of this model and connection, and not a word differs."""
    connection = content.choice.connection
    mine = (content.script, content.choice.model.pk, connection.pk if connection else None, by.user.pk)
    return (version.script, version.model_id, version.connection_id, version.author_id) == mine


def add_version(prompt: Prompt, content: Content, by: Author, *, number: int) -> PromptVersion:
    model, connection = content.choice.model, content.choice.connection
    version = PromptVersion(
        prompt=prompt,
        number=number,
        content=content.script.to_json(),
        model_id=model.pk,
        model_name=model.name,
        connection_id=connection.pk if connection else None,
        connection_name=connection.name if connection else "",
        author=by.user,
        author_name=by.user.name,
    )
    return keep(prompt, version)


def keep(prompt: Prompt, version: PromptVersion) -> PromptVersion:
    version.save()
    prompt.newest, prompt.updated_at = version.number, version.created_at
    prompt.save(update_fields=["newest", "updated_at"])
    return version
