"""The playground's form. Which fields it has follows from what was typed: turns, variables, lanes."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms

from apps.core.forms import number_input
from apps.external_models.names import check_name
from apps.playground.choices import Choice, Choices, variables_of
from apps.playground.draft import Draft
from apps.playground.fields import image_ids, lane_numbers, turn_numbers, variable_names
from apps.playground.script import Script, Turn
from apps.providers.chat import Role
from apps.providers.errors import VariableError
from apps.providers.template import TemplateInvalid
from apps.providers.template_parser import parse_parts
from apps.providers.types import DataType, Variable
from apps.providers.variables import coerce_value

MAX_TEXT = 200_000  # characters of one text
MAX_STOPS = 4
LABELS = {"temperature": "temperature", "top_p": "top P", "max_tokens": "maximum output tokens", "stop": "stop sequences"}
ROLES = [(Role.USER.value, "User"), (Role.ASSISTANT.value, "Assistant")]


def text_field(label: str, rows: int, **options: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=MAX_TEXT, strip=False, widget=forms.Textarea(attrs={"rows": rows}), **options)


def between(low: int, high: int) -> Callable[[float], None]:
    def check(value: float) -> None:
        if not low <= value <= high:
            raise forms.ValidationError(f"Enter a number from {low} to {high:,}.")

    return check


def decimal_field(label: str, high: int) -> forms.FloatField:
    """A number from 0 to `high`."""
    wrong = {"invalid": "Enter a number, such as 0.2."}
    return forms.FloatField(
        label=label, required=False, widget=number_input("decimal", placeholder="auto"), validators=[between(0, high)], error_messages=wrong
    )


class PlaygroundForm(forms.Form):
    """`fields` are what stands in the page; unless `check`, they are only shown again."""

    system_prompt = text_field("System prompt", 3, required=False)
    temperature = decimal_field("Temperature", 2)
    top_p = decimal_field("Top P", 1)
    max_tokens = forms.IntegerField(
        label="Maximum output tokens",
        required=False,
        widget=number_input("numeric", placeholder="auto"),
        validators=[between(1, 1_000_000)],
        error_messages={"invalid": "Enter a whole number, such as 500."},
    )
    stop = text_field("Stop sequences", 2, required=False, help_text="One a line; \\n stands for a line break.")
    stream = forms.BooleanField(label="Stream the answer", required=False)
    token = forms.UUIDField(widget=forms.HiddenInput(attrs={"autocomplete": "off"}))
    prompt = forms.UUIDField(required=False, widget=forms.HiddenInput)
    prompt_number = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def __init__(self, values: Mapping[str, str], choices: Choices, *, check: bool = False) -> None:
        super().__init__(values if check else None, initial=dict(values))
        self.values, self.choices = values, choices
        self.turn_numbers, self.lane_numbers = turn_numbers(values), lane_numbers(values)
        self.chosen = [choices.find(values.get(f"lane-{number}", "")) for number in self.lane_numbers]
        self.image_ids = image_ids(values)
        for number in self.turn_numbers:
            self.add_turn(number)
        self.add_variables()
        for number in self.lane_numbers:
            self.fields[f"lane-{number}"] = forms.ChoiceField(
                label=f"Lane {number}: model and connection",
                choices=[("", "Choose a model"), *choices.field_choices()],
                error_messages={"required": "Choose a model.", "invalid_choice": "This model is not there any more. Choose another one."},
            )

    def add_turn(self, number: int) -> None:
        role = self.values.get(f"turn-{number}-role", Role.USER.value)
        alone = len(self.turn_numbers) == 1 and role == Role.USER.value
        label = "Prompt" if alone else dict(ROLES).get(role, "User")
        message = {"required": "Write something, or remove the turn." if not alone else "Write a prompt."}
        self.fields[f"turn-{number}-role"] = forms.ChoiceField(label="Who says it", choices=ROLES, initial=Role.USER.value)
        self.fields[f"turn-{number}-text"] = text_field(label, 5 if alone else 3, error_messages=message)

    def add_variables(self) -> None:
        """Those of the texts, then what the chosen custom JSON APIs have besides; one of the same name is one field."""
        own = variables_of(self.chosen)
        in_texts = variable_names(self.values)
        self.variables = [own.get(name, Variable(name, required=True)) for name in in_texts]
        self.variables += [variable for name, variable in own.items() if name not in in_texts]
        for variable in self.variables:
            needed = variable.name in in_texts or (variable.required and variable.default is None)
            self.fields[f"var-{variable.name}"] = variable_field(variable, required=needed)

    @property
    def turns(self) -> list[dict[str, Any]]:
        """For the template."""
        return [{"number": each, "role": self[f"turn-{each}-role"], "text": self[f"turn-{each}-text"]} for each in self.turn_numbers]

    @property
    def variable_fields(self) -> list[forms.BoundField]:
        return [self[f"var-{variable.name}"] for variable in self.variables]

    def left_out(self, choice: Choice | None) -> str:
        """What of the form the lane's model cannot be given, said before it refuses the call."""
        if choice is None:
            return ""
        said = ""
        if missing := choice.no_place_for:
            *others, last = [LABELS[name] for name in missing]
            said = f"Its definition has no place for {', '.join(others)}{' or ' if others else ''}{last}: leave these fields empty."
        if choice.model.definition.is_template and self["stream"].value():
            said += " The answer comes in one piece."
        if self.image_ids and not choice.takes_images:
            said += " It takes no images: its lane is asked without them."
        return said.strip()

    @property
    def lanes(self) -> list[dict[str, Any]]:
        numbered = zip(self.lane_numbers, self.chosen, strict=True)
        return [
            {"number": number, "field": self[f"lane-{number}"], "choice": choice, "hint": self.left_out(choice)}
            for number, choice in numbered
        ]

    @property
    def takes_images(self) -> bool:
        return bool(self.image_ids) or any(choice and choice.takes_images for choice in self.chosen)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in ["system_prompt", *(f"turn-{number}-text" for number in self.turn_numbers)]:
            self.check_text(name)
        for variable in self.variables:
            self.check_value(variable)
        if data.get(f"turn-{self.turn_numbers[-1]}-role") == Role.ASSISTANT.value:
            self.add_error(f"turn-{self.turn_numbers[-1]}-text", "The last turn is the user's: it is what the model answers.")
        return data

    def clean_stop(self) -> tuple[str, ...]:
        lines = self.cleaned_data["stop"].replace("\r\n", "\n").split("\n")
        stops = tuple(line.replace("\\n", "\n") for line in lines if line)
        if len(stops) > MAX_STOPS:
            raise forms.ValidationError(f"Use at most {MAX_STOPS} stop sequences.")
        return stops

    def check_text(self, name: str) -> None:
        try:
            parse_parts(self.cleaned_data.get(name, ""))
        except TemplateInvalid as invalid:
            self.add_error(name, f"Line {invalid.problem.line}, column {invalid.problem.column}: {invalid.problem.message}")

    def check_value(self, variable: Variable) -> None:
        name = f"var-{variable.name}"
        value = self.cleaned_data.get(name, "")
        if not value.strip():
            return
        try:
            coerce_value(variable, value)
        except VariableError as error:
            self.add_error(name, error.message)

    @property
    def script(self) -> Script:
        """What is said, as far as it could be read. After is_valid()."""
        data = self.cleaned_data
        texts = {each: plain(data.get(f"turn-{each}-text", "")) for each in self.turn_numbers}
        turns = tuple(Turn(Role(data.get(f"turn-{each}-role", Role.USER)), text) for each, text in texts.items())
        limits = (data.get("temperature"), data.get("top_p"), data.get("max_tokens"))
        return Script(turns, plain(data.get("system_prompt", "")), *limits, data.get("stop", ()))

    @property
    def given(self) -> dict[str, str]:
        """What the variables hold."""
        return {variable.name: plain(self.cleaned_data.get(f"var-{variable.name}", "")) for variable in self.variables}

    @property
    def draft(self) -> Draft:
        """What was typed. After is_valid() said yes."""
        data = self.cleaned_data
        return Draft(
            script=self.script,
            values=self.given,
            images=tuple(self.image_ids),
            stream=data["stream"],
            picks=tuple(choice.pick if choice else None for choice in self.chosen),
            prompt_id=data["prompt"],
            prompt_number=data["prompt_number"],
        )

    @property
    def says_what_to_save(self) -> bool:
        """Whether a prompt can be saved: values of variables and further lanes are not part of it."""
        return all(name.startswith(("var-", "lane-", "token")) and name != "lane-1" for name in self.errors)


def variable_field(variable: Variable, *, required: bool) -> forms.CharField:
    placeholder = "" if variable.default is None else f"{variable.default}"
    attrs = {"placeholder": placeholder} | ({"rows": 1, "class": "textarea--line"} if variable.data_type is not DataType.NUMBER else {})
    widget = forms.TextInput(attrs=attrs) if variable.data_type is DataType.NUMBER else forms.Textarea(attrs=attrs)
    message = {"required": "Give it a value."}
    return forms.CharField(label=variable.label, required=required, max_length=MAX_TEXT, strip=False, widget=widget, error_messages=message)


def plain(text: str) -> str:
    """Browsers send a text area's line breaks as CR LF; nobody typed the CR."""
    return text.replace("\r\n", "\n")


class NameForm(forms.Form):
    """The name of a prompt."""

    name = forms.CharField(label="Name", max_length=1000, error_messages={"required": "Enter a name."})

    def clean_name(self) -> str:
        try:
            return check_name(self.cleaned_data["name"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
