"""*Test response*: what the call needs is read before it, what came of it is kept after it. The call itself is in no transaction."""

from dataclasses import dataclass, replace

from django.http import HttpResponse

from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.core.database import release_connection
from apps.core.http import Limits
from apps.inference.actions import Tested, record_test
from apps.inference.result import Result
from apps.inference.target import Target, with_profile
from apps.inference.trail import Trail, trail_of_test
from apps.onboarding import proposing
from apps.onboarding.builder import Builder
from apps.onboarding.forms import Mode
from apps.onboarding.reading import read_builder
from apps.onboarding.sample import SampleField, read_sample
from apps.onboarding.showing import note_refusal, show
from apps.providers.types import JsonValue


@dataclass(frozen=True, slots=True)
class ReadyTest:
    """Everything a test needs, read from the database before the call."""

    builder: Builder
    target: Target
    values: dict[str, JsonValue]
    sample: dict[str, str]
    trail: Trail


def prepare_test(request: WorkspaceRequest, page: type[Builder]) -> ReadyTest | HttpResponse:
    builder = read_builder(request, Mode.TEST, page)
    if not builder.check():
        note_refusal(request, builder)
        return show(request, builder, regions=("errors", "status"), status=422)
    values, fields = read_sample(builder)
    if values is None:
        return show(request, builder, regions=("errors",), dialog="_sample_dialog", status=422, fields=fields)
    limits = Limits(first_byte=builder.model.first_byte_seconds, total=builder.model.total_seconds) if builder.model else Limits()
    target = Target(proposing.testable(builder.definition), builder.secrets, builder.parameters, limits, builder.authorization())
    target = with_profile(target, builder.profile)
    trail = trail_of_test(request.workspace, request.user, model=builder.model, name=builder.name, values=values)
    release_connection()
    return ReadyTest(builder, target, values, raw_sample(fields), trail)


def raw_sample(fields: list[SampleField]) -> dict[str, str]:
    return {field.variable.name: field.value for field in fields}


def finish_test(request: WorkspaceRequest, ready: ReadyTest, result: Result) -> HttpResponse:
    before = ready.builder
    tested = Tested(before.digest, ready.sample, before.secrets_of_run | before.typed_secrets, before.origin)
    run = record_test(
        request.workspace,
        model=before.model,
        name=before.name,
        tested=tested,
        result=result,
        user=request.user,
        actor=actor_of(request),
    )
    data = {**before.data, "test_run": str(run.pk)}
    if before.definition.is_template:
        data = proposing.with_proposals(data, result)
    builder = replace(before, data=data, mode=Mode.KEEP, run=run)
    return show(request, builder, regions=("identity", "errors", "result", "paths", "status"))
