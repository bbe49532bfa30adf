"""Custom variables: names and typed values (spec 02, Custom variables)."""

import pytest

from apps.providers.errors import ErrorKind, VariableError
from apps.providers.types import DataType, JsonValue, Variable
from apps.providers.variables import check_variable_name, coerce_value, coerce_values


@pytest.mark.parametrize("name", ["a", "_", "A1", "with.dot", "with-dash", "_9", "x" * 64, "Prompt", "system"])
def test_names_that_a_variable_may_have(name: str) -> None:
    check_variable_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "Enter a name"),
        ("9a", "begins with a letter"),
        (".a", "begins with a letter"),
        ("-a", "begins with a letter"),
        ("a b", "no blanks"),
        ("a\n", "no blanks"),
        ("ä", "letter"),
        ("a{", "letter"),
        ("x" * 65, "at most 64"),
        ("prompt", "prompt variable"),
        ("system_prompt", "prompt variable"),
        ("system.prompt", "prompt variable"),
        ("examples", "prompt variable"),
    ],
)
def test_names_that_are_refused(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_variable_name(name)


@pytest.mark.parametrize(
    ("data_type", "raw", "value"),
    [
        (DataType.STRING, "", ""),
        (DataType.STRING, " 5 ", " 5 "),
        (DataType.STRING, "a\r\nb\nc", "a\nb\nc"),
        (DataType.NUMBER, "5", 5),
        (DataType.NUMBER, " -12 ", -12),
        (DataType.NUMBER, "123456789012345678901234567890", 123456789012345678901234567890),
        (DataType.NUMBER, "0.1", 0.1),
        (DataType.NUMBER, "1e3", 1000.0),
        (DataType.BOOLEAN, "true", True),
        (DataType.BOOLEAN, " False ", False),
        (DataType.JSON, '{"a": [1, null]}', {"a": [1, None]}),
        (DataType.JSON, "null", None),
        (DataType.JSON, '"text"', "text"),
    ],
)
def test_what_a_form_field_means(data_type: DataType, raw: str, value: JsonValue) -> None:
    read = coerce_value(Variable("v", data_type=data_type), raw)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("data_type", "raw", "reason"),
    [
        (DataType.STRING, "\ud800", "lone surrogate"),
        (DataType.NUMBER, "", "is not a number"),
        (DataType.NUMBER, "five", "is not a number"),
        (DataType.NUMBER, "1,5", "write 1.5"),
        (DataType.NUMBER, "+1", "is not a number"),
        (DataType.NUMBER, "01", "is not a number"),
        (DataType.NUMBER, "NaN", "is not a number"),
        (DataType.NUMBER, "Infinity", "is not a number"),
        (DataType.NUMBER, "1e999", "finite"),
        (DataType.NUMBER, "\u0661", "is not a number"),
        pytest.param(DataType.NUMBER, "1" * 5000, "too many digits", id="5000 digits"),
        (DataType.BOOLEAN, "yes", "neither true nor false"),
        (DataType.JSON, "{", "is not JSON: .* line 1, column 2"),
        (DataType.JSON, "[NaN]", "NaN is not a JSON value"),
        (DataType.JSON, '["\\ud800"]', "lone surrogate"),
        (DataType.JSON, "[" * 300 + "]" * 300, "200 levels"),
    ],
)
def test_bad_value_names_the_variable_and_the_reason(data_type: DataType, raw: str, reason: str) -> None:
    with pytest.raises(VariableError, match=reason) as caught:
        coerce_value(Variable("the_one", data_type=data_type), raw)
    assert (caught.value.kind, caught.value.variable) == (ErrorKind.BAD_VALUE, "the_one")
    assert "“the_one”" in caught.value.message


def test_an_empty_field_is_no_value() -> None:
    variables = [Variable("a"), Variable("b", data_type=DataType.NUMBER), Variable("c", data_type=DataType.BOOLEAN)]
    assert coerce_values(variables, {"a": "", "b": " ", "c": "true", "other": "x"}) == {"c": True}


def test_data_types_have_the_labels_of_the_dialog() -> None:
    assert [data_type.label for data_type in DataType] == ["String", "Number", "Boolean", "JSON"]
