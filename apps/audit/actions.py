"""What is done with the log itself, and recorded in it."""

from django.db import DatabaseError, transaction

from apps.audit.chain import PLATFORM
from apps.audit.checkpoints import sign_checkpoint
from apps.audit.events import Event
from apps.audit.record import Actor, Outcome, Target, record, workspace_of
from apps.audit.verify import Progress, Verdict, silent, verify_chain


def verify_and_record(chain: str, *, actor: Actor, progress: Progress = silent) -> Verdict:
    """Verify a chain, and record that. A good run signs a checkpoint at the end it found."""
    verdict = verify_chain(chain, progress)
    if verdict.ok:
        _record_success(verdict, actor)
    else:
        record_failure(chain, verdict.reason, actor=actor)
    return verdict


@transaction.atomic
def _record_success(verdict: Verdict, actor: Actor) -> None:
    if verdict.checked:
        sign_checkpoint(verdict.chain, verdict.checked, verdict.last_hash)
    changes = {"checked": verdict.checked, "last_hash": verdict.last_hash}
    record(Event.AUDIT_VERIFIED, actor=actor, workspace=workspace_of(verdict.chain), target=_target(verdict.chain), changes=changes)


def record_failure(chain: str, reason: str, *, actor: Actor) -> bool:
    """Say in the chain itself, for its reviewers, and in the platform's that it does not verify. False if neither takes events any more.

    A broken chain may refuse the event (its next number is taken, say): that must not hide the failure from the other.
    """
    written = [_write_failure(chain, kept_in, reason, actor) for kept_in in dict.fromkeys((chain, PLATFORM))]
    return any(written)


def _write_failure(chain: str, kept_in: str, reason: str, actor: Actor) -> bool:
    try:
        with transaction.atomic():
            record(
                Event.AUDIT_VERIFICATION_FAILED,
                actor=actor,
                workspace=workspace_of(kept_in),
                target=_target(chain),
                outcome=Outcome.FAILED,
                description=reason,
            )
    except (DatabaseError, ValueError):  # ValueError: a forged chain name that is no workspace's ID
        return False
    return True


def _target(chain: str) -> Target:
    return Target("audit.chain", chain, chain)
