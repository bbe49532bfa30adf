"""Where e-mail goes: EMAIL_URL, as Django's MAILERS wants it."""

from typing import Any

SECONDS = 10  # for a mail server to answer: somebody is waiting for the page


def mailer(parsed: dict[str, Any]) -> dict[str, Any]:
    """The default mailer. `parsed` is what django-environ reads from the address, for example smtp+tls://user:password@host:587."""
    backend = parsed["EMAIL_BACKEND"]
    if backend.endswith(".smtp.EmailBackend"):
        options = {
            "host": parsed["EMAIL_HOST"],
            "port": parsed["EMAIL_PORT"],
            "username": parsed["EMAIL_HOST_USER"],
            "password": parsed["EMAIL_HOST_PASSWORD"],
            "use_tls": parsed.get("EMAIL_USE_TLS", False),
            "use_ssl": parsed.get("EMAIL_USE_SSL", False),
            "timeout": SECONDS,
        }
    elif backend.endswith(".filebased.EmailBackend"):
        options = {"file_path": parsed["EMAIL_FILE_PATH"]}
    else:
        options = {}
    return {"BACKEND": backend, "OPTIONS": options}
