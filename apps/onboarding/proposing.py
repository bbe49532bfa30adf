"""Paths: proposed after a test, filled by a click, checked on Confirm."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from apps.external_models.definition import Definition, Paths
from apps.inference.result import Result
from apps.onboarding.builder import Builder
from apps.onboarding.forms import path_problem
from apps.onboarding.slots import FIELDS, slots_of
from apps.providers.errors import ProviderError
from apps.providers.jsonread import parse_json, storable
from apps.providers.proposals import propose_paths


def testable(definition: Definition) -> Definition:
    """For a test, a path that is not right yet counts as not set: the request can be tried all the same."""
    paths = definition.paths
    kept = (path if path and not path_problem(path) else "" for path in (paths.output, paths.input_tokens, paths.output_tokens))
    return replace(definition, paths=Paths(*kept))


def with_proposals(data: dict[str, Any], result: Result) -> dict[str, Any]:
    """The page's fields with proposals in the empty path fields, where the response has a shape that is recognized."""
    if not result.answered or result.received is None or result.received.cut:
        return data
    try:
        proposals = propose_paths(storable(parse_json(result.received.text.encode("utf-8", "replace"))))
    except ProviderError:
        return data
    proposed = {"output_path": proposals.output, "input_tokens_path": proposals.input_tokens, "output_tokens_path": proposals.output_tokens}
    filled = data | {name: path for name, path in proposed.items() if path and not str(data.get(name, "")).strip()}
    return filled | {"armed": next_slot(filled, "c")}


def picked(builder: Builder, path: str) -> dict[str, Any]:
    """The fields after a click: the path in the armed slot, the next empty slot armed."""
    slot = builder.armed if builder.armed in FIELDS else "a"
    data = {**builder.data, FIELDS[slot]: path}
    return data | {"armed": next_slot(data, slot)}


def next_slot(data: Mapping[str, Any], current: str) -> str:
    """The first empty slot; the current one when none is."""
    return next((key for key, name in FIELDS.items() if not str(data.get(name, "")).strip()), current)


def check_paths(builder: Builder) -> bool:
    """On Confirm with a test: each path must find something in the response it was tested on."""
    for slot in slots_of(builder) if builder.definition.is_template else ():
        if slot.problem and builder.document is not None:
            builder.form.add_error(slot.field, slot.problem)
    return not builder.form.errors
