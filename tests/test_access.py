"""URL x role (spec 01, "Roles and permissions"; 07 D1, D2): the one table that every new URL joins.

A row is one line: the URL's name, who may, and if needed the method, further arguments (a value, or a function of the cast that makes
the thing and returns the argument). Inside a workspace "who" are the letters of spec 01's columns:

    O owner   A admin   M member   R reviewer   V viewer

Elsewhere it is PUBLIC, SIGNED_IN or STAFF, and for programs the scope that their key needs. What is checked of every row: who may gets
an answer that is neither a refusal nor an error; a missing role gets 403; somebody of another workspace gets 404, also when they ask for
the thing through their own workspace; nobody is sent to sign-in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.urls import reverse

from apps.accounts.models import ApiKey, Membership, User
from apps.accounts.permissions import Role, Scope
from apps.connections.models import AuthorizationProfile, Connection
from apps.external_models.definition import Definition, Header
from apps.external_models.models import ExternalModel, Status
from apps.external_models.names import name_key
from apps.playground.draft import Draft
from apps.playground.models import Lane, PlaygroundRun, Prompt
from apps.traces.models import Trace
from tests.conftest import ClientFor
from tests.support.api_keys import make_key, make_new_key
from tests.support.calls import entry, keep
from tests.support.cast import Cast
from tests.support.models import make_easy_model
from tests.support.profiles import make_profile
from tests.support.routes import routes

PUBLIC, SIGNED_IN, STAFF = "public", "signed in", "staff"
LETTERS = {"O": Role.OWNER, "A": Role.ADMIN, "M": Role.MEMBER, "R": Role.REVIEWER, "V": Role.VIEWER}


@dataclass(frozen=True, slots=True)
class Own:
    """An argument that names a thing of whoever asks: nobody sees another's."""

    make: Callable[[Cast, User], object]


type Argument = str | Own | Callable[[Cast], object]


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    who: str
    method: str = "GET"
    kwargs: Mapping[str, Argument] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    ok: frozenset[int] = frozenset({200, 204, 302, 422})  # 422: the form came back, so the view ran

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


def a_model(cast: Cast) -> object:
    """The ID of an active model of harbor; the same one whenever it is asked for in a test."""
    key = name_key("Row model")
    with_key = Definition(headers=(Header("X-Api-Key", secret=True),)).to_json()
    defaults = {"name": "Row model", "status": Status.ACTIVE, "inferencing_enabled": True, "definition_json": with_key}
    return ExternalModel.objects.get_or_create(workspace=cast.harbor, name_key=key, defaults=defaults)[0].pk


def a_connection(cast: Cast) -> object:
    defaults = {"name": "Row connection", "model_id": a_model(cast)}
    return Connection.objects.get_or_create(workspace=cast.harbor, name_key=name_key("Row connection"), defaults=defaults)[0].pk


def an_easy_model(cast: Cast) -> object:
    made = ExternalModel.objects.filter(workspace=cast.harbor, integration_type="easy").first()
    return (made or make_easy_model(cast.harbor, cast.alice)).pk


def a_trace(cast: Cast) -> object:
    """A call of Bob's, who sees no others."""
    found = Trace.objects.filter(workspace=cast.harbor).first()
    return (found or keep(entry(cast.harbor, by=cast.bob))[0]).pk


def a_profile(cast: Cast) -> object:
    found = AuthorizationProfile.objects.filter(workspace=cast.harbor).first()
    return (found or make_profile(cast.harbor, cast.alice)).pk


def an_api_key(cast: Cast) -> ApiKey:
    return ApiKey.objects.filter(app__workspace=cast.harbor).first() or make_new_key(cast.harbor, cast.alice).key


API_APP = {"app_id": lambda cast: an_api_key(cast).app_id}
API_KEY = {**API_APP, "key_id": lambda cast: an_api_key(cast).pk}


def a_run_of(cast: Cast, person: User) -> object:
    run = PlaygroundRun.objects.create(workspace=cast.harbor, created_by=person, request=Draft().to_json())
    Lane.objects.create(run=run, number=1, model_id=uuid4(), model_name="Row model", state="done")
    return run.pk


def a_prompt(cast: Cast) -> object:
    defaults = {"name": "Row prompt", "created_by": cast.alice}
    prompt = Prompt.objects.get_or_create(workspace=cast.harbor, name_key=name_key("Row prompt"), defaults=defaults)[0]
    prompt.versions.get_or_create(number=1, defaults={"model_name": "Row model", "author_name": "Alice Owner"})
    return prompt.pk


MODEL = {"model_id": a_model}
PROFILE = {"profile_id": a_profile}
CONNECTION = {"model_id": a_model, "connection_id": a_connection}
PROMPT = {"prompt_id": a_prompt}
OWN_LANE = {"run_id": Own(a_run_of), "number": "1"}

ROWS = [
    Row("health_live", PUBLIC),
    Row("health_ready", PUBLIC),
    Row("home", SIGNED_IN),
    Row("workspace", "OAMRV"),
    Row("profile", SIGNED_IN),
    Row("profile", SIGNED_IN, "POST"),
    Row("end_sessions", SIGNED_IN, "POST"),
    Row("theme", PUBLIC, "POST", data={"theme": "dark"}),
    Row("account_login", PUBLIC),
    Row("account_logout", PUBLIC),
    Row("account_signup", PUBLIC),
    Row("account_inactive", PUBLIC),
    Row("account_reauthenticate", SIGNED_IN),
    Row("account_change_password", SIGNED_IN),
    Row("account_reset_password", PUBLIC),
    Row("account_reset_password_done", PUBLIC),
    Row("account_reset_password_from_key", PUBLIC, kwargs={"uidb36": "1", "key": "no-such-key"}),
    Row("account_reset_password_from_key_done", PUBLIC),
    Row("mfa_index", SIGNED_IN),
    Row("mfa_authenticate", PUBLIC),
    Row("mfa_reauthenticate", SIGNED_IN, ok=frozenset({200, 302})),
    Row("mfa_activate_totp", SIGNED_IN),
    Row("mfa_deactivate_totp", SIGNED_IN, ok=frozenset({404})),  # nothing to remove
    Row("mfa_view_recovery_codes", SIGNED_IN, ok=frozenset({404})),
    Row("mfa_generate_recovery_codes", SIGNED_IN),
    Row("mfa_download_recovery_codes", SIGNED_IN, ok=frozenset({404})),
    Row("catalog:catalog_list", "OAMRV"),
    Row("external_models:model_list", "OAMRV"),
    Row("external_models:definition", "OAMRV", kwargs=MODEL),
    Row("external_models:time_limits", "OAM", kwargs=MODEL),
    Row("external_models:time_limits", "OAM", "POST", MODEL),
    Row("external_models:model_audit", "OAR", kwargs=MODEL),
    Row("external_models:switch_inferencing", "OAM", "POST", MODEL, {"on": "1"}),
    Row("external_models:copy_model", "OAM", "POST", MODEL),
    Row("external_models:example", "OAMRV"),
    Row("external_models:delete_model", "OA", kwargs=MODEL),
    Row("external_models:delete_model", "OA", "POST", MODEL),
    Row("connections:connection_list", "OAMRV", kwargs=MODEL),
    Row("connections:add_connection", "OAM", kwargs=MODEL),
    Row("connections:add_connection", "OAM", "POST", MODEL),
    Row("connections:edit_connection", "OAM", kwargs=CONNECTION),
    Row("connections:edit_connection", "OAM", "POST", CONNECTION),
    Row("connections:switch_connection", "OAM", "POST", CONNECTION, {"on": "1"}),
    Row("connections:delete_connection", "OA", kwargs=CONNECTION),
    Row("connections:delete_connection", "OA", "POST", CONNECTION),
    Row("inference:test_connection", "OAM", "POST", CONNECTION),
    Row("inference:rotate_key", "OAM", kwargs=CONNECTION),
    Row("inference:rotate_key", "OAM", "POST", CONNECTION),
    Row("traces:trace_list", "OAMR"),
    Row("traces:choose_columns", "OAMR", "POST", data={"column": "cost"}),
    Row("traces:export", "OAMR"),
    Row("traces:export", "OAMR", "POST", data={"format": "csv"}),
    Row("traces:trace_detail", "OAMR", kwargs={"trace_id": a_trace}),
    Row("model_traces:requests", "OAR"),
    Row("model_traces:activity", "OAMR", kwargs=MODEL),
    Row("model_traces:signal_path", "OAR", kwargs=MODEL),
    Row("model_traces:programs", "OAR", kwargs=MODEL),
    Row("playground:page", "OAM"),
    Row("playground:edit", "OAM", "POST"),
    Row("playground:run", "OAM", "POST"),
    Row("playground:code", "OAM", "POST"),
    Row("playground:switch_on", "OAM", "POST"),
    Row("playground:save", "OAM", "POST"),
    Row("playground:lane", "OAM", kwargs=OWN_LANE),
    Row("playground:lane_stream", "OAM", kwargs=OWN_LANE),
    Row("playground:lane_stop", "OAM", "POST", OWN_LANE),
    Row("playground:prompt_list", "OAM"),
    Row("playground:prompt", "OAM", kwargs=PROMPT),
    Row("playground:prompt_compare", "OAM", kwargs=PROMPT),
    Row("playground:prompt_restore", "OAM", "POST", PROMPT, {"version": "1"}),
    Row("playground:prompt_rename", "OAM", "POST", PROMPT, {"name": "Renamed"}),
    Row("playground:prompt_delete", "OA", kwargs=PROMPT),
    Row("playground:prompt_delete", "OA", "POST", PROMPT),
    Row("api:prompt_run", Scope.INFERENCE_INVOKE, "POST", PROMPT, ok=frozenset({409})),  # its model is gone
    Row("api:nothing_here", PUBLIC, kwargs={"rest": "no/such"}, ok=frozenset({404})),
    Row("connections:profile_list", "OA"),
    Row("connections:profile_add", "OA"),
    Row("connections:profile_add", "OA", "POST", data={"type": "bearer"}),
    Row("connections:profile_edit", "OA", kwargs=PROFILE),
    Row("connections:profile_edit", "OA", "POST", PROFILE),
    Row("connections:profile_delete", "OA", kwargs=PROFILE),
    Row("connections:profile_delete", "OA", "POST", PROFILE),
    Row("api_apps:app_list", "OA"),
    Row("api_apps:app_new", "OA"),
    Row("api_apps:app_new", "OA", "POST"),
    Row("api_apps:app_edit", "OA", kwargs=API_APP),
    Row("api_apps:app_edit", "OA", "POST", API_APP),
    Row("api_apps:app_delete", "OA", kwargs=API_APP),
    Row("api_apps:app_delete", "OA", "POST", API_APP),
    Row("api_apps:key_new", "OA", kwargs=API_APP),
    Row("api_apps:key_new", "OA", "POST", API_APP),
    Row("api_apps:key_edit", "OA", kwargs=API_KEY),
    Row("api_apps:key_edit", "OA", "POST", API_KEY),
    Row("budgets:key_budget", "OA", kwargs=API_KEY),
    Row("budgets:model_budgets", "OAR", kwargs=MODEL),
    Row("api_apps:key_revoke", "OA", kwargs=API_KEY),
    Row("api_apps:key_revoke", "OA", "POST", API_KEY),
    Row("inference:profile_test", "OA", "POST", PROFILE),
    Row("inference:profile_consent", "OA", "POST", PROFILE),
    Row("inference:profile_callback", "OA", kwargs=PROFILE),
    Row("connections:whose_key", "OA"),
    Row("connections:whose_key", "OA", "POST"),
    Row("capture:settings", "OA"),
    Row("capture:settings", "OA", "POST"),
    Row("onboarding:custom_new", "OAM"),
    Row("onboarding:add_model", "OAM"),
    Row("onboarding:easy_provider", "OAM"),
    Row("onboarding:easy_model", "OAM", kwargs={"provider": "openai"}),
    Row("onboarding:easy_credentials", "OAM", kwargs={"provider": "openai"}),
    Row("onboarding:easy_credentials", "OAM", "POST", {"provider": "openai"}),
    Row("onboarding:edit", "OAM", kwargs=MODEL),
    Row("onboarding:easy_edit", "OAM", kwargs={"model_id": an_easy_model}),
    Row("onboarding:easy_edit", "OAM", "POST", {"model_id": an_easy_model}),
    Row("onboarding:paste_curl", "OAM"),
    Row("onboarding:paste_curl", "OAM", "POST"),
    Row("onboarding:import_openapi", "OAM"),
    Row("onboarding:import_openapi", "OAM", "POST"),
    Row("onboarding:undo_import", "OAM", "POST"),
    Row("onboarding:custom_edit", "OAM", kwargs=MODEL),
    Row("onboarding:save", "OAM", "POST"),
    Row("onboarding:sample", "OAM", "POST"),
    Row("onboarding:test", "OAM", "POST"),
    Row("onboarding:preview", "OAM", "POST"),
    Row("onboarding:pick", "OAM", "POST"),
    Row("onboarding:address", "OAM", "POST"),
    Row("onboarding:configure", "OAM", "POST"),
    Row("onboarding:variable_dialog", "OAM", "POST"),
    Row("onboarding:variable_save", "OAM", "POST"),
    Row("onboarding:variable_remove", "OAM", "POST"),
    Row("onboarding:variable_toggle", "OAM", "POST"),
    Row("onboarding:bedrock_new", "OAM"),
    Row("onboarding:bedrock_model", "OAM", "POST"),
    Row("onboarding:bedrock_role", "OAM", "POST"),
    Row("onboarding:bedrock_register", "OAM", "POST"),
    Row("onboarding:bedrock_register_connection", "OAM", "POST", CONNECTION),
    Row("onboarding:bedrock_save", "OAM", "POST"),
    Row("onboarding:bedrock_sample", "OAM", "POST"),
    Row("onboarding:bedrock_test", "OAM", "POST"),
    Row("onboarding:bedrock_preview", "OAM", "POST"),
    Row("onboarding:bedrock_pick", "OAM", "POST"),
    Row("onboarding:bedrock_variable_dialog", "OAM", "POST"),
    Row("onboarding:bedrock_variable_save", "OAM", "POST"),
    Row("onboarding:bedrock_variable_remove", "OAM", "POST"),
    Row("onboarding:bedrock_variable_toggle", "OAM", "POST"),
]
# Other people's namespaces: tested as a whole below, not route by route.
WHOLE_NAMESPACES = {"admin"}


def argument(value: Argument, cast: Cast, person: User | None) -> object:
    if isinstance(value, Own):
        return value.make(cast, person or cast.alice)
    return value(cast) if callable(value) else value


def url_of(row: Row, cast: Cast, workspace: str, person: User | None = None) -> str:
    kwargs = {name: argument(value, cast, person) for name, value in row.kwargs.items()}
    return reverse(row.name, kwargs=kwargs | ({"workspace": workspace} if is_in_workspace(row) else {}))


def is_in_workspace(row: Row) -> bool:
    return row.who not in {PUBLIC, SIGNED_IN, STAFF} and not is_for_programs(row)


def is_for_programs(row: Row) -> bool:
    return row.who in set(Scope)


def ask(client_for: ClientFor, person: User | None, row: Row, url: str) -> HttpResponse:
    return getattr(client_for(person), row.method.lower())(url, row.data)  # type: ignore[no-any-return]


def is_sign_in(response: HttpResponse) -> bool:
    return response.status_code == 302 and response.headers["Location"].startswith(reverse("account_login"))


def outcome(row: Row, response: Any) -> str:
    if is_sign_in(response):
        return "sign in"
    return "allowed" if response.status_code in row.ok else str(response.status_code)


@pytest.mark.parametrize("row", [row for row in ROWS if is_in_workspace(row)], ids=str)
def test_in_a_workspace(row: Row, cast: Cast, client_for: ClientFor) -> None:
    def found(person: User | None, workspace: str = cast.harbor.slug) -> str:
        # A new address each time: a delete that was allowed has taken the thing away.
        return outcome(row, ask(client_for, person, row, url_of(row, cast, workspace, person)))

    expected = {role.value: "allowed" if letter in row.who else "403" for letter, role in LETTERS.items()}
    assert {role.value: found(user) for role, user in cast.by_role().items()} == expected
    assert found(None) == "sign in"
    assert found(cast.charlie) == "404"
    assert found(cast.pat) == "404", "platform staff have no right in a workspace"
    if any(callable(value) or isinstance(value, Own) for value in row.kwargs.values()):
        assert found(cast.charlie, cast.other.slug) == "404", "harbor's thing through another workspace"


@pytest.mark.parametrize("row", [row for row in ROWS if not is_in_workspace(row) and not is_for_programs(row)], ids=str)
def test_elsewhere(row: Row, cast: Cast, client_for: ClientFor) -> None:
    url = url_of(row, cast, "")
    found = {
        "nobody": outcome(row, ask(client_for, None, row, url)),
        "alice": outcome(row, ask(client_for, cast.alice, row, url)),
        "pat": outcome(row, ask(client_for, cast.pat, row, url)),
    }
    match row.who:
        case "public":
            # Being sent to sign-in is what a half-finished sign-in page does without its first half.
            assert found["nobody"] in {"allowed", "sign in"}
            assert {found["alice"], found["pat"]} <= {"allowed", "sign in"}
        case "signed in":
            assert found == {"nobody": "sign in", "alice": "allowed", "pat": "allowed"}
        case "staff":
            assert found == {"nobody": "sign in", "alice": "403", "pat": "allowed"}


@pytest.mark.parametrize("row", [row for row in ROWS if is_for_programs(row)], ids=str)
def test_for_programs(row: Row, transactional_cast: Cast, client_for: ClientFor) -> None:
    """D2, D4: a key of the workspace with the scope, whose maker may; no session of anybody's."""
    cast, url = transactional_cast, url_of(row, transactional_cast, "")

    def found(person: User | None, key: str = "") -> int:
        headers = {"x-api-key": key} if key else {}
        return int(getattr(client_for(person), row.method.lower())(url, content_type="application/json", headers=headers).status_code)

    scope = Scope(row.who)
    assert found(None, make_key(cast.harbor, cast.alice, [scope])) in row.ok
    assert found(None, make_key(cast.harbor, cast.alice, set(Scope) - {scope})) == 403
    assert found(None, make_key(cast.other, cast.charlie, [scope])) == 404
    assert {found(person) for person in (None, cast.alice, cast.pat)} == {401}
    bobs = make_key(cast.harbor, cast.bob, [scope])
    Membership.objects.filter(user=cast.bob).update(role=Role.VIEWER)
    assert found(None, bobs) == 403, "a key may no more than its maker"


@pytest.mark.parametrize("route", [route for route in routes() if "admin" in route.namespaces], ids=lambda route: route.name or route.path)
def test_platform_admin_is_for_staff(route: Any, cast: Cast, client_for: ClientFor) -> None:
    """D7: an owner of a workspace is not staff."""
    path = "/" + route.path.replace("^", "").replace("$", "")
    for converter in ("path:object_id", "int:content_type_id", "path:object_id", "app_label", "url"):
        path = path.replace(f"<{converter}>", "1")
    assert is_sign_in(client_for(None).get(path))
    assert client_for(cast.alice).get(path).status_code == 403


def test_every_url_is_in_the_table() -> None:
    """D1: a new URL without a row fails here. Add one line to ROWS."""
    listed = {row.name for row in ROWS}
    missing = {route.name for route in routes() if not set(route.namespaces) & WHOLE_NAMESPACES} - listed
    assert missing == set()


def test_no_row_is_left_of_a_url_that_is_gone() -> None:
    assert {row.name for row in ROWS} <= {route.name for route in routes()}
