"""Spec 02: a model that is there is not added twice, whoever clicks at the same moment. By threads, and held by the database too."""

import pytest
from django.db import IntegrityError, transaction

from apps.connections.models import Connection
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.onboarding.conftest import allow_loopback
from tests.support.cast import Cast
from tests.support.easy import OPENAI
from tests.support.models import make_easy_model
from tests.support.provider import RunningProvider
from tests.support.together import CROWD, browsers, post_at_once

STEP = "/w/harbor/models/new/easy/openai/credentials/?model=gpt-4o-mini"


def body(provider: RunningProvider, number: int = 0, **more: str) -> dict[str, str]:
    given = {
        "name": f"key {number}",
        "key": f"sk-of-window-{number:03}-000000",
        "base_url": provider.url + OPENAI.path,
        "step": "save-anyway",
    }
    return given | more


@pytest.mark.django_db(transaction=True)
def test_fifty_windows_make_one_model(transactional_cast: Cast, provider: RunningProvider) -> None:
    """Each with a key of its own: one model with a connection for each. A busy machine may answer 503, and then has saved nothing."""
    allow_loopback(provider.port)
    answers = post_at_once(browsers(transactional_cast.bob, CROWD), STEP, [body(provider, number) for number in range(CROWD)])
    saved = [answer for answer in answers if answer.status_code == 302]
    assert {answer.status_code for answer in answers} <= {302, 503}
    assert (ExternalModel.objects.count(), Connection.objects.count()) == (1, len(saved))
    assert len(saved) > CROWD / 2


@pytest.mark.django_db(transaction=True)
def test_fifty_clicks_make_one_connection(transactional_cast: Cast, provider: RunningProvider) -> None:
    """The same form fifty times, each checked with the provider."""
    allow_loopback(provider.port)
    bodies = [body(provider, key=OPENAI.keys.accepted, step="confirm")] * CROWD
    answers = post_at_once(browsers(transactional_cast.bob, CROWD), STEP, bodies)
    assert {answer.status_code for answer in answers} <= {302, 503}
    assert (ExternalModel.objects.count(), Connection.objects.count()) == (1, 1)


def test_the_database_holds_it_too(cast: Cast) -> None:
    model = make_easy_model(cast.harbor, cast.alice)
    twin = ExternalModel(workspace=cast.harbor, integration_type="easy", provider="openai", model_id=model.model_id)
    twin.definition = model.definition
    twin.rename("Twin")
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()
    twin.workspace = cast.other
    twin.save()


def test_two_windows_and_one_that_was_deleted(cast: Cast, client_for: ClientFor, allowed: RunningProvider) -> None:
    """Deleted between the look and the click: it is added anew."""
    bob = client_for(cast.bob)
    bob.post(STEP, body(allowed))
    ExternalModel.objects.all().delete()
    bob.post(STEP, body(allowed))
    assert (ExternalModel.objects.count(), Connection.objects.count()) == (1, 1)
