"""Two versions of a prompt side by side in one column: what was there, what is new, and what stayed around it."""

import difflib
from dataclasses import dataclass

from apps.playground.models import PromptVersion
from apps.playground.script import Script

AROUND = 3  # unchanged lines that are shown beside a change


@dataclass(frozen=True, slots=True)
class Line:
    """`kind` is "same", "old", "new", or "gap" for lines that are left out."""

    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a prompt that differs."""

    label: str
    lines: tuple[Line, ...]


def compare(old: PromptVersion, new: PromptVersion) -> list[Section]:
    """The parts that differ, in the order of the page."""
    before, after = parts(old), parts(new)
    labels = list(dict.fromkeys([*before, *after]))
    return [
        Section(label, difference(before.get(label, ""), after.get(label, "")))
        for label in labels
        if before.get(label, "") != after.get(label, "")
    ]


def parts(version: PromptVersion) -> dict[str, str]:
    script = version.script
    turns = {f"{turn.role.capitalize()} turn {number}": turn.text for number, turn in enumerate(script.turns, 1)}
    if len(script.turns) == 1:
        turns = {"Prompt": script.turns[0].text}
    return {"Model": version.says_model, "System prompt": script.system, **turns, "Parameters": parameters(script)}


def parameters(script: Script) -> str:
    """One line for each that is set."""
    given = {"Temperature": script.temperature, "Top P": script.top_p, "Maximum output tokens": script.max_tokens}
    lines = [f"{label}: {value:g}" for label, value in given.items() if value is not None]
    return "\n".join([*lines, *(f"Stop sequence: {stop!r}" for stop in script.stop)])


def difference(old: str, new: str) -> tuple[Line, ...]:
    before, after = old.splitlines(), new.splitlines()
    lines: list[Line] = []
    for group in difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_grouped_opcodes(AROUND):
        if lines:
            lines.append(Line("gap"))
        for kind, from_old, to_old, from_new, to_new in group:
            if kind == "equal":
                lines += [Line("same", text) for text in before[from_old:to_old]]
                continue
            lines += [Line("old", text) for text in before[from_old:to_old]]
            lines += [Line("new", text) for text in after[from_new:to_new]]
    return tuple(lines)
