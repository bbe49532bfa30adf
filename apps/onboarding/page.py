"""What the page's template asks of a Builder: problems with links, rows, the response tree."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.safestring import SafeString

from apps.core.json_tree import Tree
from apps.external_models.definition import SECRET_HEADERS, Feature, Modality
from apps.onboarding.builder import SPARE_ROWS, Builder
from apps.onboarding.forms import IntegrationForm, variable_initial
from apps.onboarding.import_page import ImportNote, note_in
from apps.onboarding.request_preview import RequestPreview, preview_request
from apps.onboarding.slots import LABELS, Slot, shorten, slots_of
from apps.onboarding.structures import FEATURE_NOTES, MODALITY_NOTES, STRUCTURES, HeaderOffer, Structure
from apps.onboarding.tree import MAX_SHOWN, PickTree
from apps.providers.types import Variable

ANCHORS = {"body": "body"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One error: the key of its place on the page, the control it belongs to, and what to do."""

    key: str
    anchor: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Switch:
    """A prompt variable that can be switched on."""

    field: str
    name: str
    label: str
    type: str
    on: bool


@dataclass(frozen=True, slots=True)
class VariableRow:
    """A custom variable with the hidden fields that carry it."""

    variable: Variable
    hidden: list[tuple[str, str]]
    used: bool


@dataclass(frozen=True, slots=True)
class Capability:
    """A feature or modality that can be said to be there. `needs` is the field of the feature without which it makes no sense."""

    field: str
    label: str
    note: str
    on: bool
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a structure reads out of an answer, from where, and what that was in the last test."""

    label: str
    path: str
    value: str


@dataclass(frozen=True, slots=True)
class Page:
    """The Builder, prepared for showing."""

    builder: Builder

    @property
    def field_errors(self) -> list[Problem]:
        """Every place an error can stand in, with "" where there is none: what was wrong before is cleared."""
        places = form_places(self.builder.form)
        # The field stands on the page only while there is no connection to hold the name.
        shown = (place for place in places if place.key != "connection_name" or not self.builder.connection)
        return [*shown, *self.header_places()]

    def header_places(self) -> Iterator[Problem]:
        for position, row in enumerate(self.builder.headers, start=1):
            title = row["key"].value() or position
            for name in ("key", "value"):
                key = f"{row.prefix}-{name}"
                yield Problem(key, f"id_{key}", f"Header {title}", " ".join(str(error) for error in row.errors.get(name, ())))

    @property
    def problems(self) -> list[Problem]:
        return [problem for problem in self.field_errors if problem.text]

    @property
    def spare_rows(self) -> list[int]:
        """Numbers for the empty rows of a page without scripts."""
        first = max((int(row.number) for row in self.builder.headers), default=-1) + 1
        return list(range(first, first + SPARE_ROWS))

    @property
    def switches(self) -> list[Switch]:
        definition = self.builder.definition
        return [
            Switch("use_system_prompt", "system_prompt", "System prompt", "String", definition.use_system_prompt),
            Switch("use_examples", "examples", "Examples", "JSON", definition.use_examples),
        ]

    @property
    def variable_rows(self) -> list[VariableRow]:
        return [self.variable_row(number, variable) for number, variable in enumerate(self.builder.variables)]

    def variable_row(self, number: int, variable: Variable) -> VariableRow:
        written = ((f"v-{number}-{key}", value) for key, value in variable_initial(variable).items())
        hidden = [(name, "on" if value is True else str(value)) for name, value in written if value is not False]
        return VariableRow(variable, hidden, variable.name in self.builder.used_names)

    @property
    def variable_names(self) -> str:
        names = [variable.name for variable in self.builder.definition.variables]
        return " ".join([*names, "system.prompt"] if "system_prompt" in names else names)

    @property
    def required_names(self) -> str:
        return " ".join(variable.name for variable in self.builder.definition.variables if variable.required)

    @property
    def slots(self) -> list[Slot]:
        return slots_of(self.builder)

    @property
    def has_tree(self) -> bool:
        return self.builder.document is not None

    @property
    def tree(self) -> SafeString:
        if not self.builder.definition.is_template:  # a structure reads the answer: there is nothing to pick
            return Tree(longest=MAX_SHOWN).render(self.builder.document)
        patched = {slot.path.removeprefix("$.").removeprefix("$"): slot.key for slot in self.slots if slot.path}
        pick_url = reverse(self.builder.urls.pick, args=[self.builder.workspace.slug])
        return PickTree(longest=MAX_SHOWN, patched=patched, pick_url=pick_url).render(self.builder.document)

    @property
    def import_note(self) -> ImportNote | None:
        return note_in(self.builder.data)

    # Existing provider structures

    @property
    def structures(self) -> list[Structure]:
        return list(STRUCTURES.values())

    @property
    def structure(self) -> Structure:
        return STRUCTURES[self.builder.structure]

    @property
    def features(self) -> list[Capability]:
        on = self.builder.definition.features
        needs = {Feature.PARALLEL_TOOL_CALLING: f"feature-{Feature.TOOL_CALLING}"}
        return [
            Capability(f"feature-{feature}", feature.label, FEATURE_NOTES[feature], feature in on, needs.get(feature, ""))
            for feature in Feature
        ]

    @property
    def modalities(self) -> list[Capability]:
        on = self.builder.definition.modalities
        return [Capability(f"modality-{modality}", modality.label, MODALITY_NOTES[modality], modality in on) for modality in Modality]

    @property
    def request(self) -> RequestPreview:
        return preview_request(self.builder)

    @property
    def url_notice(self) -> str:
        """What looks wrong with the address for the chosen API; nothing while there is no whole one."""
        definition = self.builder.definition
        return self.structure.notice(definition.url, definition.model) if self.builder.origin else ""

    @property
    def offers(self) -> list[HeaderOffer]:
        """Headers to add with a click, for the chosen API; no key where an authorization profile brings one."""
        return self.offers_of(self.structure)

    @property
    def offers_by_structure(self) -> list[tuple[Structure, list[HeaderOffer]]]:
        return [(structure, offers) for structure in STRUCTURES.values() if (offers := self.offers_of(structure))]

    def offers_of(self, structure: Structure) -> list[HeaderOffer]:
        names = [row.name for row in self.builder.headers]
        return structure.missing_headers(names, with_key=self.builder.profile is None)

    @property
    def readings(self) -> list[Reading]:
        """What the structure reads, with what that was in the last test."""
        result = self.builder.result
        if result is None or result.failure or not self.builder.form.follows_structure:
            values = ["", "", ""]
        else:
            values = [shorten(result.output), count_text(result.input_tokens), count_text(result.output_tokens)]
        return [Reading(label, path, value) for label, path, value in zip(LABELS.values(), self.structure.reads, values, strict=True)]

    @property
    def secret_names(self) -> str:
        return " ".join(sorted(SECRET_HEADERS))


def count_text(tokens: int | None) -> str:
    return "Not said by the provider" if tokens is None else f"{tokens:,}"


def form_places(form: IntegrationForm) -> Iterator[Problem]:
    for name in form.places:
        errors = form.errors.get(name, ())
        yield Problem(name, ANCHORS.get(name, f"id_{name}"), str(form.fields[name].label), " ".join(str(error) for error in errors))
