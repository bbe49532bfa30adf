"""``create_workspace`` and ``create_user``: what automation needs, with exit codes it can act on."""

import io

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.accounts.models import Membership, User, Workspace
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from tests.support.cast import PASSWORD, Cast, make_workspace

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_a_workspace_with_its_owner(cast: Cast) -> None:
    out = run("create_workspace", "--name", "Claims", "--slug", "claims", "--organization", "Harbor Mutual", "--owner", "ALICE@harbor.test")
    workspace = Workspace.objects.get(slug="claims")
    assert "/w/claims/" in out
    assert workspace.memberships.get().user == cast.alice
    event = AuditEvent.objects.get(event=Event.WORKSPACE_CREATED)
    assert (event.actor_kind, event.actor_name, event.target_name) == ("system", "Patchbay", "Claims")


def test_a_slug_in_use_is_exit_code_3() -> None:
    make_workspace("claims")
    with pytest.raises(CommandError, match="exists already") as caught:
        run("create_workspace", "--name", "Claims", "--slug", "claims")
    assert caught.value.returncode == 3


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--name", "Claims", "--slug", "not a slug"], "slug"),
        (["--name", "", "--slug", "claims"], "name"),
        (["--name", "Claims", "--slug", "claims", "--owner", "nobody@harbor.test"], "no user"),
    ],
)
def test_an_unusable_workspace_is_exit_code_1(args: list[str], why: str) -> None:
    with pytest.raises(CommandError, match=why) as caught:
        run("create_workspace", *args)
    assert caught.value.returncode == 1
    assert not Workspace.objects.exists()


def test_a_member(cast: Cast) -> None:
    args = ["--email", "Nora@Harbor.test", "--password", PASSWORD, "--name", "Nora", "--workspace", "harbor", "--role", "reviewer"]
    out = run("create_user", *args)
    assert out == "User nora@harbor.test made, reviewer of Claims automation.\n"
    assert Membership.objects.get(user__email="nora@harbor.test").role == "reviewer"


def test_the_password_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHBAY_PASSWORD", PASSWORD)
    run("create_user", "--email", "nora@harbor.test")
    assert User.objects.get().check_password(PASSWORD)


def test_the_password_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATCHBAY_PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    run("create_user", "--email", "nora@harbor.test", "--staff")
    user = User.objects.get()
    assert user.check_password(PASSWORD)
    assert user.is_staff


def test_somebody_who_exists_is_exit_code_3(cast: Cast) -> None:
    with pytest.raises(CommandError, match="exists already") as caught:
        run("create_user", "--email", "Alice@harbor.test", "--password", PASSWORD)
    assert caught.value.returncode == 3


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--email", "nora@harbor.test", "--password", "short"], "too short"),
        (["--email", "not-an-address", "--password", PASSWORD], "email"),
        (["--email", "nora@harbor.test", "--password", PASSWORD, "--workspace", "nowhere", "--role", "viewer"], "no workspace"),
        (["--email", "nora@harbor.test", "--password", PASSWORD, "--role", "viewer"], "go together"),
    ],
)
def test_an_unusable_user_is_exit_code_1(args: list[str], why: str) -> None:
    with pytest.raises(CommandError, match=why) as caught:
        run("create_user", *args)
    assert caught.value.returncode == 1
    assert not User.objects.exists()
