"""Running lanes from the page without scripts: answers, figures, errors, traces (spec 04, Playground)."""

import json

import pytest
from django.utils.html import escape

from apps.external_models.actions import switch_inferencing
from apps.external_models.models import ExternalModel
from apps.playground.models import LaneState, PlaygroundRun
from apps.providers.types import Variable
from apps.traces.models import Trace
from apps.traces.store import flush
from tests.inference.conftest import connect, triage_definition
from tests.playground.conftest import KEY, Page, chat_model, connection_of
from tests.support.cast import Cast
from tests.support.models import actor
from tests.support.provider import RunningProvider


@pytest.mark.django_db(transaction=True)
class TestWithoutScripts:
    @pytest.fixture
    def cast(self, transactional_cast: Cast) -> Cast:
        return transactional_cast

    def test_two_lanes_answer_and_stand_on_a_page_of_their_own(
        self, cast: Cast, page: Page, model: ExternalModel, provider: RunningProvider
    ) -> None:
        other = chat_model(cast.harbor, cast.adam, provider.url, "Second opinion")
        pinned = f"{other.pk}@{connection_of(other).pk}"
        response = page.post(**{"system_prompt": "Be {{mood}}.", "var-mood": "brief", "temperature": "0.5", "lane-2": pinned})
        assert response.status_code == 302
        run = page.newest()
        assert response["Location"].endswith(f"?run={run.pk}")
        first, second = run.lanes.all()
        assert [first.state, second.state] == [LaneState.DONE, LaneState.DONE], (first.outcome, second.outcome)
        shown = page.client.get(response["Location"]).content.decode()
        assert escape(first.outcome.text) in shown
        assert "Second opinion, Second opinion prod" in shown
        assert ">Be {{mood}}.</textarea>" in shown.replace("\n", "")
        sent = json.loads(provider.recorded[-1].request.body)
        assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
        assert sent["temperature"] == 0.5
        flush()
        trace = Trace.objects.get(pk=first.outcome.trace_id)
        assert (trace.source_type, trace.source_name, trace.status) == ("playground", "Bob Member", "success")
        assert trace.input_tokens == first.outcome.input_tokens
        assert json.loads(trace.body.input)["messages"][0]["content"] == "Be brief."

    def test_each_lane_says_what_went_wrong_and_the_others_go_on(self, cast: Cast, page: Page, provider: RunningProvider) -> None:
        off = chat_model(cast.harbor, cast.adam, provider.url, "Switched off")
        switch_inferencing(off, on=False, actor=actor(cast.adam))
        failing = chat_model(cast.harbor, cast.adam, f"{provider.url}/fault/503", "Failing")
        page.post(**{"lane-2": str(off.pk), "lane-3": str(failing.pk)})
        assert [lane.state for lane in page.lanes()] == [LaneState.DONE, LaneState.FAILED, LaneState.FAILED]
        html = page.client.get(page.url("page") + f"?run={page.newest().pk}").content.decode()
        assert "This model is not active" in html
        assert html.count("Switch inferencing on") == 1, "one notice, one button"
        assert page.lanes()[2].outcome.failure.provider_message in html  # type: ignore[union-attr]
        assert page.lanes()[2].outcome.request_id in html
        assert str(page.lanes()[2].outcome.trace_id) in html
        assert html.count(page.lanes()[2].outcome.failure.provider_message) == 1, "the provider's words once"  # type: ignore[union-attr]
        assert "<dd>unknown</dd>" in html, "no price is known"
        typed = {"lane-2": str(off.pk), "turn-0-text": "Not lost", "shown": str(page.newest().pk)}
        html = page.post("switch_on", htmx=True, query="?lane=2", **typed).content.decode()
        assert "Not lost</textarea>" in html
        assert "It is on now. Run again." in html
        assert "This model is not active" not in html
        assert 'data-focus="#id_lane-2"' in html
        flush()
        assert sorted(Trace.objects.values_list("status", flat=True)) == ["failed", "failed", "success"]

    def test_a_double_click_runs_once_and_another_text_is_another_run(self, page: Page, provider: RunningProvider) -> None:
        token = "7b0f5f0e-6d5d-4f3e-9a59-0f5b1f6f8f11"
        page.post(token=token)
        page.post(token=token)
        assert (PlaygroundRun.objects.count(), len(provider.recorded)) == (1, 1)
        page.post(token=token, **{"turn-0-text": "Something else"})
        assert (PlaygroundRun.objects.count(), len(provider.recorded)) == (2, 2)

    def test_a_custom_json_api_gets_its_own_variables(self, cast: Cast, page: Page, provider: RunningProvider) -> None:
        line = Variable("line", "Line of business", default="motor")
        custom = triage_definition(provider.url, variables=(line,), body='{"task": {"ask": "{{prompt}}", "line": "{{line}}"}}')
        model = connect(cast.harbor, cast.adam, custom).model
        shown = page.post("edit", **{"lane-1": str(model.pk)}).content.decode()
        assert 'name="var-line"' in shown
        assert "no place for temperature, top P, maximum output tokens or stop sequences: leave these fields empty." in shown
        assert "The answer comes in one piece." in shown
        page.post(**{"lane-1": str(model.pk), "var-line": "property"})
        assert page.lanes()[0].state == LaneState.DONE, page.lanes()[0].outcome
        assert json.loads(provider.recorded[-1].request.body) == {"task": {"ask": "Which cover applies?", "line": "property"}}
        page.post(**{"lane-1": str(model.pk), "temperature": "1"})
        failure = page.lanes()[0].outcome.failure
        assert failure is not None
        assert "temperature" in failure.message, "what it has no place for is refused by name"

    def test_a_key_that_the_provider_repeats_is_masked(self, cast: Cast, page: Page, provider: RunningProvider) -> None:
        page.post(**{"turn-0-text": f"Repeat {KEY} please"})
        assert KEY in json.loads(provider.recorded[-1].request.body)["messages"][0]["content"]
        assert KEY not in page.lanes()[0].outcome.text
