"""What a lane can be pointed at: the workspace's models and the platform's, each with its connections."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Prefetch, Q

from apps.accounts.models import Workspace
from apps.connections.models import Connection
from apps.external_models.models import ExternalModel, Status
from apps.playground.asking import own_variables, takes_images
from apps.playground.draft import Pick, full_name
from apps.providers.types import Variable

PARAMETERS = ("temperature", "top_p", "max_tokens", "stop")


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a lane's select."""

    model: ExternalModel
    connection: Connection | None = None

    @property
    def pick(self) -> Pick:
        return Pick(self.model.pk, self.connection.pk if self.connection else None)

    @property
    def name(self) -> str:
        return full_name(self.model.name, self.connection.name) if self.connection else f"{self.model.name}, any connection"

    @property
    def is_on(self) -> bool:
        """Whether a call of it can be made at all."""
        if self.connection:
            return self.model.inferencing_enabled and self.connection.inferencing_enabled
        return self.model.inferencing_enabled and any(each.inferencing_enabled for each in self.model.connections.all())

    @property
    def label(self) -> str:
        return self.name if self.is_on else f"{self.name} (not active)"

    @property
    def takes_images(self) -> bool:
        return takes_images(self.model.definition)

    @property
    def no_place_for(self) -> tuple[str, ...]:
        """The parameters that a custom JSON API refuses, for want of a variable of their name; a chat API has a place for each."""
        if not self.model.definition.is_template:
            return ()
        names = {variable.name for variable in self.model.definition.custom_variables}
        return tuple(name for name in PARAMETERS if name not in names)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables of a custom JSON API besides prompt and system prompt."""
        return own_variables(self.model.definition)


@dataclass(frozen=True, slots=True)
class Choices:
    """All of them, by model."""

    groups: Sequence[tuple[ExternalModel, Sequence[Choice]]]

    def __bool__(self) -> bool:
        return bool(self.groups)

    def find(self, key: str) -> Choice | None:
        return next((choice for _, choices in self.groups for choice in choices if choice.pick.key == key), None)

    def field_choices(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """For a select: by model, as Django groups options."""
        return [(model.name, [(choice.pick.key, choice.label) for choice in choices]) for model, choices in self.groups]

    def first(self) -> Choice | None:
        """What a new page begins with: the first that can be called, else the first."""
        every = [choice for _, choices in self.groups for choice in choices]
        return next((choice for choice in every if choice.is_on), every[0] if every else None)


def list_choices(workspace: Workspace) -> Choices:
    """Two queries. Drafts are left out: they cannot be called."""
    theirs = Q(workspace=workspace) | Q(workspace=None, is_visible=True)
    models = ExternalModel.objects.filter(theirs).exclude(status=Status.DRAFT).order_by("name_key", "id")
    connections = Connection.objects.order_by("priority", "name_key").only("model_id", "name", "inferencing_enabled")
    return Choices([(model, of_model(model)) for model in models.prefetch_related(Prefetch("connections", connections))])


def of_model(model: ExternalModel) -> list[Choice]:
    """Any connection, then each."""
    return [Choice(model), *(Choice(model, connection) for connection in model.connections.all())]


def variables_of(choices: Iterable[Choice | None]) -> dict[str, Variable]:
    """What the chosen custom JSON APIs want to be given, by name."""
    return {variable.name: variable for choice in choices if choice for variable in choice.variables}
