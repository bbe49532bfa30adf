"""Signed checkpoints (Ed25519): proof of how far a chain had got, for the day when its end is missing."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from apps.audit.chain import canonical, timestamp
from apps.audit.models import AuditCheckpoint
from apps.core.datakeys import PLATFORM, data_keys
from apps.core.keyring import UnwrapError, decode, encode
from apps.core.models import DataKey

CHECKPOINT_FORMAT = "patchbay-checkpoint-1"
CHECKPOINT_EVERY = 1_000  # events; verify_audit adds one after every good run besides
SIGNING = "audit-signing"


def sign_checkpoint(chain: str, sequence: int, event_hash: str) -> AuditCheckpoint:
    """Keep a signed checkpoint, or the one there is for this event."""
    key = data_keys().newest(PLATFORM, SIGNING)
    checkpoint = AuditCheckpoint(chain=chain, sequence=sequence, hash=event_hash, created_at=timezone.now(), key_id=key.id)
    checkpoint.signature = encode(Ed25519PrivateKey.from_private_bytes(key.key).sign(signed_content(checkpoint)))
    AuditCheckpoint.objects.bulk_create([checkpoint], ignore_conflicts=True)
    return AuditCheckpoint.objects.get(chain=chain, sequence=sequence)


def signature_problem(checkpoint: AuditCheckpoint) -> str:
    """A sentence that says what is wrong with the signature; "" if it holds."""
    try:
        public_key(checkpoint.key_id).verify(decode(checkpoint.signature), signed_content(checkpoint))
    except (InvalidSignature, ValueError):
        return f"The signature of the checkpoint at {checkpoint.sequence} does not hold."
    except (DataKey.DoesNotExist, UnwrapError):
        return f"The key that signed the checkpoint at {checkpoint.sequence} cannot be read."
    return ""


def signed_content(checkpoint: AuditCheckpoint) -> bytes:
    """The bytes that are signed."""
    return canonical(
        {
            "format": CHECKPOINT_FORMAT,
            "chain": checkpoint.chain,
            "sequence": checkpoint.sequence,
            "hash": checkpoint.hash,
            "created_at": timestamp(checkpoint.created_at),
            "key_id": checkpoint.key_id,
        }
    )


def signing_key_id() -> str:
    """The ID of the key that signs now."""
    return data_keys().newest(PLATFORM, SIGNING).id


def public_key(key_id: str) -> Ed25519PublicKey:
    """The public half of a signing key. Raises DataKey.DoesNotExist, UnwrapError; ValueError for a key made for something else."""
    key = data_keys().by_id(key_id)
    if key.purpose != SIGNING:
        raise ValueError(f"{key_id} is not a signing key.")
    return Ed25519PrivateKey.from_private_bytes(key.key).public_key()


def public_key_text(key_id: str) -> str:
    """The public key's 32 bytes as URL-safe base64: what a reviewer keeps."""
    return encode(public_key(key_id).public_bytes(Encoding.Raw, PublicFormat.Raw))
