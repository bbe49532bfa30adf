"""The page's form as flat fields, by name: what a draft looks like in it, and what its buttons do to it before anything is checked."""

import re
from collections.abc import Mapping
from uuid import UUID, uuid4

from apps.playground.draft import MAX_LANES, Draft
from apps.playground.script import Script, names_in
from apps.providers.chat import Role

MAX_TURNS = 40
MAX_VARIABLES = 50
TURN = re.compile(r"turn-(\d{1,3})-text")
LANE = re.compile(r"lane-(\d{1,2})")
IMAGE = "image-"

type Fields = dict[str, str]


def fields_of(draft: Draft) -> Fields:
    """The form as the draft would have been typed into it."""
    script = draft.script
    fields: Fields = {"system_prompt": script.system, "token": str(uuid4())}
    for number, turn in enumerate(script.turns):
        fields |= {f"turn-{number}-role": turn.role.value, f"turn-{number}-text": turn.text}
    fields |= {f"var-{name}": value for name, value in draft.values.items()}
    fields |= parameter_fields(script)
    fields |= {f"lane-{number}": pick.key if pick else "" for number, pick in enumerate(draft.picks, 1)}
    fields |= {f"{IMAGE}{image}": "1" for image in draft.images}
    if draft.stream:
        fields["stream"] = "on"
    if draft.prompt_id:
        fields |= {"prompt": str(draft.prompt_id), "prompt_number": str(draft.prompt_number)}
    return fields


def parameter_fields(script: Script) -> Fields:
    given = {"temperature": script.temperature, "top_p": script.top_p, "max_tokens": script.max_tokens}
    fields = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in given.items() if value is not None}
    return fields | {"stop": "\n".join(text.replace("\n", "\\n") for text in script.stop)}


def turn_numbers(fields: Mapping[str, str]) -> list[int]:
    """The turns' numbers in their order; the last of them may have been removed, so they need not be without gaps."""
    found = sorted(int(match[1]) for name in fields if (match := TURN.fullmatch(name)))
    return found[:MAX_TURNS] or [0]


def lane_numbers(fields: Mapping[str, str]) -> list[int]:
    found = sorted(int(match[1]) for name in fields if (match := LANE.fullmatch(name)))
    return [number for number in found if 1 <= number <= MAX_LANES] or [1]


def image_ids(fields: Mapping[str, str]) -> list[UUID]:
    """Those that are kept: their boxes are ticked."""
    found = []
    for name in fields:
        if name.startswith(IMAGE):
            try:
                found.append(UUID(name.removeprefix(IMAGE)))
            except ValueError:
                continue
    return found


def variable_names(fields: Mapping[str, str]) -> list[str]:
    """The variables of the texts as they stand."""
    texts = [fields.get("system_prompt", ""), *(fields.get(f"turn-{number}-text", "") for number in turn_numbers(fields))]
    return list(dict.fromkeys(name for text in texts for name in names_in(text)))[:MAX_VARIABLES]


def edited(fields: Fields, action: str) -> Fields:
    """The fields after one of the page's buttons: add_turn, remove_turn:N, add_lane, remove_lane:N. Any other leaves them as they are."""
    name, _, number = action.partition(":")
    match name:
        case "add_turn":
            return with_turn(fields)
        case "remove_turn":
            return {key: value for key, value in fields.items() if not key.startswith(f"turn-{number}-")}
        case "add_lane":
            return with_lane(fields)
        case "remove_lane":
            return without_lane(fields, number)
    return fields


def focus_after(fields: Mapping[str, str], action: str) -> str:
    """Where the focus goes after one of the page's buttons, as a CSS selector: to what is new, else to the neighbour of what went away."""
    name, _, number = action.partition(":")
    wanted = int(number) if number.isdecimal() else 1000
    match name:
        case "add_turn" | "remove_turn":
            turns = turn_numbers(fields)
            return f"#id_turn-{next((each for each in turns if each > wanted), turns[-1])}-text"
        case "add_lane" | "remove_lane":
            return f"#id_lane-{min(wanted, lane_numbers(fields)[-1])}"
    return ""


def with_turn(fields: Fields) -> Fields:
    """One more turn, of the other side."""
    last = turn_numbers(fields)[-1]
    role = Role.USER if fields.get(f"turn-{last}-role") == Role.ASSISTANT else Role.ASSISTANT
    return fields | {f"turn-{last + 1}-role": role.value, f"turn-{last + 1}-text": ""}


def with_lane(fields: Fields) -> Fields:
    last = lane_numbers(fields)[-1]
    return fields | {f"lane-{last + 1}": ""} if last < MAX_LANES else fields


def without_lane(fields: Fields, number: str) -> Fields:
    """The lanes after it move up."""
    picks = [fields.get(f"lane-{each}", "") for each in lane_numbers(fields) if str(each) != number]
    others = {key: value for key, value in fields.items() if not LANE.fullmatch(key)}
    return others | {f"lane-{each}": pick for each, pick in enumerate(picks or [""], 1)}
