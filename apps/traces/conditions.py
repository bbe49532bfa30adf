"""Conditions on traces: `status:is:failed` in the address, a chip on the page, a Q for the database (spec 06, filters)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from uuid import UUID

from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

from apps.providers.errors import ErrorKind
from apps.traces.models import SourceType, Status

OPERATORS = {"is": "is", "not": "is not", "lt": "<", "lte": "<=", "eq": "=", "gte": ">=", "gt": ">"}
EQUALITY = ("is", "not")
COMPARISONS = ("lt", "lte", "eq", "gte", "gt")
MAX_CONDITIONS = 10
MAX_VALUE = 200  # characters
LONGEST = 1e7  # seconds; what no response time reaches
SHOWN = 5.0  # milliseconds; response times are shown in hundredths of a second


class ConditionInvalid(Exception):
    """The message is for the person who wrote the condition."""


@dataclass(frozen=True, slots=True)
class Field:
    """What can be asked about. `read` brings a value as people write it into the form that the address keeps; raises ConditionInvalid."""

    key: str
    label: str
    operators: tuple[str, ...]
    read: Callable[[str], str]
    to_q: Callable[[str, str], Q]
    choices: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Condition:
    field: Field
    operator: str
    value: str

    @property
    def text(self) -> str:
        """As in the address."""
        return f"{self.field.key}:{self.operator}:{self.value}"

    @property
    def operator_label(self) -> str:
        return OPERATORS[self.operator]

    @property
    def shown(self) -> str:
        unit = " s" if self.field.key == "response_time" else ""
        return self.field.choices.get(self.value, self.value) + unit

    @property
    def q(self) -> Q:
        return self.field.to_q(self.operator, self.value)


def one_of(label: str, choices: Mapping[str, str]) -> Callable[[str], str]:
    def read(value: str) -> str:
        for key, name in choices.items():
            if value.casefold() in (key, name.casefold()):
                return key
        raise ConditionInvalid(f"{label} is one of {', '.join(choices.values())}.")

    return read


def seconds(value: str) -> str:
    try:
        number = float(value.removesuffix("s").replace(",", "."))
    except ValueError:
        number = -1
    if not 0 <= number <= LONGEST:
        raise ConditionInvalid("A response time is a number of seconds, such as 2 or 0.25.")
    return f"{number:g}"


def request_id(value: str) -> str:
    found = read_request_id(value)
    if found is None:
        raise ConditionInvalid("A request ID is req_ and 32 hexadecimal digits, as in the header x-patchbay-request-id.")
    return f"req_{found.hex}"


def read_request_id(value: str) -> UUID | None:
    try:
        return UUID(value.strip().removeprefix("req_"))
    except ValueError:
        return None


def any_text(value: str) -> str:
    return value


def equal(column: str) -> Callable[[str, str], Q]:
    return lambda operator, value: ~Q(**{column: value}) if operator == "not" else Q(**{column: value})


def rare(column: str, usual: str) -> Callable[[str, str], Q]:
    """Equality of a column that nearly always has one value, for which the index over the others is there (models.py).

    SQLite takes such an index where the query says the index's own condition, word for word and without parameters.
    """
    unusual = Q(RawSQL(f"""NOT ("{column}" = '{usual}')""", [], BooleanField()))  # noqa: S611 - names of our own

    def to_q(operator: str, value: str) -> Q:
        if operator == "not":
            return unusual if value == usual else ~Q(**{column: value})
        return Q(**{column: value}) if value == usual else Q(**{column: value}) & unusual

    return to_q


def id_is(operator: str, value: str) -> Q:
    return equal("id")(operator, str(UUID(value.removeprefix("req_"))))


def compare_seconds(operator: str, value: str) -> Q:
    """Equal means: shown as the same hundredth of a second."""
    milliseconds = float(value) * 1000
    if operator == "eq":
        return Q(response_ms__gte=milliseconds - SHOWN, response_ms__lt=milliseconds + SHOWN)
    return Q(**{f"response_ms__{operator}": milliseconds})


STATUSES = dict(Status.choices)
SOURCE_TYPES = dict(SourceType.choices)
ERROR_CODES = {kind.value: kind.value for kind in sorted(ErrorKind)}
FIELDS = {
    field.key: field
    for field in (
        Field("status", "Status", EQUALITY, one_of("Status", STATUSES), rare("status", Status.SUCCESS), STATUSES),
        Field("response_time", "Response time", COMPARISONS, seconds, compare_seconds, {}),
        Field(
            "source_type",
            "Source type",
            EQUALITY,
            one_of("Source type", SOURCE_TYPES),
            rare("source_type", SourceType.API_KEY),
            SOURCE_TYPES,
        ),
        Field("source", "Source", EQUALITY, any_text, equal("source_name"), {}),
        Field("model", "Model", EQUALITY, any_text, equal("model_name"), {}),
        Field("connection", "Connection", EQUALITY, any_text, equal("connection_name"), {}),
        Field("error_code", "Error code", EQUALITY, one_of("Error code", ERROR_CODES), rare("error_code", ""), ERROR_CODES),
        Field("request_id", "Request ID", EQUALITY, request_id, id_is, {}),
    )
}


def make_condition(field: str, operator: str, value: str) -> Condition:
    """From the three inputs of *Add filter*. Raises ConditionInvalid with a sentence."""
    known, value = FIELDS.get(field), value.strip()[:MAX_VALUE]
    if known is None or "\0" in value:
        raise ConditionInvalid("There is no such filter.")
    if not value:
        raise ConditionInvalid(f"Say which {known.label.lower()}.")
    if operator not in known.operators:
        operators = ", ".join(OPERATORS[each] for each in known.operators)
        raise ConditionInvalid(f"{known.label} is compared with {operators}.")
    return Condition(known, operator, known.read(value))


def read_conditions(texts: Iterable[str]) -> tuple[Condition, ...]:
    """What an address says, once each; anything unknown in it counts as not there."""
    found: dict[str, Condition] = {}
    for text in texts:
        field, _, rest = text.partition(":")
        operator, _, value = rest.partition(":")
        try:
            condition = make_condition(field, operator, value)
        except ConditionInvalid:
            continue
        found[condition.text] = condition
    return tuple(found.values())[:MAX_CONDITIONS]


def combine(conditions: Iterable[Condition], *, match_any: bool) -> Q:
    return reduce(or_ if match_any else and_, (condition.q for condition in conditions), Q())
