"""A model's name for the snippets beside a new API key: one that can be called, and as it can stand between quotes."""

import re

from django.test import Client
from django.urls import reverse

from apps.external_models.actions import switch_inferencing
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.models import actor, make_connection, make_model

EXAMPLE = "/w/harbor/models/example/"


def named(client: Client) -> str:
    page = client.get(EXAMPLE, headers={"HX-Request": "true"}).content.decode()
    found = re.search(r'hx-swap-oob="innerHTML:\[data-model\]">([^<]*)<', page)
    return found[1] if found else ""


def test_a_model_that_can_be_called(cast: Cast, client_for: ClientFor) -> None:
    alice = client_for(cast.alice)
    assert named(alice) == ""
    make_model(cast.harbor, cast.alice, "A without connection")
    off = make_model(cast.harbor, cast.alice, "B that is off")
    quoted = make_model(cast.harbor, cast.alice, 'Z "the last"')
    for model in (off, quoted):
        make_connection(model, cast.alice, f"{model.name} prod")
    switch_inferencing(off, on=False, actor=actor(cast.alice))
    switch_inferencing(quoted, on=True, actor=actor(cast.alice))
    assert named(alice) == str(quoted.pk)
    switch_inferencing(off, on=True, actor=actor(cast.alice))
    assert named(alice) == "B that is off"
    assert reverse("external_models:example", args=["harbor"]) == EXAMPLE


def test_without_scripts_it_is_a_page(cast: Cast, client_for: ClientFor) -> None:
    """The page with the new key cannot fill itself in then, and links to it."""
    alice = client_for(cast.alice)
    assert "No model can be called yet" in alice.get(EXAMPLE).content.decode()
    make_connection(make_model(cast.harbor, cast.alice, "Claims triage"), cast.alice)
    page = alice.get(EXAMPLE).content.decode()
    assert "<code>Claims triage</code>" in page
    assert 'hx-swap-oob="innerHTML:[data-model]' not in page
