"""What is kept of inputs and outputs, by the choice of each workspace (spec 06, Traces): applied before anything is written down.

Choices are kept in memory. While one is not known, no texts are kept: it may say so. Whoever finds a route reads it before (`preload`).
"""

import re
import threading
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import msgspec

from apps.audit.chain import PLATFORM
from apps.audit.watch import on_change
from apps.traces.masking import Masks, TooSlow, masks_for
from apps.traces.models import CaptureMode, CapturePolicy
from apps.traces.record import TraceRecord

MOST_KEPT = 250_000  # characters of a text: masking them takes the event loop's time
EDGE = 400  # characters, more than anything that is masked and could not be told by its first half
MOST_READ = MOST_KEPT + EDGE + 1  # characters of a text that decide about what is kept of it
MAX_NAME, MAX_ERROR = 200, 2_000
SAID = 40  # characters by which a provider's words are found in a sentence that may have been cut
QUOTED = re.compile("“.*”", re.DOTALL)
THE_REST = "… [the rest is not kept]"
NOT_MASKED = "[not kept: masking it took too long]"


@dataclass(frozen=True, slots=True)
class Policy:
    """A workspace's choice, ready for use."""

    mode: CaptureMode
    masks: Masks
    body_limit: int

    @classmethod
    def of(cls, row: CapturePolicy) -> Self:
        # Names that nobody has, and errors, are kept by every choice but the last: nobody can have wanted more of them than of texts.
        every = row.mode == CaptureMode.METADATA
        masks = masks_for(row.mask_emails or every, row.mask_cards or every, row.mask_keys or every, tuple(row.patterns))
        return cls(CaptureMode(row.mode), masks, min(row.body_limit, MOST_KEPT))

    def apply(self, entry: TraceRecord) -> TraceRecord:
        """The record as it may be written."""
        kept_input, kept_output = self.text(entry.input), self.text(entry.output)
        is_plain = entry.model_id is not None and not entry.error_code
        if is_plain and kept_input is entry.input and kept_output is entry.output:
            return entry  # nearly always
        changes = {"input": kept_input, "output": kept_output, "model_name": entry.model_name[:MAX_NAME]}
        if entry.model_id is None:
            changes["model_name"] = self.words(changes["model_name"])
        return msgspec.structs.replace(entry, **changes, **self._error(entry))

    def _error(self, entry: TraceRecord) -> dict[str, str]:
        message, hint, said = entry.error_message[:MAX_ERROR], entry.error_hint[:MAX_ERROR], entry.provider_message[:MAX_ERROR]
        if self.mode == CaptureMode.METADATA:
            message, hint, said = without_words(message, said), without_words(hint, said), ""
        return {"error_message": self.words(message), "error_hint": self.words(hint), "provider_message": self.words(said)}

    def words(self, text: str) -> str:
        """A short text that every choice keeps, masked unless everything is kept."""
        if self.mode == CaptureMode.EVERYTHING:
            return text
        try:
            return self.masks.mask(text)
        except (TooSlow, ValueError):  # a call leaves its trace whatever is said in it
            return NOT_MASKED

    def text(self, text: str) -> str:
        """As this choice keeps it; the same object where nothing is changed."""
        if self.mode == CaptureMode.METADATA:
            return ""
        if len(text) <= self.body_limit:
            return self.words(text)
        # Masked before it is cut: half a card number would pass for none. So would what ends where the reading does; that goes.
        beginning = text[: self.body_limit + EDGE]
        masked = self.words(beginning)
        kept = masked[: self.body_limit if beginning == text else min(self.body_limit, len(masked) - EDGE)]
        return f"{kept[: word_end(kept)]}{THE_REST}"


def without_words(message: str, said: str) -> str:
    """An error without what others said in it: names and values that were asked for stand in quotes, a provider's words at the end."""
    if said and (place := message.find(said[:SAID])) >= 0:
        message = message[:place].rstrip(": “") + "."
    return QUOTED.sub("“…”", message)


def word_end(text: str) -> int:
    """Where the last whole word ends; the text's end where it has none near."""
    place = max(text.rfind(mark, len(text) - EDGE) for mark in (" ", "\n", '"', ","))
    return place if place > 0 else len(text)


DEFAULT = Policy.of(CapturePolicy())
UNKNOWN = Policy.of(CapturePolicy(mode=CaptureMode.METADATA))

_known: dict[UUID, Policy] = {}
_asked: set[UUID] = set()  # to be read from the database, for the first time or anew
_lock = threading.Lock()


def policy_for(workspace_id: UUID) -> Policy | None:
    """From memory; None where it has not been read yet, which is then done in the background."""
    policy = _known.get(workspace_id)
    if policy is None:
        _asked.add(workspace_id)
    return policy


def preload(workspace_id: UUID) -> None:
    """Read a workspace's choice if it is not known: for those who ask the database anyway, before a call."""
    if workspace_id not in _known or workspace_id in _asked:
        load({workspace_id})


def refresh() -> None:
    """Read what was asked for, or has changed."""
    if _asked:
        load(set(_asked))


def load(workspace_ids: set[UUID]) -> None:
    with _lock:
        _asked.difference_update(workspace_ids)
        try:
            rows = {row.workspace_id: row for row in CapturePolicy.objects.filter(pk__in=workspace_ids)}
        except Exception:
            _asked.update(workspace_ids)
            raise
        for each in workspace_ids:
            row = rows.get(each)
            _known[each] = Policy.of(row) if row else DEFAULT


def _changed(chain: str) -> None:
    """Read it again soon. Until then the one before holds: any change of a workspace comes by here."""
    if chain == PLATFORM:  # changes may have been missed
        _asked.update(_known)
        return
    workspace_id = UUID(chain)
    if workspace_id in _known:
        _asked.add(workspace_id)


on_change(_changed)
