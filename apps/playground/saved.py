"""Running a saved prompt without the playground's page, as programs do (spec 04, Prompts; spec 05)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from apps.inference.calls import Caller
from apps.inference.trail import Source
from apps.playground.asking import Asking, Question, own_variables
from apps.playground.models import PromptVersion
from apps.playground.outcome import Outcome
from apps.providers.errors import ErrorKind, ProviderError, VariableError
from apps.providers.types import Variable
from apps.providers.variables import coerce_values, missing
from apps.traces.models import SourceType


@dataclass(frozen=True, slots=True)
class PromptRun:
    """What came of one run. `problems` are sentences by variable: then nothing was asked. `error` has its secrets masked."""

    version: PromptVersion
    problems: Mapping[str, str]
    error: ProviderError | None
    outcome: Outcome
    request_id: str
    model: str
    connection: str
    attempts: int


async def run_prompt(version: PromptVersion, values: Mapping[str, str], caller: Caller) -> PromptRun:
    """Ask once, with one trace that names the prompt, also where the values do not fit. `version.prompt` and `version.model` have to be
    at hand.
    """
    errors = problems_of(version, values)
    asking = Asking(question_of(version, values, caller, errors[0] if errors else None))
    await asking.run()
    call = asking.call
    return PromptRun(
        version=version,
        problems={error.variable: error.message for error in errors} if is_about(asking.error, errors) else {},
        error=asking.error,
        outcome=asking.outcome,
        request_id=call.request_id,
        model=call.model_name,
        connection=call.connection_name,
        attempts=len(call.attempts),
    )


def is_about(error: ProviderError | None, errors: Sequence[VariableError]) -> bool:
    """Whether that is why nothing was asked: a limit, or a model that is off, comes first."""
    return bool(error and errors and error.kind is errors[0].kind)


def question_of(version: PromptVersion, values: Mapping[str, str], caller: Caller, problem: ProviderError | None) -> Question:
    """What the version asks with these values, or why it cannot be asked. Its limits are those of the caller."""
    script, prompt = version.script, version.prompt
    if version.model_id is None:
        message = f"The model “{version.model_name}” of this prompt was deleted."
        problem = ProviderError(ErrorKind.MODEL_NOT_FOUND, message, "Choose another one in the playground, and save a version.")
    elif problem is None:
        try:
            script = script.filled(values)
        except ProviderError as error:  # a text that is not well formed
            problem = error
    source = Source(SourceType.PROMPT, str(prompt.pk), prompt.name)
    return Question(
        caller=replace(caller, traced_as=source, user_name=caller.user_name or caller.source_name),
        asked=asked_of(version),
        script=script,
        values=values,
        stream=False,
        problem=problem,
    )


def asked_of(version: PromptVersion) -> str:
    """As callers of the gateway write it. By ID, so that a model which was renamed is still the one; a deleted one has its name only."""
    if version.model_id is None:
        return version.says_model
    return f"{version.model_id}@{version.connection_name}" if version.connection_name else str(version.model_id)


def own_of(version: PromptVersion) -> tuple[Variable, ...]:
    """The variables of its model, where that is a custom JSON API, that its texts do not fill."""
    texts = version.script.names()
    return tuple(each for each in own_variables(version.model.definition) if each.name not in texts) if version.model else ()


def needed_by(version: PromptVersion) -> list[str]:
    """The variables that a run has to give values to."""
    return [*version.script.names(), *(each.name for each in own_of(version) if each.required and each.default is None)]


def problems_of(version: PromptVersion, values: Mapping[str, str]) -> list[VariableError]:
    """Everything that is wrong with the values, at most one thing for each variable: a typo is never ignored."""
    texts, own = version.script.names(), own_of(version)
    known = {*texts, *(variable.name for variable in own)}
    errors = [unknown(name) for name in values if name not in known]
    errors += [missing(name) for name in texts if name not in values]
    given = (*(Variable(name) for name in texts if name in values), *own)
    return errors + [error for variable in given if (error := problem_of(variable, values))]


def problem_of(variable: Variable, values: Mapping[str, str]) -> VariableError | None:
    try:
        given = coerce_values([variable], values)
    except VariableError as error:
        return error
    return missing(variable.name) if variable.required and variable.default is None and not given else None


def unknown(name: str) -> VariableError:
    return VariableError(ErrorKind.UNKNOWN_VARIABLE, name, f"The prompt has no variable “{name}”.")
