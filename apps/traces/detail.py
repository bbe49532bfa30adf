"""One trace as its page shows it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.safestring import SafeString

from apps.core.json_tree import Tree
from apps.providers.errors import in_words
from apps.traces.models import Status, Trace, TraceBody
from apps.traces.reading import Part, parts_of, parts_of_answer, pretty

OVERHEAD = 1.0  # milliseconds; less of our own is not worth a line
BEFORE, BETWEEN, AFTER = "Patchbay: route and limits", "Patchbay: wait before the next attempt", "Patchbay: until the end of the call"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the timing table. `start` and `width` are percent of the response time."""

    label: str
    milliseconds: float
    start: float
    width: float
    css: str = ""
    outcome: str = ""
    mark: float | None = None  # percent: where the first token came


@dataclass(frozen=True)
class Said:
    """Input or output: as text, and as JSON where it is JSON."""

    text: str
    parts: list[Part]
    as_json: bool  # asked for

    @cached_property
    def json(self) -> str:
        return pretty(self.text)

    @property
    def tree(self) -> SafeString:
        return Tree(rest="More values: the copy has them").render(json.loads(self.json))

    @property
    def shows_json(self) -> bool:
        return bool(self.as_json and self.json)


@dataclass(frozen=True)
class Detail:
    trace: Trace
    shown_as: Mapping[str, str]  # the query string: which of the two is to be shown as JSON

    @cached_property
    def body(self) -> TraceBody:
        """An empty one where the body has been deleted by the retention job, or was never kept."""
        return getattr(self.trace, "body", None) or TraceBody(trace_id=self.trace.pk)

    @cached_property
    def input(self) -> Said:
        return Said(self.body.input, parts_of(self.trace.api, self.body.input), self.shown_as.get("input") == "json")

    @cached_property
    def output(self) -> Said:
        return Said(self.body.output, parts_of_answer(self.body.output), self.shown_as.get("output") == "json")

    @property
    def kept(self) -> bool:
        return bool(self.body.input or self.body.output)

    @property
    def is_over(self) -> bool:
        """What was said has been deleted by the retention job. A workspace that keeps no texts has a body, an empty one."""
        return getattr(self.trace, "body", None) is None

    @property
    def error(self) -> Mapping[str, Any]:
        return self.body.error if isinstance(self.body.error, dict) else {}

    @property
    def error_code(self) -> str:
        return self.trace.error_code

    @cached_property
    def steps(self) -> list[Step]:
        """The attempts one after the other, and what was not spent in any. Together they took the response time."""
        return list(self.timeline())

    def timeline(self) -> Iterator[Step]:
        """A wait is drawn where it was, where the attempts say when they began; what is too short for a line goes to its neighbour."""
        attempts = [attempt for attempt in self.body.attempts if isinstance(attempt, dict)]
        total = max(self.trace.response_ms, 0.001)
        at = 0.0
        for number, attempt in enumerate(attempts, 1):
            began = self.began(attempts, number, at, total)
            if began - at >= OVERHEAD:
                yield own_step(BETWEEN if number > 1 else BEFORE, at, began, total)
                at = began
            code = str(attempt.get("error_code") or "")
            ends = total if not code and number == len(attempts) else min(began + float(attempt.get("ms", 0)), total)
            if number == len(attempts) and total - ends < OVERHEAD:
                ends = total
            yield self.attempt_step(attempt, number, (at, ends), total)
            at = ends
        if attempts and at < total:
            yield own_step(AFTER, at, total, total)

    def began(self, attempts: list[dict[str, Any]], number: int, at: float, total: float) -> float:
        """When the attempt began, in milliseconds. Records of old do not say; then all that was not spent in attempts came before."""
        said = attempts[number - 1].get("began_ms")
        if isinstance(said, int | float):
            return min(max(float(said), at), total)
        answered = not attempts[-1].get("error_code")
        if number > 1 or answered:
            return at
        return max(0.0, total - sum(float(attempt.get("ms", 0)) for attempt in attempts))

    def attempt_step(self, attempt: dict[str, Any], number: int, span: tuple[float, float], total: float) -> Step:
        at, ends = span
        code, first = str(attempt.get("error_code") or ""), self.trace.first_token_ms
        said = outcome(code, attempt.get("status"))
        if not code and number == self.trace.attempts and self.trace.status == Status.CANCELLED:
            said = "broken off by the caller"
        mark = None
        if first is not None and not code and self.trace.streamed and at <= first <= ends:
            mark, said = percent(first, total), f"{said}, first token after {first - at:,.0f} ms"
        label = f"Attempt {number}: {attempt.get('connection') or ''}"
        return Step(label, ends - at, percent(at, total), percent(ends - at, total), "bar--bad" if code else "", said, mark)


def own_step(label: str, at: float, ends: float, total: float) -> Step:
    return Step(label, ends - at, percent(at, total), percent(ends - at, total), "bar--muted")


def percent(part: float, total: float) -> float:
    """At least 1, so that the shortest step is seen."""
    return round(max(100 * part / total, 1 if part else 0), 1)


def outcome(code: str, status: object) -> str:
    answered = f"HTTP {status}" if status else ""
    return ", ".join(filter(None, (in_words(code), answered))) if code else "answered"
