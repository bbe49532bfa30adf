"""*Open in playground*: what a trace kept, in every format, as the form has it; with the rights of the pages of traces."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from apps.accounts.models import User
from apps.external_models.models import ExternalModel
from apps.traces.models import Trace, TraceBody
from tests.conftest import ClientFor
from tests.playground.conftest import connection_of
from tests.support.cast import Cast

OPENAI = {
    "model": "gpt",
    "messages": [
        {"role": "system", "content": "Be {{brief}}."},
        {"role": "user", "content": [{"type": "text", "text": "First"}, {"type": "image_url", "image_url": {"url": "data:"}}]},
        {"role": "assistant", "content": "Answer"},
        {"role": "user", "content": "Second"},
    ],
    "temperature": 0.5,
    "max_completion_tokens": 99,
    "stop": "END",
    "tools": [],
}
ANTHROPIC = {
    "system": [{"type": "text", "text": "Be brief."}],
    "messages": [{"role": "user", "content": "Hail?"}],
    "max_tokens": 12,
    "top_p": 1,
}


def trace_of(cast: Cast, model: ExternalModel, by: User, api: str, document: Any) -> Trace:
    connection = connection_of(model)
    trace = Trace.objects.create(
        workspace=cast.harbor,
        status="success",
        source_type="api_key",
        user_id=by.pk,
        model_id=model.pk,
        connection_id=connection.pk,
        api=api,
    )
    TraceBody.objects.create(trace=trace, input=document if isinstance(document, str) else json.dumps(document))
    return trace


def fields_of(html: Any) -> dict[str, Any]:
    return dict(html.context["form"].initial)


@pytest.fixture
def url() -> str:
    return reverse("playground:page", args=["harbor"])


def test_every_format_fills_the_form(cast: Cast, client_for: ClientFor, model: ExternalModel, url: str) -> None:
    bob = client_for(cast.bob)
    page = bob.get(f"{url}?trace={trace_of(cast, model, cast.bob, 'openai', OPENAI).pk}")
    found = fields_of(page)
    assert found["system_prompt"] == "Be \\{{brief}}.", "braces that were text stay text"
    assert [found[f"turn-{number}-text"] for number in range(3)] == ["First", "Answer", "Second"]
    assert (found["temperature"], found["max_tokens"], found["stop"]) == ("0.5", "99", "END")
    assert found["lane-1"] == f"{model.pk}@{connection_of(model).pk}"
    assert "Left out: tools, image url." in page.content.decode()
    found = fields_of(bob.get(f"{url}?trace={trace_of(cast, model, cast.bob, 'anthropic', ANTHROPIC).pk}"))
    assert (found["system_prompt"], found["turn-0-text"], found["max_tokens"], found["top_p"]) == ("Be brief.", "Hail?", "12", "1")
    values = {"prompt": "Hail?", "system_prompt": "Brief.", "line": "motor", "heat": 0.2}
    found = fields_of(bob.get(f"{url}?trace={trace_of(cast, model, cast.bob, 'variables', values).pk}"))
    assert (found["turn-0-text"], found["var-line"], found["var-heat"]) == ("Hail?", "motor", "0.2")


def test_a_custom_json_api_gets_its_variables_again(cast: Cast, client_for: ClientFor, model: ExternalModel, url: str) -> None:
    """Calls through the gateway and from the playground have them beside their messages."""
    document = OPENAI | {"variables": {"line": "motor", "heat": 0.2, "tags": ["a"], "nothing": None}}
    page = client_for(cast.bob).get(f"{url}?trace={trace_of(cast, model, cast.bob, 'openai', document).pk}")
    found = fields_of(page)
    assert (found["var-line"], found["var-heat"], found["var-tags"], found["var-nothing"]) == ("motor", "0.2", '["a"]', "")
    assert "Left out: tools, image url." in page.content.decode()
    odd = trace_of(cast, model, cast.bob, "openai", OPENAI | {"variables": ["motor"]})
    assert "Left out: tools, variables, image url." in client_for(cast.bob).get(f"{url}?trace={odd.pk}").content.decode()


def test_a_model_or_connection_that_is_gone_is_said(cast: Cast, client_for: ClientFor, model: ExternalModel, url: str) -> None:
    """Nobody is asked instead unawares."""
    bob = client_for(cast.bob)
    trace = trace_of(cast, model, cast.bob, "openai", ANTHROPIC)
    Trace.objects.update(model_name=model.name, connection_name="prod")
    Trace.objects.update(connection_id=uuid4())
    page = bob.get(f"{url}?trace={trace.pk}")
    assert fields_of(page)["lane-1"] == str(model.pk)
    assert "Its connection “prod” is not there any more: any of GPT-4o mini is asked." in page.content.decode()
    Trace.objects.update(model_id=uuid4(), model_name="Old triage")
    page = bob.get(f"{url}?trace={trace.pk}")
    assert page.context["form"].chosen == [None]
    assert "“Old triage” is not there any more: choose a model." in page.content.decode()
    Trace.objects.update(model_id=None, connection_id=None, model_name="Nobody's")
    page = bob.get(f"{url}?trace={trace.pk}")
    assert page.context["form"].chosen == [None]
    assert "“Nobody&#x27;s” is not there any more: choose a model." in page.content.decode()


def test_what_cannot_be_read_says_so(cast: Cast, client_for: ClientFor, model: ExternalModel, url: str) -> None:
    bob = client_for(cast.bob)
    for kept, said in (("", "is not kept, or not any more"), ('{"messages": [', "cut or masked")):
        assert said in bob.get(f"{url}?trace={trace_of(cast, model, cast.bob, 'openai', kept).pk}").content.decode()
    TraceBody.objects.all().delete()
    assert "is not kept, or not any more" in bob.get(f"{url}?trace={Trace.objects.latest('started_at').pk}").content.decode(), (
        "a month later"
    )


ODD = [
    '{"messages":5}',
    '{"messages":[5,{"role":["x"],"content":"a"},{"role":{"a":1}},{"content":"a"},{"role":"user","content":[{"type":["x"]},5,null]}]}',
    '{"messages":[{"role":"user","content":"a"}],"temperature":1' + "0" * 400 + ',"top_p":1e999,"max_tokens":1' + "0" * 400 + "}",
    '{"messages":[{"role":"user","content":"a"}],"stop":[{"a":1}],"temperature":NaN}',
    '{"messages":[{"role":"user","content":"\\ud800 \\u0000"}],"\\udc00":1,"prompt":"\\ud800"}',
]


@pytest.mark.parametrize("api", ["openai", "anthropic", "variables"])
@pytest.mark.parametrize("document", ODD)
def test_odd_inputs_fill_in_what_they_can(
    cast: Cast, client_for: ClientFor, model: ExternalModel, url: str, document: str, api: str
) -> None:
    page = client_for(cast.bob).get(f"{url}?trace={trace_of(cast, model, cast.bob, api, document).pk}")
    assert page.status_code == 200
    if api != "variables":
        assert not {"temperature", "top_p", "max_tokens"} & fields_of(page).keys()


def test_only_ones_own_calls_unless_one_may_read_all(cast: Cast, client_for: ClientFor, model: ExternalModel, url: str) -> None:
    alices = trace_of(cast, model, cast.alice, "openai", OPENAI)
    assert client_for(cast.bob).get(f"{url}?trace={alices.pk}").status_code == 404
    assert client_for(cast.adam).get(f"{url}?trace={alices.pk}").status_code == 200
    assert client_for(cast.alice).get(f"{url}?trace=nonsense").status_code == 404
