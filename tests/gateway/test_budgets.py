"""Spec 04: a budget that is spent, as the public SDKs raise it."""

from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest

from apps.accounts.api_actions import KeyTerms
from apps.accounts.budgets import Budget
from tests.gateway.test_sdks import user
from tests.support.api_keys import INVOKE, make_key
from tests.support.catalog import fill, offer
from tests.support.gateway import EASY, Gateway


@pytest.fixture(scope="module")
def running(running: Gateway) -> Gateway:
    """With two models whose output costs a dollar a token."""
    for key in ("openai", "anthropic"):
        running.easy(key, EASY[key])
    fill(*(offer(key, EASY[key].model, key, price=("0", "1000000")) for key in ("openai", "anthropic")))
    return running


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@pytest.mark.parametrize("model", ["openai", "anthropic"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_key_whose_budget_is_spent(gateway: Gateway, sdk: str, model: str, stream: bool) -> None:
    terms = KeyTerms("Batch", budget=Budget(budget_per_month=Decimal(101)))
    key = make_key(gateway.cast.harbor, gateway.cast.alice, INVOKE, terms)
    asking: dict[str, Any] = {"model": model, "max_tokens": 100, "messages": [user()], "stream": stream}
    client: Any
    if sdk == "openai":
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)
        ask, raised = client.chat.completions.create, openai.RateLimitError
    else:
        client = anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0)
        ask, raised = client.messages.create, anthropic.RateLimitError
    with client:
        answer = ask(**asking)
        if stream:
            list(answer)
        with pytest.raises(raised) as caught:
            ask(**asking)
    error = caught.value.body["error"] if sdk == "anthropic" else caught.value.body
    code = error["details"]["error_code"] if sdk == "anthropic" else error["code"]
    assert (caught.value.status_code, code, error["type"]) == (429, "budget_exceeded", "rate_limit_error")
    assert " left of its budget of $101.00 per month, and this call may cost $100.00. It starts anew on 1 " in error["message"]
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 31 * 86_400
    good, bad = gateway.wait_for_traces(2)
    assert (good.status, bad.error_code, bad.model_name) == ("success", "budget_exceeded", model)
    assert good.cost is not None
    assert f"has ${101 - good.cost:.2f} left" in error["message"]
