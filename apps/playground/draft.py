"""A playground page as values: the script, what its variables hold, the lanes, and which prompt it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from apps.playground.script import Script

MAX_LANES = 4


def full_name(model: str, connection: str) -> str:
    """A model with the connection that is asked for ("" for any), as people read it: the same name does not stand there twice."""
    if not connection:
        return model
    return f"{model}, connection of that name" if connection == model else f"{model}, {connection}"


@dataclass(frozen=True, slots=True)
class Pick:
    """The model of a lane, and one connection of it, or None for whichever the model's routing takes."""

    model_id: UUID
    connection_id: UUID | None = None

    @property
    def key(self) -> str:
        """As the select of the lane has it."""
        return f"{self.model_id}@{self.connection_id}" if self.connection_id else str(self.model_id)

    @classmethod
    def of_key(cls, key: str) -> Self | None:
        """None for what is no such key."""
        model, _, connection = key.partition("@")
        try:
            return cls(UUID(model), UUID(connection) if connection else None)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Draft:
    """`values` by variable name, as typed. `images` are IDs of PlaygroundImage. `prompt_number` is the version that was loaded."""

    script: Script = field(default_factory=Script)
    values: Mapping[str, str] = field(default_factory=dict)
    images: tuple[UUID, ...] = ()
    stream: bool = True
    picks: tuple[Pick | None, ...] = (None,)
    prompt_id: UUID | None = None
    prompt_number: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Without the picks: the lanes of a run are rows."""
        return {
            "script": self.script.to_json(),
            "values": dict(self.values),
            "images": [str(image) for image in self.images],
            "stream": self.stream,
            "prompt": str(self.prompt_id) if self.prompt_id else None,
            "prompt_number": self.prompt_number,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], picks: tuple[Pick | None, ...]) -> Self:
        return cls(
            script=Script.from_json(data["script"]),
            values=data["values"],
            images=tuple(UUID(image) for image in data["images"]),
            stream=data["stream"],
            picks=picks,
            prompt_id=UUID(data["prompt"]) if data["prompt"] else None,
            prompt_number=data["prompt_number"],
        )
