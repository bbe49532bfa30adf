"""What the pages of models say of their calls: requests in the list, the signal path, spend (spec 06; design: model-detail)."""

import re

from django.urls import reverse

from apps.connections.actions import switch_connection
from apps.connections.models import Connection
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.support.calls import entry, keep
from tests.support.cast import Cast
from tests.support.models import actor, make_connection, make_model

REQUESTS = "/w/harbor/models/requests/"


def called(cast: Cast) -> tuple[ExternalModel, Connection, Connection]:
    """Three calls by two programs and a person through one connection, one of them failed; the other connection is off."""
    model = make_model(cast.harbor, cast.alice)
    used = make_connection(model, cast.alice, "claims-prod")
    off = make_connection(model, cast.alice, "dev-key", key="sk-live-4711-DEVV")
    switch_connection(off, on=False, actor=actor(cast.alice))
    through = {"model_id": model.pk, "connection_id": used.pk, "connection_name": used.name}
    program = {"source_type": "api_key", **through}
    keep(
        entry(cast.harbor, **program, source_id="1", source_name="intake-<b>"),
        entry(cast.harbor, **program, source_id="2", source_name="fraud-nightly", status="failed", error_code="timeout"),
        entry(cast.harbor, by=cast.bob, **through),
        entry(cast.harbor, by=cast.alice, **through),
    )
    return model, used, off


def test_the_list_asks_once_for_all_of_its_rows(cast: Cast, client_for: ClientFor) -> None:
    model, *_ = called(cast)
    quiet = make_model(cast.harbor, cast.alice, "Quiet")
    alice = client_for(cast.alice)
    page = alice.get("/w/harbor/models/").content.decode()
    asked = re.findall(rf'hx-get="({REQUESTS}[^"]*)"', page)
    assert len(asked) == 1
    assert f'<span id="requests-{model.pk}" hx-preserve></span>' in page, "no number is shown before it is known"
    answer = alice.get(asked[0].replace("&amp;", "&"), headers={"HX-Request": "true"}).content.decode()
    found = dict(re.findall(r'hx-swap-oob="innerHTML:#requests-([0-9a-f-]+)">.*?<span>([\d,]+)</span></span></div>', answer))
    assert found == {str(model.pk): "4", str(quiet.pk): "0"}
    assert "Requests, 7 days" not in client_for(cast.bob).get("/w/harbor/models/").content.decode(), "members see their own calls only"


def test_an_app_is_one_caller_whichever_of_its_keys_it_used(cast: Cast, client_for: ClientFor) -> None:
    """Its key was rotated: the old one's calls and the new one's are those of one program."""
    model, used, _ = called(cast)
    through = {"model_id": model.pk, "connection_id": used.pk, "connection_name": used.name}
    keep(entry(cast.harbor, source_type="api_key", source_id="3", source_name="fraud-nightly", **through))
    card = client_for(cast.rita).get(f"/w/harbor/models/{model.pk}/signal-path/", headers={"HX-Request": "true"}).content.decode()
    assert re.findall(r"<b>fraud-nightly</b><small>(.*?)</small>", card) == ["2 requests"]


def test_signal_path(cast: Cast, client_for: ClientFor) -> None:
    model, used, off = called(cast)
    rita = client_for(cast.rita)
    address = f"/w/harbor/models/{model.pk}/signal-path/"
    assert f'hx-get="{address}"' in rita.get(reverse("connections:connection_list", args=["harbor", model.pk])).content.decode()
    card = rita.get(address, headers={"HX-Request": "true"}).content.decode()
    nodes = re.findall(r"<b>([^<]*)</b><small>(.*?)</small>", card)
    assert [(name, re.sub(r"<[^>]*>", "", text)) for name, text in nodes[:4]] == [
        ("Playground", "2 requests"),
        ("fraud-nightly", "1 request"),
        ("intake-&lt;b&gt;", "1 request"),
        ("claims-prod", "On, 4 requests"),
    ]
    assert nodes[4][0] == "dev-key"
    assert nodes[4][1].startswith("Off since <time")
    assert nodes[5][0] == "api.example.com"
    assert "25% errors" in nodes[5][1]
    assert card.count('class="cable"') == 4, "three callers to one connection, and from there to the host"
    assert card.count("cable--off") == 1
    spent = dict(re.findall(r'hx-swap-oob="innerHTML:#spend-([0-9a-f-]+)">([^<]*)<', card))
    assert spent == {str(used.pk): "unknown", str(off.pk): "$0.00"}, "calls at no known price are not free"
    whole = rita.get(address).content.decode()
    assert "<h1>" in whole
    assert "hx-swap-oob" not in whole


def test_a_model_with_many_callers_shows_the_busiest(cast: Cast, client_for: ClientFor) -> None:
    model, used, _ = called(cast)
    through = {"source_type": "api_key", "model_id": model.pk, "connection_id": used.pk}
    keep(*(entry(cast.harbor, source_id=f"more-{n}", source_name=f"app-{n}", **through) for n in range(9)))
    card = client_for(cast.alice).get(f"/w/harbor/models/{model.pk}/signal-path/").content.decode()
    callers = card[card.index('aria-label="Callers"') : card.index("</ul>", card.index('aria-label="Callers"'))]
    assert callers.count("path__node") == 6
    assert "7 others" in callers
