"""The options of curl: which are read, which change nothing about the request, and which cannot be taken over (spec 02)."""

from dataclasses import dataclass
from typing import Literal

type Kind = Literal["read", "ignored", "refused"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `words` is the reason of a refusal, or a note for an ignored one that somebody may count on."""

    name: str
    kind: Kind
    takes_value: bool
    words: str = ""


_READ_WITH_VALUE = (
    "request", "url", "header", "data", "data-ascii", "data-raw", "data-binary", "data-urlencode", "json", "user", "cookie",
    "user-agent", "referer", "oauth2-bearer", "url-query",
)  # fmt: skip
_READ = ("get", "globoff")
_IGNORED_WITH_VALUE = (
    "output", "output-dir", "max-time", "connect-timeout", "retry", "retry-delay", "retry-max-time", "write-out", "cookie-jar",
    "dump-header", "stderr", "trace", "trace-ascii", "limit-rate", "max-redirs", "keepalive-time", "speed-limit", "speed-time",
    "max-filesize", "tls-max", "ciphers", "tls13-ciphers", "expect100-timeout", "noproxy", "capath", "create-file-mode",
)  # fmt: skip
_IGNORED = (
    "silent", "show-error", "include", "show-headers", "verbose", "buffer", "location", "compressed", "fail", "fail-with-body",
    "fail-early", "progress-bar", "progress-meter", "http1.0", "http1.1", "http2", "http2-prior-knowledge", "http3", "tlsv1",
    "tlsv1.0", "tlsv1.1", "tlsv1.2", "tlsv1.3", "ipv4", "ipv6", "keepalive", "tcp-nodelay", "tcp-fastopen", "remote-name",
    "remote-header-name", "basic", "create-dirs", "trace-time", "styled-output", "alpn", "sessionid", "disable", "post301",
    "post302", "post303", "retry-connrefused", "retry-all-errors", "path-as-is", "raw", "junk-session-cookies", "remove-on-error",
)  # fmt: skip
_NOTED = {
    "insecure": (False, "--insecure is left out: certificates are always checked."),
    "location-trusted": (False, "--location-trusted is left out: redirects are not followed, and a key goes to no other host."),
    "proxy": (True, "--proxy is left out: calls go out as this deployment is set up."),
    "proxy-user": (True, "--proxy-user is left out: calls go out as this deployment is set up."),
    "cacert": (True, "--cacert is left out: certificates are checked against the deployment's own list."),
}
_REFUSED = {
    "form": (True, "it sends a form with files, and a custom integration sends JSON"),
    "form-string": (True, "it sends a form, and a custom integration sends JSON"),
    "upload-file": (True, "it sends a file of your computer"),
    "config": (True, "it reads options from a file of your computer"),
    "netrc": (False, "it reads the credential from a file of your computer; write it as a header"),
    "netrc-file": (True, "it reads the credential from a file of your computer; write it as a header"),
    "cert": (True, "client certificates cannot be used here"),
    "key": (True, "client certificates cannot be used here"),
    "aws-sigv4": (True, "requests signed for AWS are set up under *Amazon Bedrock*"),
    "digest": (False, "only basic authentication can be written as a header"),
    "ntlm": (False, "only basic authentication can be written as a header"),
    "negotiate": (False, "only basic authentication can be written as a header"),
    "anyauth": (False, "only basic authentication can be written as a header"),
    "head": (False, "it asks for no answer at all"),
    "next": (False, "it makes several requests; paste one"),
    "range": (True, "it asks for a part of the answer only"),
    "time-cond": (True, "it makes the request depend on a date"),
    "continue-at": (True, "it continues a download"),
    "resolve": (True, "the name is resolved here, not in the command"),
    "connect-to": (True, "it sends the request to another host than it says"),
    "unix-socket": (True, "it calls a program on your own computer"),
    "abstract-unix-socket": (True, "it calls a program on your own computer"),
    "interface": (True, "it chooses a network of your own computer"),
    "variable": (True, "it uses curl's own variables; write their values instead"),
    "request-target": (True, "it sends another path than the address says"),
    "help": (False, "it only prints a text"),
    "version": (False, "it only prints a text"),
}

OPTIONS = {
    option.name: option
    for option in (
        *(Option(name, "read", True) for name in _READ_WITH_VALUE),
        *(Option(name, "read", False) for name in _READ),
        *(Option(name, "ignored", True) for name in _IGNORED_WITH_VALUE),
        *(Option(name, "ignored", False) for name in _IGNORED),
        *(Option(f"no-{name}", "ignored", False) for name in _IGNORED),
        *(Option(name, "ignored", takes, words) for name, (takes, words) in _NOTED.items()),
        *(Option(name, "refused", takes, words) for name, (takes, words) in _REFUSED.items()),
    )
}
SHORT = {
    "X": "request", "H": "header", "d": "data", "u": "user", "b": "cookie", "A": "user-agent", "e": "referer", "G": "get",
    "k": "insecure", "s": "silent", "S": "show-error", "i": "include", "v": "verbose", "N": "no-buffer", "L": "location",
    "f": "fail", "o": "output", "O": "remote-name", "J": "remote-header-name", "m": "max-time", "w": "write-out",
    "c": "cookie-jar", "D": "dump-header", "x": "proxy", "U": "proxy-user", "g": "globoff", "4": "ipv4", "6": "ipv6",
    "0": "http1.0", "1": "tlsv1", "#": "progress-bar", "q": "disable", "j": "junk-session-cookies", "y": "speed-time",
    "Y": "speed-limit", "I": "head", "F": "form", "T": "upload-file", "K": "config", "E": "cert", "n": "netrc", "r": "range",
    "z": "time-cond", "C": "continue-at", ":": "next", "h": "help", "V": "version",
}  # fmt: skip
