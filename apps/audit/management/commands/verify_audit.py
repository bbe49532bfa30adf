"""manage.py verify_audit: check the audit log's chains, for cron. Exit code 1 when one does not verify."""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from apps.audit import triggers
from apps.audit.actions import record_failure, verify_and_record
from apps.audit.chain import PLATFORM, timestamp
from apps.audit.checkpoints import public_key_text, signing_key_id
from apps.audit.models import AuditCheckpoint
from apps.audit.record import SYSTEM
from apps.audit.verify import Verdict, chains

PROGRESS_EVERY = 100_000


class Command(BaseCommand):
    help = "Verify the audit log's hash chains and signed checkpoints. Exit code 1 when something is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", metavar="SLUG_OR_ID", help='only this one; "platform" for the platform\'s own chain')
        parser.add_argument("--json", action="store_true", help="a JSON document instead of lines")
        parser.add_argument("--public-key", action="store_true", help="print the key that checkpoints are signed with, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["public_key"]:
            key_id = signing_key_id()
            self.stdout.write(f"{key_id} {public_key_text(key_id)}")
            return
        chosen = [_chain(options["workspace"])] if options["workspace"] else chains()
        absent = triggers.missing(connection)
        verdicts = [verify_and_record(chain, actor=SYSTEM, progress=self._progress) for chain in chosen]
        if absent:
            record_failure(PLATFORM, _absent_text(absent), actor=SYSTEM)
        if options["json"]:
            self.stdout.write(json.dumps({"chains": [_as_json(verdict) for verdict in verdicts], "missing_triggers": absent}, indent=2))
        else:
            self._print(verdicts, absent)
        if absent or not all(verdict.ok for verdict in verdicts):
            raise CommandError("The audit log does not verify.")

    def _progress(self, checked: int) -> None:
        if checked % PROGRESS_EVERY == 0:
            self.stderr.write(f"  {checked:,} events checked")

    def _print(self, verdicts: list[Verdict], absent: list[str]) -> None:
        for verdict in verdicts:
            if verdict.ok:
                self.stdout.write(f"{verdict.chain}: ok, {verdict.checked:,} events, last hash {verdict.last_hash}")
            else:
                self.stdout.write(f"{verdict.chain}: FAILED at event {verdict.first_bad}: {verdict.reason}")
        if not verdicts:
            self.stdout.write("The audit log is empty.")
        if absent:
            self.stdout.write(_absent_text(absent))


def _chain(workspace: str) -> str:
    if workspace == PLATFORM:
        return PLATFORM
    try:
        return str(UUID(workspace))
    except ValueError:
        pass
    # By name, because audit stands below accounts and knows workspaces as text only.
    found = apps.get_model("accounts", "Workspace")._base_manager.filter(slug=workspace).values_list("pk", flat=True).first()
    if found is None:
        raise CommandError(f"There is no workspace {workspace!r}. Give its slug, its ID or {PLATFORM!r}.")
    return str(found)


def _absent_text(absent: list[str]) -> str:
    return f"The database no longer refuses changes to the log; these triggers are missing: {', '.join(absent)}."


def _as_json(verdict: Verdict) -> dict[str, object]:
    checkpoint = AuditCheckpoint.objects.filter(chain=verdict.chain).order_by("-sequence").first()
    return {
        "chain": verdict.chain,
        "ok": verdict.ok,
        "checked": verdict.checked,
        "last_hash": verdict.last_hash,
        "first_bad": verdict.first_bad,
        "reason": verdict.reason,
        "checkpoint": checkpoint
        and {
            "sequence": checkpoint.sequence,
            "hash": checkpoint.hash,
            "created_at": timestamp(checkpoint.created_at),
            "key_id": checkpoint.key_id,
            "signature": checkpoint.signature,
        },
    }
