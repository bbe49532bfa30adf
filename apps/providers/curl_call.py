"""The words of a curl command, read as curl reads them: what it would send, before anything of it is understood."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import quote_plus

from apps.providers.curl_options import OPTIONS, SHORT, Option
from apps.providers.imported import ImportRefused
from apps.providers.masking import literal_pieces
from apps.providers.placeholders import MARKED, is_no_credential
from apps.providers.shell_words import MARK, Command, Word, refuse_at

_PROGRAMS = ("curl", "curl.exe", "/usr/bin/curl")
_OTHER_PROGRAMS = {
    "http": "This is HTTPie's command; paste the one for curl.",
    "wget": "This is a command of wget; paste the one for curl.",
    "export": "Leave out the line that sets a variable: its value is asked for after you paste the curl command.",
    "Invoke-WebRequest": "This is a command of PowerShell; paste the one for bash.",
    "Invoke-RestMethod": "This is a command of PowerShell; paste the one for bash.",
}


@dataclass(slots=True)
class CurlCall:
    """What the options say. Values may hold marks for placeholders; credentials show in no repr."""

    url: str = field(default="", repr=False)
    method: str = ""
    headers: list[str] = field(default_factory=list, repr=False)
    data: str | None = field(default=None, repr=False)
    query: list[str] = field(default_factory=list, repr=False)
    user: str = field(default="", repr=False)
    is_json: bool = False
    sends_query: bool = False  # -G: data goes into the address
    globs: bool = True
    notes: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list, repr=False)  # in options that are left out


def read_call(text: str, command: Command) -> CurlCall:
    """What the command would send. Raises ImportRefused, with the place in the text where there is one."""
    return _Reader(text, command).call()


class _Reader:
    def __init__(self, text: str, command: Command) -> None:
        self.text = text
        self.command = command
        self.result = CurlCall()
        self.heredoc = command.heredoc

    def call(self) -> CurlCall:
        self.check_program()
        words = iter(self.command.words[1:])
        only_addresses = False
        for word in words:
            if word.text == "--" and not only_addresses:
                only_addresses = True
            elif only_addresses or not word.text.startswith("-") or word.text == "-":
                self.address(word)
            elif word.text.startswith("--"):
                self.long(word, words)
            else:
                self.short(word, words)
        if not self.result.url:
            raise ImportRefused("The command has no address.")
        if self.heredoc is not None:
            raise ImportRefused("The here-document is used by no option. Only --data @- reads it.")
        return self.result

    def refuse(self, word: Word, message: str) -> NoReturn:
        refuse_at(self.text, word.at, message)

    def check_program(self) -> None:
        words = self.command.words
        if not words:
            raise ImportRefused("Paste a curl command: it begins with “curl”.")
        first = words[0].text
        if first in _PROGRAMS:
            return
        name, sign, _ = first.partition("=")
        if sign and name.isidentifier():
            self.refuse(words[0], _OTHER_PROGRAMS["export"])
        self.refuse(words[0], _OTHER_PROGRAMS.get(first, "A curl command begins with “curl”. Paste the whole command."))

    def address(self, word: Word) -> None:
        if word.text.startswith(("\u2013", "\u2014")):
            self.refuse(word, "This is a typographic dash. Write - or -- instead.")
        if self.result.url:
            self.refuse(word, "This is a second address, or a word without quotes around it. One request has one address.")
        if not word.text:
            self.refuse(word, "This address is empty.")
        self.result.url = word.text

    # Options

    def long(self, word: Word, words: Iterator[Word]) -> None:
        name = word.text[2:]
        option = OPTIONS.get(name)
        if option is None:
            flag, sign, _ = name.partition("=")
            if sign and flag in OPTIONS:
                self.refuse(word, f"curl takes no “=” after an option. Write --{flag} and then the value.")
            self.unknown(word, f"--{flag}")
        self.use(option, f"--{name}", word, next(words, None) if option.takes_value else None)

    def short(self, word: Word, words: Iterator[Word]) -> None:
        """Letters behind one dash; the first that takes a value takes the rest of the word, or the next word."""
        letters = word.text[1:]
        for index, letter in enumerate(letters):
            option = OPTIONS.get(SHORT.get(letter, ""))
            if option is None:
                self.unknown(word, f"-{letter}")
            if option.takes_value:
                rest = letters[index + 1 :]
                self.use(option, f"-{letter}", word, Word(rest, word.at) if rest else next(words, None))
                return
            self.use(option, f"-{letter}", word, None)

    def unknown(self, word: Word, flag: str) -> NoReturn:
        flag = flag if flag.isascii() and MARK not in flag else "here"
        self.refuse(word, f"The option {flag} is not known, so it is not known either whether a value follows. Leave it out.")

    def use(self, option: Option, written: str, word: Word, value: Word | None) -> None:
        if option.takes_value and value is None:
            self.refuse(word, f"The option {written} needs a value.")
        if option.kind == "refused":
            self.refuse(word, f"The option {written} cannot be taken over: {option.words}.")
        if option.kind == "ignored":
            self.result.notes += [option.words] if option.words else []
            if value is not None and option.name in ("proxy", "proxy-user"):
                self.result.secrets += _of_proxy(value.text, has_address=option.name == "proxy")
            return
        if option.name == "get":
            self.result.sends_query = True
        elif option.name == "globoff":
            self.result.globs = False
        elif value is not None:
            self.set(option.name, value)

    def set(self, name: str, value: Word) -> None:
        text = value.text
        match name:
            case "request":
                self.result.method = text
            case "url":
                self.address(value)
            case "header":
                self.header(value)
            case "user-agent" | "referer":
                self.result.headers.append(f"{name.title()}: {text}")
            case "oauth2-bearer":
                self.result.headers.append(f"Authorization: Bearer {text}")
            case "cookie":
                self.cookie(value)
            case "user":
                self.result.user = text
            case "url-query":
                self.result.query.append(self.pair(value))
            case _:
                self.add_data(name, value)

    def header(self, value: Word) -> None:
        if value.text.startswith("@"):
            self.refuse(value, "Headers from a file of your computer cannot be read. Write them into the command.")
        self.result.headers.append(value.text)

    def cookie(self, value: Word) -> None:
        if "=" not in value.text and MARK not in value.text:
            self.refuse(value, "Cookies from a file of your computer cannot be read. Write them as name=value.")
        self.result.headers.append(f"Cookie: {value.text}")

    # Data

    def add_data(self, name: str, value: Word) -> None:
        piece = self.pair(value) if name == "data-urlencode" else self.piece(name, value)
        self.result.is_json = self.result.is_json or name == "json"
        so_far = self.result.data
        between = "" if so_far is None or name == "json" else "&"
        self.result.data = (so_far or "") + between + piece

    def piece(self, name: str, value: Word) -> str:
        if not value.text.startswith("@") or name == "data-raw":
            return value.text
        text = self.file(value)
        return text if name == "data-binary" or name == "json" else text.replace("\r", "").replace("\n", "")

    def file(self, value: Word) -> str:
        if value.text != "@-":
            self.refuse(value, "“@” reads a file of your computer. Put the text itself into the command.")
        if self.heredoc is None:
            self.refuse(value, "“@-” reads what is typed or piped in. Put the text itself into the command.")
        text, self.heredoc = self.heredoc, None
        return text

    def pair(self, value: Word) -> str:
        """`name=content`, its content percent-encoded, as --data-urlencode does."""
        text = value.text
        if MARK in text:
            self.refuse(value, "A variable cannot stand in a value that is percent-encoded. Write the value itself.")
        name, sign, content = text.partition("=")
        if "@" in (name if sign else text):
            self.refuse(value, "“@” reads a file of your computer. Put the text itself into the command.")
        if not sign:
            return quote_plus(text)
        return f"{name}={quote_plus(content)}" if name else quote_plus(content)


def _of_proxy(text: str, *, has_address: bool) -> list[str]:
    """The credential in `name:password`, or in `http://name:password@proxy`. It is sent nowhere, and not to be shown again either."""
    login = text.rpartition("://")[2].rpartition("@")[0] if has_address else text
    name, _, password = login.partition(":")
    found = password or name
    if not found or is_no_credential(found):
        return []
    return literal_pieces(found, MARKED) if MARK in found else [found]
