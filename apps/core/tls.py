"""TLS for calls out: one context, always verifying, and what a failed handshake means in words (spec 07 B5)."""

import ssl
from functools import cache

import certifi

from apps.core.outbound import Failure, OutboundError

# OpenSSL's reasons when the other side does not speak TLS at all.
NOT_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "BAD_RECORD_TYPE"}
)
WANTS_CLIENT_CERTIFICATE = frozenset({"TLSV13_ALERT_CERTIFICATE_REQUIRED"})
TOO_OLD = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW", "NO_PROTOCOLS_AVAILABLE"})
ASK_CA = "If the server uses a private CA, platform staff can add it (PATCHBAY_CA_FILE)."
WRONG_NAME = ("The certificate is for another name than {host}.", "Use the name that the certificate was issued for.")
SELF_SIGNED = ("The certificate of {host} is self-signed, or its CA is not one that is trusted here.", ASK_CA)
UNKNOWN_CA = (
    "The certificate of {host} is from a CA that is not known here, or the server leaves out an intermediate certificate.",
    ASK_CA,
)
CERTIFICATE_FAULTS = {  # by OpenSSL's X509_V_ERR numbers, those that a person can do something about
    9: ("The certificate of {host} is not valid yet.", "Check the clocks of both servers."),
    10: ("The certificate of {host} has expired.", "The server's operator has to renew it."),
    18: SELF_SIGNED,
    19: SELF_SIGNED,
    20: UNKNOWN_CA,
    21: UNKNOWN_CA,
    62: WRONG_NAME,
    64: WRONG_NAME,
}


@cache
def client_context(ca_file: str) -> ssl.SSLContext:
    """The context of every TLS connection: public CAs and, where set, the deployment's own. There is no way not to verify.

    Raises OutboundError(tls_failed) where the CA file cannot be read.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError:  # ssl.SSLError is one too
            raise OutboundError(
                Failure.TLS_FAILED,
                "The file with this deployment's own CA cannot be read.",
                "Platform staff: PATCHBAY_CA_FILE must name a readable file of PEM certificates.",
            ) from None
    return context


def explain(error: ssl.SSLError, host: str) -> OutboundError:
    """What went wrong in a handshake with `host`."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _tls_failed(*_explain_certificate(error, host))
    if error.reason in NOT_TLS:
        return _tls_failed(f"{host} does not speak TLS on this port.", "If it serves plain http there, scheme or port are wrong.")
    if error.reason in TOO_OLD:
        return _tls_failed(f"{host} offers only TLS versions older than 1.2.", "The server has to be updated.")
    if error.reason in WANTS_CLIENT_CERTIFICATE:
        return _tls_failed(f"{host} asks for a client certificate, which this product does not send.", "Use a key or token instead.")
    return _tls_failed(f"The TLS connection to {host} failed: {_readable(error)}.")


def interrupted(host: str) -> OutboundError:
    """The server hung up in the middle of the handshake."""
    return _tls_failed(f"{host} closed the connection during the TLS handshake.", "Check that this port serves https.")


def _explain_certificate(error: ssl.SSLCertVerificationError, host: str) -> tuple[str, str]:
    if error.verify_code in CERTIFICATE_FAULTS:
        message, hint = CERTIFICATE_FAULTS[error.verify_code]
        return message.format(host=host), hint
    return f"The certificate of {host} is not valid: {error.verify_message}.", ASK_CA


def _readable(error: ssl.SSLError) -> str:
    return (error.reason or "unknown reason").replace("_", " ").lower()


def _tls_failed(message: str, hint: str = "") -> OutboundError:
    return OutboundError(Failure.TLS_FAILED, message, hint)
