"""The demo's week of calls: made once, priced, and added up like real ones."""

from apps.accounts.models import Workspace
from apps.demo.history import CALLS, seed_history
from apps.demo.programs import MODEL
from apps.demo.prompts import seed_prompt
from apps.playground.models import Prompt
from apps.traces.figures import figures
from apps.traces.models import Trace
from tests.support.cast import Cast
from tests.support.catalog import fill_many
from tests.support.models import make_connection, make_easy_model, make_model


def test_a_week_of_calls_is_made_once(cast: Cast) -> None:
    fill_many(1)
    make_easy_model(cast.harbor, cast.alice)
    make_connection(make_model(cast.harbor, cast.alice, MODEL), cast.alice)
    seed_prompt(cast.harbor, cast.alice)
    for _ in range(2):
        seed_history(cast.harbor, [cast.alice, cast.bob])
    assert Trace.objects.count() == CALLS
    assert figures(cast.harbor).requests == CALLS
    assert {"success", "failed", "cancelled"} == set(Trace.objects.values_list("status", flat=True))
    assert {"api_key", "playground", "prompt"} == set(Trace.objects.values_list("source_type", flat=True))
    assert {str(Prompt.objects.get().pk)} == set(Trace.objects.filter(source_type="prompt").values_list("source_id", flat=True))


def test_nothing_is_made_up_for_a_workspace_without_models(cast: Cast) -> None:
    seed_history(Workspace.objects.get(pk=cast.other.pk), [cast.charlie])
    assert not Trace.objects.exists()
