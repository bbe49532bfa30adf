"""Every change leaves its audit event, in its own transaction (spec 06; 07 E): the one table that every new action joins.

A row says how to make what the action needs, the action itself, and the events it leaves, each with its chain: "w" for the workspace's,
"p" for the platform's. What is checked of every row: exactly these events, by the actor who did it; none of them when the transaction
around the action is rolled back. Which functions are actions is read from the source of apps/*/actions.py, so that a new one fails here.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from apps.accounts import actions as accounts
from apps.accounts import api_actions as api
from apps.accounts.actions import AccountError
from apps.accounts.api_actions import KeyTerms
from apps.accounts.budgets import Budget
from apps.accounts.models import ApiApp, ApiKey, Membership, User
from apps.accounts.permissions import Role, Scope
from apps.audit import actions as audit
from apps.audit.chain import PLATFORM
from apps.audit.models import AuditEvent, Outcome
from apps.catalog import actions as catalog
from apps.connections import actions as connections
from apps.connections import profile_actions as profiles
from apps.connections.bedrock import BedrockRole, RoleCheck, Verdict
from apps.connections.models import AuthorizationProfile, Connection
from apps.connections.profile_actions import ProfileValues
from apps.connections.routing import Routing
from apps.core.secrets import Secret
from apps.egress import actions as egress
from apps.external_models import actions as models
from apps.external_models.models import ExternalModel
from apps.external_models.time_limits import TimeLimits
from apps.inference import actions as inference
from apps.inference.actions import Tested
from apps.inference.result import Failure, Result
from apps.onboarding import actions as onboarding
from apps.onboarding.actions import EasyIntegration, Integration
from apps.onboarding.easy import definition_of, easy_provider
from apps.playground import actions as playground
from apps.playground.actions import Content
from apps.playground.choices import Choice
from apps.playground.models import Prompt, PromptVersion
from apps.playground.script import Script, Turn
from apps.providers.chat import Role as ChatRole
from apps.traces import actions as traces
from apps.traces import capture_actions as capture
from apps.traces.capture_actions import CaptureChoice
from apps.usage import actions as usage
from apps.usage.accounts import Account, Kind, periods_of
from apps.usage.actions import Reached
from tests.support.api_keys import PRODUCTION, make_new_key
from tests.support.api_keys import add_key as add_api_key
from tests.support.cast import Cast
from tests.support.catalog import offer, snapshot
from tests.support.models import KEY, actor, author, definition, make_connection, make_easy_model, make_model
from tests.support.profiles import connected, make_profile

type Act = Callable[[], object]

ROOT = Path(settings.BASE_DIR)
# Public functions of actions.py that change something nobody did: no event.
NOT_AUDITED = {"connections.note_use": "when a connection was last used is the trace's business"}
# Where else record() may be called: sign-in happens inside other people's code, rotation is a command.
OTHER_WRITERS = {"accounts/adapter.py", "accounts/receivers.py", "audit/management/commands/rotate_secrets.py"}
PASSWORD = "lanterns-over-the-quay-77"


@dataclass(frozen=True)
class Row:
    action: str  # app.function
    arrange: Callable[[Cast], Act]
    events: tuple[str, ...]
    case: str = ""

    def __str__(self) -> str:
        return f"{self.action} {self.case}".strip()


def membership(cast: Cast, person: Any) -> Membership:
    return Membership.objects.get(workspace=cast.harbor, user=person)


def integration(name: str = "New model", url: str = "https://api.example.com/v1", **changes: Any) -> Integration:
    given: dict[str, Any] = {
        "name": name,
        "definition": definition(url),
        "secrets": {"X-Api-Key": Secret(KEY)},
        "parameters": {},
        "connection_name": "",
        "tested_digest": "passed",
    }
    return Integration(**given | changes)


def save(cast: Cast, *, model: ExternalModel | None = None, confirm: bool = True, version: int = 1, **changes: Any) -> Act:
    return lambda: onboarding.save_integration(
        integration(**changes),
        workspace=cast.harbor,
        model=model,
        by=author(cast.alice),
        expected_version=version,
        creation_key=uuid4(),
        confirm=confirm,
    )


def choose(cast: Cast, *, days: int) -> None:
    """The defaults but for the days."""
    choice = CaptureChoice("masked", True, True, True, (), 65_536, days, None)
    capture.change_capture_policy(cast.harbor, choice=choice, actor=actor(cast.alice))


def add_easy(cast: Cast, *, key_checked: bool = True, name: str = "First") -> Act:
    provider, setup = easy_provider("openai")
    made = definition_of(provider, setup, "gpt-4o-mini", setup.base_url, features=(), modalities=())
    secrets = {setup.key_header: Secret("sk-live-4711-NEWW")}
    easy = EasyIntegration("openai", "gpt-4o-mini", made, name, secrets, {}, key_checked)
    return lambda: onboarding.add_easy_model(easy, workspace=cast.harbor, by=author(cast.alice))


def add_to_easy(cast: Cast) -> Act:
    make_easy_model(cast.harbor, cast.alice)
    return add_easy(cast)


def move_easy(cast: Cast) -> Act:
    """To another host: the connection loses its key."""
    model = make_easy_model(cast.harbor, cast.alice)
    moved = replace(model.definition, url="https://proxy.example.com/v1/chat/completions")
    return lambda: onboarding.update_easy_model(model, name="Moved", definition=moved, by=author(cast.alice), expected_version=1)


def saved_twice(cast: Cast) -> Act:
    """Two connections, and the endpoint moves to another host: both lose their key."""
    model = make_model(cast.harbor, cast.alice, "New model")
    make_connection(model, cast.alice, "One")
    make_connection(model, cast.alice, "Two", key="sk-live-4711-TWOO")
    return save(cast, model=model, url="https://elsewhere.example.com/v1", secrets={}, tested_digest="")


def add_key(cast: Cast) -> Act:
    model = make_model(cast.harbor, cast.alice)
    return lambda: connections.add_connection(
        model, name="Production", secrets={"X-Api-Key": Secret(KEY)}, parameters={}, by=author(cast.alice)
    )


def a_budget_reached(cast: Cast) -> Reached:
    account = Account(Kind.KEY, "0123456789abcdef", cast.harbor.pk, "Batch", Budget(Decimal(5)))
    return Reached(account, next(periods_of(account.budget, timezone.now().timestamp())), Decimal(5))


def with_connection(do: Callable[[Connection, Cast], object], **made: Any) -> Callable[[Cast], Act]:
    def arrange(cast: Cast) -> Act:
        connection = make_connection(make_model(cast.harbor, cast.alice), cast.alice, **made)
        return lambda: do(connection, cast)

    return arrange


def with_model(do: Callable[[ExternalModel, Cast], object], **made: Any) -> Callable[[Cast], Act]:
    def arrange(cast: Cast) -> Act:
        model = make_model(cast.harbor, cast.alice, **made)
        return lambda: do(model, cast)

    return arrange


def with_profile(do: Callable[[AuthorizationProfile, Cast], object], **made: Any) -> Callable[[Cast], Act]:
    def arrange(cast: Cast) -> Act:
        profile = make_profile(cast.harbor, cast.alice, **made)
        return lambda: do(profile, cast)

    return arrange


def change_profile(profile: AuthorizationProfile, cast: Cast, *, version: int = 1) -> object:
    values = ProfileValues({}, ("https://two.example.com:443",), {"token": Secret(KEY)})
    return profiles.update_profile(profile, values=values, actor=actor(cast.alice), expected_version=version)


def fail_profile(profile: AuthorizationProfile, cast: Cast, *, version: int = 1) -> object:
    return profiles.note_refresh_failed(
        profile.workspace_id, profile.pk, version=version, since=timezone.now(), problem="Refused.", actor=actor(cast.alice)
    )


def profile_in_use(cast: Cast) -> Act:
    profile = make_profile(cast.harbor, cast.alice)
    connected(cast.harbor, cast.alice, profile, definition(secret=()))
    return lambda: profiles.delete_profile(profile, actor=actor(cast.alice))


def failed_before(cast: Cast) -> Act:
    profile = make_profile(cast.harbor, cast.alice)
    fail_profile(profile, cast)
    return lambda: fail_profile(profile, cast)


def moved(cast: Cast) -> Act:
    model = make_model(cast.harbor, cast.alice)
    make_connection(model, cast.alice, "One")
    make_connection(model, cast.alice, "Two", key="sk-live-4711-TWOO")
    model.definition = definition("https://elsewhere.example.com/v1")
    model.save()
    return lambda: connections.drop_secrets_of_other_hosts(model, actor=actor(cast.alice))


def record_a_test(cast: Cast, model: ExternalModel | None, result: Result) -> object:
    return inference.record_test(
        cast.harbor,
        model=model,
        name="A model",
        tested=Tested("digest", {"prompt": "Hello"}, {"x-api-key": Secret(KEY)}, "https://api.example.com:443"),
        result=result,
        user=cast.alice,
        actor=actor(cast.alice),
    )


def create_user(cast: Cast, **more: Any) -> Act:
    given = {"email": "nina@harbor.test", "password": PASSWORD, "name": "Nina New"}
    return lambda: accounts.create_user(**given | more, actor=actor(cast.alice))


def allow(cast: Cast) -> Any:
    return egress.allow_egress(actor=actor(cast.alice), host="api.example.com", ports=[443], scheme="https", reason="The table of actions")


def update_the_catalog(cast: Cast) -> object:
    return catalog.update_catalog(snapshot=snapshot(offer()), actor=actor(cast.alice))


def update(model: ExternalModel, cast: Cast, *, name: str = "Renamed", version: int = 1) -> object:
    return models.update_model(
        model, name=name, definition=definition("https://new.example.com"), by=author(cast.alice), expected_version=version
    )


def limit(model: ExternalModel, cast: Cast, *, seconds: int = 7, version: int = 1) -> object:
    return models.set_time_limits(model, limits=TimeLimits(seconds), by=author(cast.alice), expected_version=version)


def with_key(do: Callable[[ApiKey, Cast], object]) -> Callable[[Cast], Act]:
    def arrange(cast: Cast) -> Act:
        key = make_new_key(cast.harbor, cast.alice).key
        return lambda: do(key, cast)

    return arrange


def change_app(app: ApiApp, cast: Cast, *, name: str = "Renamed", version: int = 1, by: User | None = None) -> object:
    scopes = [Scope.INFERENCE_INVOKE]
    return api.update_api_app(
        app, name=name, description="", scopes=scopes, expected_version=version, by=by or cast.alice, actor=actor(cast.alice)
    )


def revoked_key(cast: Cast) -> Act:
    key = make_new_key(cast.harbor, cast.alice).key
    api.revoke_api_key(key, actor=actor(cast.alice))
    return lambda: api.revoke_api_key(key, actor=actor(cast.alice))


ROLE = "arn:aws:iam::210987654321:role/HarborBedrock"
SOUND = RoleCheck(Verdict.SOUND, "AWS asks for the external ID.")


def ask_for_role(cast: Cast, verdict: Verdict, *, automatic: bool = False) -> BedrockRole:
    check = RoleCheck(verdict, "What the check said.")
    return connections.request_registration(
        cast.harbor, role_arn=ROLE, sts_region="eu-west-1", check=check, automatic=automatic, by=author(cast.alice)
    )


def with_role(do: Callable[[BedrockRole, Cast], object]) -> Callable[[Cast], Act]:
    def arrange(cast: Cast) -> Act:
        role = ask_for_role(cast, Verdict.SOUND)
        return lambda: do(role, cast)

    return arrange


REFUSED = Failure("upstream_auth", "Wait", "The key was refused.", "", "")


def save_prompt(cast: Cast, name: str = "Triage", text: str = "Sort this claim.") -> Prompt:
    model = ExternalModel.objects.filter(workspace=cast.harbor).first() or make_model(cast.harbor, cast.alice)
    content = Content(Script((Turn(ChatRole.USER, text),)), Choice(model))
    return playground.create_prompt(cast.harbor, name=name, content=content, by=by_alice(cast))


def by_alice(cast: Cast) -> playground.Author:
    return playground.Author(cast.alice, actor(cast.alice))


def save_prompt_version(prompt: Prompt, cast: Cast, *, expected: int = 1) -> PromptVersion:
    model = ExternalModel.objects.get(workspace=cast.harbor)
    content = Content(Script((Turn(ChatRole.USER, "Sort it well."),)), Choice(model))
    return playground.save_version(prompt, content=content, by=by_alice(cast), expected=expected)


def with_prompt(do: Callable[[Prompt, Cast], object], *, versions: int = 1) -> Callable[[Cast], Act]:
    def arrange(cast: Cast) -> Act:
        prompt = save_prompt(cast)
        for number in range(1, versions):
            save_prompt_version(prompt, cast, expected=number)
        return lambda: do(prompt, cast)

    return arrange


def create_first_prompt(cast: Cast) -> Act:
    make_model(cast.harbor, cast.alice)
    return lambda: save_prompt(cast)


ROWS = [
    # playground
    Row("playground.create_prompt", create_first_prompt, ("w prompt.created",)),
    Row("playground.save_version", with_prompt(save_prompt_version), ("w prompt.version_saved",)),
    Row(
        "playground.restore_version",
        with_prompt(lambda prompt, cast: playground.restore_version(prompt.versions.get(number=1), by=by_alice(cast)), versions=2),
        ("w prompt.restored",),
    ),
    Row(
        "playground.rename_prompt",
        with_prompt(lambda prompt, cast: playground.rename_prompt(prompt, name="Sorting", actor=actor(cast.alice))),
        ("w prompt.renamed",),
    ),
    Row(
        "playground.delete_prompt",
        with_prompt(lambda prompt, cast: playground.delete_prompt(prompt, actor=actor(cast.alice))),
        ("w prompt.deleted",),
    ),
    # accounts
    Row(
        "accounts.create_workspace",
        lambda cast: lambda: accounts.create_workspace(name="Third", slug="third", owner=cast.alice, actor=actor(cast.alice)),
        ("w workspace.created",),
    ),
    Row(
        "accounts.rename_workspace",
        lambda cast: lambda: accounts.rename_workspace(cast.harbor, name="Renamed", organization="", actor=actor(cast.alice)),
        ("w workspace.renamed",),
    ),
    Row("accounts.create_user", create_user, ("p member.user_created",)),
    Row(
        "accounts.create_user",
        lambda cast: create_user(cast, workspace=cast.harbor, role=Role.VIEWER),
        ("w member.added", "p member.user_created"),
        "as a member",
    ),
    Row(
        "accounts.update_profile",
        lambda cast: lambda: accounts.update_profile(cast.bob, name="Bobby", timezone="Europe/Berlin", actor=actor(cast.alice)),
        ("p member.user_updated",),
    ),
    Row(
        "accounts.update_user",
        lambda cast: lambda: accounts.update_user(cast.bob, name="Bobby", is_active=False, is_staff=False, actor=actor(cast.alice)),
        ("p member.user_updated",),
    ),
    Row(
        "accounts.end_other_sessions",
        lambda cast: lambda: accounts.end_other_sessions(cast.bob, actor=actor(cast.alice)),
        ("p sign_in.sessions_ended",),
    ),
    Row(
        "accounts.add_member",
        lambda cast: lambda: accounts.add_member(workspace=cast.harbor, user=cast.pat, role=Role.MEMBER, actor=actor(cast.alice)),
        ("w member.added",),
    ),
    Row(
        "accounts.change_role",
        lambda cast: lambda: accounts.change_role(membership(cast, cast.bob), role=Role.ADMIN, actor=actor(cast.alice)),
        ("w member.role_changed",),
    ),
    Row(
        "accounts.remove_member",
        lambda cast: lambda: accounts.remove_member(membership(cast, cast.bob), actor=actor(cast.alice)),
        ("w member.removed",),
    ),
    Row(
        "accounts.create_api_app",
        lambda cast: (
            lambda: api.create_api_app(cast.harbor, name="Intake", scopes=[Scope.MODELS_READ], maker=cast.alice, actor=actor(cast.alice))
        ),
        ("w api_app.created",),
    ),
    Row(
        "accounts.create_app_with_key",
        lambda cast: lambda: make_new_key(cast.harbor, cast.alice),
        ("w api_app.created", "w api_app.key_created"),
    ),
    Row("accounts.update_api_app", with_key(lambda key, cast: change_app(key.app, cast)), ("w api_app.updated",)),
    Row(
        "accounts.delete_api_app", with_key(lambda key, cast: api.delete_api_app(key.app, actor=actor(cast.alice))), ("w api_app.deleted",)
    ),
    Row("accounts.create_api_key", with_key(lambda key, cast: add_api_key(key.app, cast.alice)), ("w api_app.key_created",)),
    Row(
        "accounts.update_api_key",
        with_key(lambda key, cast: api.update_api_key(key, terms=KeyTerms("Batch", requests_per_minute=60), actor=actor(cast.alice))),
        ("w api_app.key_updated",),
    ),
    Row(
        "accounts.update_api_key",
        with_key(lambda key, cast: api.update_api_key(key, terms=KeyTerms(key.name, budget=Budget(Decimal(5))), actor=actor(cast.alice))),
        ("w budget.set",),
        "budget only",
    ),
    Row(
        "accounts.revoke_api_key",
        with_key(lambda key, cast: api.revoke_api_key(key, actor=actor(cast.alice))),
        ("w api_app.key_revoked",),
    ),
    # audit
    Row(
        "audit.verify_and_record",
        lambda cast: lambda: audit.verify_and_record(str(cast.harbor.pk), actor=actor(cast.alice)),
        ("w audit.verified",),
    ),
    Row(
        "audit.record_failure",
        lambda cast: lambda: audit.record_failure(str(cast.harbor.pk), "Event 3 is missing.", actor=actor(cast.alice)),
        ("w audit.verification_failed", "p audit.verification_failed"),
    ),
    # usage
    Row(
        "usage.note_reached",
        lambda cast: lambda: usage.note_reached(a_budget_reached(cast), actor=actor(cast.alice)),
        ("w budget.reached",),
    ),
    # egress
    Row("egress.allow_egress", lambda cast: lambda: allow(cast), ("p egress.rule_added",)),
    Row(
        "egress.revoke_egress",
        lambda cast: (lambda rule: lambda: egress.revoke_egress(rule, actor=actor(cast.alice)))(allow(cast)),
        ("p egress.rule_ended",),
    ),
    # catalog
    Row("catalog.update_catalog", lambda cast: lambda: update_the_catalog(cast), ("p catalog.updated",)),
    # external_models
    Row(
        "external_models.add_model",
        lambda cast: (
            lambda: models.add_model(cast.harbor, name="New", definition=definition(), by=author(cast.alice), creation_key=uuid4())
        ),
        ("w model.saved_as_draft",),
    ),
    Row(
        "external_models.add_model",
        lambda cast: (
            lambda: models.add_model(
                cast.harbor, name="New", definition=definition(), by=author(cast.alice), creation_key=uuid4(), as_draft=False
            )
        ),
        ("w model.added",),
        "to confirm",
    ),
    Row("external_models.update_model", with_model(update), ("w model.updated",)),
    Row("external_models.update_model", with_model(update, state="draft"), ("w model.saved_as_draft",), "of a draft"),
    Row("external_models.set_time_limits", with_model(limit), ("w model.updated",)),
    Row(
        "external_models.activate_model",
        with_model(lambda model, cast: models.activate_model(model, tested_digest="passed", by=author(cast.alice)), state="draft"),
        ("w model.activated",),
    ),
    Row(
        "external_models.activate_model",
        with_model(lambda model, cast: models.activate_model(model, tested_digest="", by=author(cast.alice)), state="draft"),
        ("w model.activated_without_test",),
        "without a test",
    ),
    Row(
        "external_models.switch_inferencing",
        with_model(lambda model, cast: models.switch_inferencing(model, on=False, actor=actor(cast.alice))),
        ("w model.inferencing_switched",),
    ),
    Row(
        "external_models.copy_model",
        with_model(lambda model, cast: models.copy_model(model, by=author(cast.alice), workspace=cast.harbor)),
        ("w model.copied",),
    ),
    Row(
        "external_models.delete_model",
        lambda cast: (lambda c: lambda: models.delete_model(c.model, actor=actor(cast.alice)))(
            make_connection(make_model(cast.harbor, cast.alice), cast.alice)
        ),
        ("w model.deleted",),  # its connections are named in it
    ),
    # connections
    Row("connections.add_connection", add_key, ("w connection.added",)),
    Row(
        "connections.replace_credentials",
        with_connection(
            lambda connection, cast: connections.replace_credentials(
                connection, secrets={"X-Api-Key": Secret("sk-live-4711-NEWW")}, parameters={}, actor=actor(cast.alice)
            )
        ),
        ("w connection.credentials_replaced",),
    ),
    Row(
        "connections.replace_credentials",
        with_connection(
            lambda connection, cast: connections.replace_credentials(
                connection, secrets={}, parameters={}, actor=actor(cast.alice), routing=Routing(priority=2)
            )
        ),
        ("w connection.updated",),
        "routing only",
    ),
    Row(
        "connections.replace_credentials",
        with_connection(
            lambda connection, cast: connections.replace_credentials(
                connection, secrets={}, parameters={}, actor=actor(cast.alice), budget=Budget(Decimal(5))
            )
        ),
        ("w budget.set",),
        "budget only",
    ),
    Row(
        "connections.create_profile",
        lambda cast: lambda: make_profile(cast.harbor, cast.alice),
        ("w authorization_profile.created",),
    ),
    Row(
        "connections.update_profile",
        with_profile(lambda profile, cast: change_profile(profile, cast)),
        ("w authorization_profile.updated",),
    ),
    Row(
        "connections.delete_profile",
        with_profile(lambda profile, cast: profiles.delete_profile(profile, actor=actor(cast.alice))),
        ("w authorization_profile.deleted",),
    ),
    Row(
        "connections.record_profile_test",
        with_profile(
            lambda profile, cast: profiles.record_profile_test(
                profile, outcome=Outcome.FAILED, facts={"error": "x"}, actor=actor(cast.alice)
            )
        ),
        ("w authorization_profile.tested failed",),
    ),
    Row(
        "connections.record_profile_refusal",
        lambda cast: lambda: profiles.record_profile_refusal(cast.harbor, name="", hosts=["10.0.0.1"], actor=actor(cast.alice)),
        ("w egress.refused refused",),
    ),
    Row(
        "connections.note_refresh_failed",
        with_profile(fail_profile),
        ("w authorization_profile.refresh_failed",),
    ),
    Row(
        "connections.rotate_key",
        with_connection(
            lambda connection, cast: connections.rotate_key(connection, secret=Secret("sk-live-4711-NEWW"), actor=actor(cast.alice))
        ),
        ("w connection.rotated",),
    ),
    Row(
        "connections.record_key_lookup",
        with_connection(
            lambda connection, cast: connections.record_key_lookup(cast.harbor, found=[connection], actor=actor(cast.alice)),
        ),
        ("w connection.key_looked_up",),
    ),
    Row(
        "connections.switch_connection",
        with_connection(lambda connection, cast: connections.switch_connection(connection, on=False, actor=actor(cast.alice))),
        ("w connection.inferencing_switched",),
    ),
    Row(
        "connections.delete_connection",
        with_connection(lambda connection, cast: connections.delete_connection(connection, actor=actor(cast.alice))),
        ("w connection.deleted",),
    ),
    Row("connections.drop_secrets_of_other_hosts", moved, ("w connection.credentials_replaced",) * 2),  # one for each that lost some
    Row(
        "connections.request_registration",
        lambda cast: lambda: ask_for_role(cast, Verdict.SOUND),
        ("w bedrock_role.registration_requested",),
    ),
    Row(
        "connections.request_registration",
        lambda cast: lambda: ask_for_role(cast, Verdict.OPEN),
        ("w bedrock_role.registration_requested", "w bedrock_role.refused"),
        "of a role that lets anybody in",
    ),
    Row(
        "connections.register_role",
        with_role(lambda role, cast: connections.register_role(role, check=SOUND, override=False, reason="", by=author(cast.alice))),
        ("w bedrock_role.registered", "p bedrock_role.registered"),
    ),
    Row(
        "connections.refuse_role",
        with_role(lambda role, cast: connections.refuse_role(role, reason="Unknown account.", by=author(cast.alice))),
        ("w bedrock_role.refused", "p bedrock_role.refused"),
    ),
    # inference
    Row("inference.record_test", with_model(lambda model, cast: record_a_test(cast, model, Result())), ("w model.tested",)),
    Row(
        "inference.record_test",
        lambda cast: lambda: record_a_test(cast, None, Result(failure=REFUSED)),
        ("w model.tested failed",),
        "not saved yet",
    ),
    Row(
        "inference.record_connection_test",
        with_connection(
            lambda connection, cast: inference.record_connection_test(
                connection, result=Result(), workspace_id=cast.harbor.pk, actor=actor(cast.alice)
            )
        ),
        ("w connection.tested",),
    ),
    Row(
        "inference.record_failed_rotation",
        with_connection(
            lambda connection, cast: inference.record_failed_rotation(
                connection, result=Result(failure=REFUSED), workspace_id=cast.harbor.pk, actor=actor(cast.alice)
            )
        ),
        ("w connection.rotated failed",),
    ),
    Row(
        "inference.record_refusal",
        with_model(
            lambda model, cast: inference.record_refusal(
                cast.harbor, model=model, name="", url="http://10.0.0.1/v1", actor=actor(cast.alice)
            )
        ),
        ("w egress.refused refused",),
    ),
    Row(
        "inference.record_key_check",
        lambda cast: (
            lambda: inference.record_key_check(
                cast.harbor, connection_name="First", model_name="GPT", result=Result(failure=REFUSED), actor=actor(cast.alice)
            )
        ),
        ("w connection.tested failed",),
    ),
    # onboarding: one save, one event for each thing it changed
    Row("onboarding.save_integration", lambda cast: save(cast, confirm=False, secrets={}), ("w model.saved_as_draft",), "as a draft"),
    Row("onboarding.add_easy_model", add_easy, ("w model.added", "w connection.added", "w model.activated")),
    Row(
        "onboarding.add_easy_model",
        lambda cast: add_easy(cast, key_checked=False),
        ("w model.added", "w connection.added", "w connection.inferencing_switched", "w model.activated_without_test"),
        "anyway",
    ),
    Row("onboarding.add_easy_model", add_to_easy, ("w connection.added",), "to the model that is here"),
    Row("onboarding.update_easy_model", move_easy, ("w model.updated", "w connection.credentials_replaced")),
    Row("onboarding.save_integration", save, ("w model.added", "w connection.added", "w model.activated"), "confirmed at once"),
    Row(
        "onboarding.save_integration",
        saved_twice,
        ("w model.updated", "w connection.credentials_replaced", "w connection.credentials_replaced"),
        "to another host",
    ),
    Row("traces.change_capture_policy", lambda cast: lambda: choose(cast, days=7), ("w workspace.settings_changed",)),
    Row(
        "traces.record_export",
        lambda cast: (
            lambda: traces.record_export(
                cast.harbor, kind="csv", query="where=status:is:failed", texts=True, own=False, actor=actor(cast.alice)
            )
        ),
        ("w workspace.traces_exported",),
    ),
]

# Nothing changes, so nothing is recorded: second clicks, and forms saved as they were.
UNCHANGED = [
    Row(
        "playground.rename_prompt",
        with_prompt(lambda prompt, cast: playground.rename_prompt(prompt, name=prompt.name, actor=actor(cast.alice))),
        (),
    ),
    Row("external_models.set_time_limits", with_model(lambda model, cast: limit(model, cast, seconds=60)), ()),
    Row("connections.note_refresh_failed", failed_before, (), "one event, however many calls fail"),
    Row(
        "external_models.switch_inferencing",
        with_model(lambda model, cast: models.switch_inferencing(model, on=True, actor=actor(cast.alice))),
        (),
    ),
    Row(
        "external_models.activate_model",
        with_model(lambda model, cast: models.activate_model(model, tested_digest="again", by=author(cast.alice))),
        (),
    ),
    Row(
        "external_models.add_model",
        with_model(
            lambda model, cast: models.add_model(
                cast.harbor, name="Other", definition=definition(), by=author(cast.alice), creation_key=model.creation_key
            )
        ),
        (),
    ),
    Row(
        "connections.switch_connection",
        with_connection(lambda connection, cast: connections.switch_connection(connection, on=True, actor=actor(cast.alice))),
        (),
    ),
    Row(
        "connections.drop_secrets_of_other_hosts",
        with_connection(lambda connection, cast: connections.drop_secrets_of_other_hosts(connection.model, actor=actor(cast.alice))),
        (),
    ),
    Row(
        "connections.request_registration",
        lambda cast: (lambda role: lambda: ask_for_role(cast, Verdict.OPEN))(ask_for_role(cast, Verdict.SOUND, automatic=True)),
        (),
    ),
    Row(
        "accounts.rename_workspace",
        lambda cast: (
            lambda: accounts.rename_workspace(
                cast.harbor, name=cast.harbor.name, organization=cast.harbor.organization, actor=actor(cast.alice)
            )
        ),
        (),
    ),
    Row(
        "accounts.update_profile",
        lambda cast: lambda: accounts.update_profile(cast.bob, name=cast.bob.name, timezone=cast.bob.timezone, actor=actor(cast.alice)),
        (),
    ),
    Row(
        "accounts.change_role",
        lambda cast: lambda: accounts.change_role(membership(cast, cast.bob), role=Role.MEMBER, actor=actor(cast.alice)),
        (),
    ),
    Row("accounts.update_api_app", with_key(lambda key, cast: change_app(key.app, cast, name=key.app.name)), ()),
    Row("accounts.update_api_key", with_key(lambda key, cast: api.update_api_key(key, terms=PRODUCTION, actor=actor(cast.alice))), ()),
    Row("accounts.revoke_api_key", revoked_key, ()),
    Row("egress.allow_egress", lambda cast: (lambda rule: lambda: allow(cast))(allow(cast)), ()),
    Row("catalog.update_catalog", lambda cast: (lambda done: lambda: update_the_catalog(cast))(update_the_catalog(cast)), ()),
    Row("traces.change_capture_policy", lambda cast: lambda: choose(cast, days=30), (), "the defaults"),
]

type Refusal = tuple[Row, type[Exception]]


def name_taken(cast: Cast) -> Act:
    make_model(cast.harbor, cast.alice, "Taken")
    model = make_model(cast.harbor, cast.alice)
    return lambda: update(model, cast, name="TAKEN")


def key_taken(cast: Cast) -> Act:
    """The model and its definition are saved before the key turns out to be in use: all of it is undone."""
    model = make_model(cast.harbor, cast.alice, "New model", state="draft")
    make_connection(model, cast.alice, "First", key="sk-live-4711-FRST")
    make_connection(model, cast.alice, "Second")
    return save(cast, model=model)


REFUSALS: list[Refusal] = [
    (
        Row("playground.save_version", with_prompt(lambda prompt, cast: save_prompt_version(prompt, cast, expected=7)), (), "newer"),
        playground.NewerVersion,
    ),
    (
        Row("playground.create_prompt", with_prompt(lambda prompt, cast: save_prompt(cast, "TRIAGE")), (), "name taken"),
        playground.PromptNameTaken,
    ),
    (Row("external_models.update_model", name_taken, (), "name taken"), models.NameTaken),
    (
        Row("external_models.update_model", with_model(lambda model, cast: update(model, cast, version=7)), (), "conflict"),
        models.EditConflict,
    ),
    (
        Row("external_models.set_time_limits", with_model(lambda model, cast: limit(model, cast, version=7)), (), "conflict"),
        models.EditConflict,
    ),
    (
        Row(
            "external_models.switch_inferencing",
            with_model(lambda model, cast: models.switch_inferencing(model, on=True, actor=actor(cast.alice)), state="draft"),
            (),
        ),
        models.ModelIsDraft,
    ),
    (
        Row(
            "connections.add_connection",
            with_connection(lambda connection, cast: add_key_to(connection.model, "PRODUCTION", "sk-live-4711-OTHR", cast)),
            (),
            "name taken",
        ),
        connections.ConnectionNameTaken,
    ),
    (
        Row("connections.add_connection", with_connection(lambda connection, cast: add_key_to(connection.model, "Other", KEY, cast)), ()),
        connections.KeyAlreadyUsed,
    ),
    (
        Row(
            "connections.replace_credentials",
            with_connection(
                lambda connection, cast: connections.replace_credentials(
                    connection, secrets={}, parameters={}, actor=actor(cast.alice), expected_version=9
                )
            ),
            (),
        ),
        connections.ConnectionEditConflict,
    ),
    (
        Row(
            "connections.register_role",
            with_role(
                lambda role, cast: connections.register_role(
                    role, check=RoleCheck(Verdict.OPEN, "Open."), override=False, reason="", by=author(cast.alice)
                )
            ),
            (),
        ),
        connections.RoleNotSound,
    ),
    (
        Row("connections.create_profile", with_profile(lambda profile, cast: make_profile(cast.harbor, cast.alice)), ()),
        profiles.ProfileNameTaken,
    ),
    (
        Row("connections.update_profile", with_profile(lambda profile, cast: change_profile(profile, cast, version=9)), ()),
        profiles.ProfileEditConflict,
    ),
    (Row("connections.delete_profile", profile_in_use, ()), profiles.ProfileInUse),
    (Row("onboarding.save_integration", key_taken, ()), connections.KeyAlreadyUsed),
    (
        Row("accounts.create_user", lambda cast: create_user(cast, email="bob@harbor.test", workspace=cast.harbor, role=Role.VIEWER), ()),
        AccountError,
    ),
    (
        Row(
            "accounts.remove_member",
            lambda cast: lambda: accounts.remove_member(membership(cast, cast.alice), actor=actor(cast.alice)),
            (),
        ),
        AccountError,
    ),
    (
        Row(
            "egress.allow_egress",
            lambda cast: lambda: egress.allow_egress(actor=actor(cast.alice), host="", ports=[], scheme="https", reason=""),
            (),
        ),
        ValidationError,
    ),
]


def add_key_to(model: ExternalModel, name: str, key: str, cast: Cast) -> object:
    return connections.add_connection(model, name=name, secrets={"X-Api-Key": Secret(key)}, parameters={}, by=author(cast.alice))


def last_number() -> int:
    return AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def new_events(since: int) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(pk__gt=since).order_by("pk"))


def shown(event: AuditEvent) -> str:
    chain = "p" if event.chain == PLATFORM else "w"
    return f"{chain} {event.event}" + ("" if event.outcome == "success" or event.event.endswith("_failed") else f" {event.outcome}")


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_action_leaves_its_events(row: Row, cast: Cast) -> None:
    act = row.arrange(cast)
    since = last_number()
    act()
    events = new_events(since)
    assert tuple(map(shown, events)) == row.events
    assert {(event.actor_kind, event.actor_id, event.actor_name) for event in events} == {("user", str(cast.alice.pk), "Alice Owner")}
    assert all(event.chain == PLATFORM or UUID(event.chain) for event in events)
    assert all(event.target_type for event in events)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_event_goes_with_its_transaction(row: Row, cast: Cast) -> None:
    """An event never tells of a change that was rolled back."""
    act = row.arrange(cast)
    since = last_number()
    with transaction.atomic():
        act()
        assert len(new_events(since)) == len(row.events)
        transaction.set_rollback(True)
    assert new_events(since) == []


@pytest.mark.parametrize("row", UNCHANGED, ids=str)
def test_nothing_changed_is_no_event(row: Row, cast: Cast) -> None:
    act = row.arrange(cast)
    since = last_number()
    act()
    assert new_events(since) == []


@pytest.mark.parametrize(("row", "error"), REFUSALS, ids=lambda value: str(value) if isinstance(value, Row) else "")
def test_a_refused_change_is_undone_with_its_events(row: Row, error: type[Exception], cast: Cast) -> None:
    act = row.arrange(cast)
    since = last_number()
    before = list(ExternalModel.objects.order_by("pk").values()), list(Connection.objects.order_by("pk").values())
    with pytest.raises(error):
        act()
    assert new_events(since) == []
    assert (list(ExternalModel.objects.order_by("pk").values()), list(Connection.objects.order_by("pk").values())) == before


# The table is whole


def functions(path: Path) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def changes_something(name: str, among: dict[str, ast.FunctionDef]) -> bool:
    """Opens a transaction or records an event, itself or by a private function beside it."""
    node = among[name]
    if "transaction.atomic" in ast.unparse(node):
        return True
    called = {call.func.id for call in ast.walk(node) if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)}
    return "record" in called or any(changes_something(each, among) for each in called if each.startswith("_") and each in among)


def actions_of(path: Path) -> set[str]:
    found = functions(path)
    return {
        f"{path.parent.name}.{name}"
        for name, node in found.items()
        if not name.startswith("_") and not is_part_of_an_action(node) and changes_something(name, found)
    }


def is_part_of_an_action(node: ast.FunctionDef) -> bool:
    """A step of an action, which opens a savepoint of its own: it is given neither an actor nor an author, so it cannot record."""
    taken = {argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]}
    return not taken & {"actor", "by"}


ALL_ACTIONS = {action for path in sorted(ROOT.glob("apps/*/*actions.py")) for action in actions_of(path)}


def test_every_action_is_in_the_table() -> None:
    """A new action without a row fails here. Add it to ROWS."""
    assert ALL_ACTIONS - {row.action for row in ROWS} - NOT_AUDITED.keys() == set()


def test_no_row_is_left_of_an_action_that_is_gone() -> None:
    listed = {row.action for row in [*ROWS, *UNCHANGED, *(row for row, _ in REFUSALS)]} | NOT_AUDITED.keys()
    for action in listed:
        app, _, name = action.partition(".")
        modules = [import_module(f"apps.{app}.{path.stem}") for path in ROOT.glob(f"apps/{app}/*actions.py")]
        assert any(callable(getattr(module, name, None)) for module in modules), action


def test_the_search_for_actions_finds_them() -> None:
    assert {"accounts.add_member", "audit.verify_and_record", "connections.add_connection", "onboarding.save_integration"} <= ALL_ACTIONS


def test_events_are_written_by_actions_only() -> None:
    """And where other people's code makes the change."""
    writers = {
        str(path.relative_to(ROOT / "apps"))
        for path in ROOT.glob("apps/**/*.py")
        if "apps.audit.record import" in path.read_text()  # what traces.store calls record() keeps calls, not events
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "record"
    }
    assert {writer for writer in writers if not writer.endswith("actions.py")} == OTHER_WRITERS


def test_an_actor_is_asked_for_wherever_something_is_recorded() -> None:
    """What keeps is_part_of_an_action() honest: no function of actions.py records without being told by whom."""
    for path in ROOT.glob("apps/*/*actions.py"):
        for name, node in functions(path).items():
            records = any(isinstance(call, ast.Call) and ast.unparse(call.func) == "record" for call in ast.walk(node))
            assert not records or not is_part_of_an_action(node), f"{path.parent.name}.{name}"
