"""What the demo puts into its database: people of every role, two workspaces, models in every state, all through the actions."""

from typing import Any

import pytest

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Role
from apps.audit.models import AuditEvent
from apps.audit.record import SYSTEM
from apps.audit.verify import verify_chain
from apps.catalog.models import CatalogModel, CatalogProvider
from apps.connections.models import BedrockRole, Connection
from apps.demo import people
from apps.demo.aws import seed_bedrock, use_stand_in
from apps.demo.seeding import fill_catalog, seed
from apps.egress.actions import allow_egress
from apps.external_models.models import ExternalModel
from tests.support.cast import make_user, make_workspace
from tests.support.provider import DEMO_KEYS, RunningProvider

pytestmark = pytest.mark.django_db
PASSWORD = "harbor-0123456789"


@pytest.fixture
def claims(provider: RunningProvider) -> Workspace:
    users = people.make_people(PASSWORD)
    allow_egress(actor=SYSTEM, host="127.0.0.1", ports=[provider.port], scheme="http", reason="test")
    workspace = people.make_workspace(people.CLAIMS, users)
    seed(workspace, users[people.PRIYA], provider.url)
    return workspace


def test_every_role_has_somebody_who_can_sign_in() -> None:
    users = people.make_people(PASSWORD)
    workspace = people.make_workspace(people.CLAIMS, users)
    assert set(Membership.objects.filter(workspace=workspace).values_list("role", flat=True)) == set(Role)
    assert [user.email for user in users.values() if user.is_staff] == [people.PAT.email]
    assert all(password == PASSWORD for _, _, password in people.sign_ins(PASSWORD))


def test_a_model_in_every_state(claims: Workspace) -> None:
    found = {model.name: model for model in ExternalModel.objects.filter(workspace=claims)}
    states = {name: (model.status, model.inferencing_enabled, bool(model.tested_digest)) for name, model in found.items()}
    assert states == {
        "Claims triage LLM": ("active", True, True),
        "Policy wording assistant": ("active", True, True),
        "Customer letters": ("active", False, True),
        "Fraud signals": ("active", True, False),
        "Policy summariser v2": ("draft", False, False),
        "Claims assessor": ("active", True, True),
        "gpt-4.1-mini": ("active", True, False),
        "claude-haiku-4-5": ("active", True, False),
    }
    connections = {connection.name: str(connection.state) for connection in Connection.objects.filter(workspace=claims)}
    assert connections == {
        "Claims triage LLM": "on",
        "Claims triage, night desk": "on",
        "Policy wording assistant": "on",
        "Customer letters": "on",
        "Fraud signals": "failing",
        "Claims assessor": "on",
        "claims-prod": "on",
        "claims-batch": "on",
        "claims-anthropic": "on",
    }


def test_seeding_leaves_an_intact_audit_trail_and_no_key_in_it(claims: Workspace) -> None:
    events = AuditEvent.objects.filter(chain=str(claims.pk))
    names = list(events.values_list("event", flat=True))
    assert names.count("model.activated") == 6
    assert names.count("model.activated_without_test") == 1
    assert names.count("connection.added") == 9
    assert verify_chain(str(claims.pk)).ok
    text = str(list(events.values()))
    assert not [key for keys in DEMO_KEYS.values() for key in (keys.accepted, keys.second) if key in text]


def test_seeding_again_changes_nothing_and_brings_nothing_back(claims: Workspace, provider: RunningProvider) -> None:
    owner = User.objects.get(email=people.PRIYA.email)
    ExternalModel.objects.get(workspace=claims, name="Fraud signals").delete()
    before = AuditEvent.objects.count(), ExternalModel.objects.count()
    provider.forget()
    seed(claims, owner, provider.url)
    assert (AuditEvent.objects.count(), ExternalModel.objects.count()) == before
    assert provider.recorded == []


def test_a_second_start_keeps_people_members_and_their_own_passwords() -> None:
    workspace = people.make_workspace(people.CLAIMS, people.make_people(PASSWORD))
    tom = User.objects.get(email=people.TOM.email)
    tom.set_password("my own long password")
    tom.save()
    Membership.objects.get(workspace=workspace, user__email=people.AMARA.email).delete()
    assert people.make_workspace(people.CLAIMS, people.make_people(PASSWORD)) == workspace
    assert not Membership.objects.filter(user__email=people.AMARA.email).exists()
    assert (tom.email, "Viewer of Claims automation", "(changed)") in people.sign_ins(PASSWORD)


def test_the_demo_adds_nobody_to_the_database_of_others() -> None:
    people.check_database()  # empty is fine
    make_user("Olga Operator", email="olga@example.org")
    with pytest.raises(people.ForeignDatabase):
        people.check_database()
    make_workspace("claims", name="Claims", organization="Somebody else")
    with pytest.raises(people.ForeignDatabase):
        people.check_database()


def test_the_demos_own_database_is_known_again() -> None:
    people.make_workspace(people.CLAIMS, people.make_people(PASSWORD))
    make_user("Newcomer Nina", email="nina@example.org")
    people.check_database()


def test_the_catalogue_is_filled_once() -> None:
    """A person who looks at *Supported models* finds some; a second start finds them there."""
    fill_catalog()
    assert set(CatalogModel.objects.values_list("provider", flat=True)) == set(CatalogProvider.values)
    fill_catalog()
    assert AuditEvent.objects.filter(event="catalog.updated").count() == 1


def test_a_bedrock_model_answers_through_a_registered_role(claims: Workspace, provider: RunningProvider, settings: Any) -> None:
    """The demo's AWS identity is the stand-in's, unless the environment names one."""
    settings.PATCHBAY_AWS_PRINCIPAL_ARN = ""  # put back with what use_stand_in sets
    settings.PATCHBAY_AWS_ACCESS_KEY_ID = settings.PATCHBAY_AWS_SECRET_ACCESS_KEY = settings.PATCHBAY_AWS_ENDPOINT_URL = ""
    settings.PATCHBAY_AWS_DEFAULT_REGION = "us-east-1"
    owner, staff = (User.objects.get(email=person.email) for person in (people.PRIYA, people.PAT))
    for _ in range(2):
        use_stand_in(provider.url)
        seed_bedrock(claims, owner, staff)
    role, waiting = BedrockRole.objects.filter(workspace=claims).order_by("requested_at")
    assert (role.state, role.decided_by, waiting.state) == ("registered", staff, "requested")
    connection = Connection.objects.get(model__provider="bedrock")
    assert connection.model.tested_digest
    assert (connection.state, connection.last_used_at is not None) == ("on", True)
    settings.PATCHBAY_AWS_PRINCIPAL_ARN = "arn:aws:iam::1:user/own"
    use_stand_in("http://elsewhere")
    assert settings.PATCHBAY_AWS_PRINCIPAL_ARN == "arn:aws:iam::1:user/own"
