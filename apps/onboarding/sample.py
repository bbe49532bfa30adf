"""*Sample input*: one field per variable in use, remembered for next time."""

from dataclasses import dataclass

from apps.inference.queries import last_test
from apps.onboarding.builder import Builder
from apps.onboarding.forms import default_text
from apps.providers.errors import ProviderError
from apps.providers.types import DataType, JsonValue, Variable
from apps.providers.variables import coerce_value

FIRST_PROMPT = "Say hello in one short sentence."


@dataclass(frozen=True, slots=True)
class SampleField:
    """One field of the dialog, with what is wrong with its value."""

    variable: Variable
    value: str
    error: str = ""

    @property
    def is_long(self) -> bool:
        return self.variable.name in {"prompt", "system_prompt"} or self.variable.data_type is DataType.JSON


def sample_fields(builder: Builder) -> list[SampleField]:
    """The fields with what was typed last time, else the default."""
    remembered = last_sample(builder)
    return [SampleField(variable, remembered.get(variable.name, initial(variable))) for variable in builder.definition.variables]


def initial(variable: Variable) -> str:
    return FIRST_PROMPT if variable.name == "prompt" else default_text(variable.default)


def last_sample(builder: Builder) -> dict[str, str]:
    run = builder.run
    if builder.model and not (run and run.digest):
        run = last_test(builder.model.pk, builder.user)
    return dict(run.sample) if run else {}


def read_sample(builder: Builder) -> tuple[dict[str, JsonValue] | None, list[SampleField]]:
    """The typed values, or None with the fields that say what is wrong."""
    fields, values = [], {}
    for variable in builder.definition.variables:
        text = str(builder.data.get(f"s-{variable.name}", ""))
        error = ""
        try:
            if text.strip():
                values[variable.name] = coerce_value(variable, text)
            elif variable.required and variable.default is None:
                error = "This variable is required: enter a value."
        except ProviderError as problem:
            error = f"{problem.message} {problem.hint}".strip()
        fields.append(SampleField(variable, text, error))
    return (None if any(field.error for field in fields) else values), fields
