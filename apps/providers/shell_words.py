r"""One command of bash, split into words as bash would, without ever running anything (spec 02, Paste a cURL command).

Quoting is read in full: single, double, `$'...'`, backslash, line continuations, comments, here-documents. What would run something or
depends on the machine (substitutions, pipes, redirections, file name patterns, braces) is refused, with its place. A variable becomes
a mark within its word, `\0NAME\0`: no argument of a command can hold a NUL.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from apps.providers.imported import MAX_PLACEHOLDERS, ImportRefused
from apps.providers.scanning import Scanner

MAX_COMMAND = 1 << 16  # characters
MARK = "\0"

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=\-]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# `${api-key}` is a default value to bash, and a plain placeholder in documentation: it is asked for, never worked out.
_BRACED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_ANGLE = re.compile(r"<([A-Za-z][A-Za-z0-9_.-]*)>")
_BLANK_AFTER_BACKSLASH = re.compile(r"\\[ \t]+\r?(\n|$)")
_HEREDOC = re.compile(r"<<(-?)[ \t]*(?:'([\w-]+)'|\"([\w-]+)\"|([\w-]+))(?=[ \t\r\n]|$)")
_FIRST_LINE_PROMPT = re.compile(r"\s*[$%][ \t]+(?=\S)")
_NEXT_LINE_PROMPT = re.compile(r">(?: |$)")
_LINE_END = re.compile(r"\r?\n")
_END_OF_LINE = re.compile(r"\\(\r?\n|$)")
_WINDOWS_END = re.compile(r"\^[ \t]*\r?\n")
_HEX = {"x": re.compile(r"[0-9A-Fa-f]{1,2}"), "u": re.compile(r"[0-9A-Fa-f]{1,4}"), "U": re.compile(r"[0-9A-Fa-f]{1,8}")}
_OCTAL = re.compile(r"[0-7]{1,3}")
_ANSI_ESCAPES = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip

_TYPOGRAPHIC = "“”„\u2018\u2019«»"
_OPERATORS = {
    "|": "Here a pipe begins, and what follows it would run as another program. Leave out everything from “|” on.",
    "&&": "Here a second command begins. Paste the curl command alone.",
    "&": "An unquoted “&” ends the command here. Put the address into double quotes.",
    ";": "Here a second command begins. Paste the curl command alone.",
    "(": "Here a subshell begins, which is never run. Paste the curl command alone.",
    ")": "This “)” belongs to no part of a curl command. Paste the command alone.",
    ">": "Here the output is redirected to a file. Leave out everything from “>” on.",
    "<": "Here the input is read from a file, which stays on your computer. Put the text itself into the command.",
    "`": "Backticks run another command, which is never done. Put its result here instead.",
}


@dataclass(frozen=True, slots=True)
class Word:
    r"""One argument; variables in it stand as `\0NAME\0`. `at` is where it begins in the text."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Command:
    """The words of one command, and its here-document, if it has one. `written` gives each variable as it was written."""

    words: tuple[Word, ...]
    heredoc: str | None
    written: dict[str, str]


def split_command(text: str) -> Command:
    """The words of the one command in this text. Raises ImportRefused with line and column."""
    return _Splitter(without_prompts(text)).command()


def without_comments(text: str) -> str:
    """The text without prompts and comments, which are no part of the command. Raises ImportRefused as `split_command` does."""
    splitter = _Splitter(without_prompts(text))
    splitter.command()
    kept, end = [], 0
    for start, stop in splitter.comments:
        kept.append(splitter.text[end:start])
        end = stop
    return "".join([*kept, splitter.text[end:]])


def refuse_at(text: str, at: int, message: str) -> NoReturn:
    """Raise ImportRefused for a character of the text, counted from 0."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    line = bisect_right(starts, at)
    raise ImportRefused(message, line, at - starts[line - 1] + 1)


def without_prompts(text: str) -> str:
    """The text without a terminal's prompts: `$ ` before the first line, and `> ` before every further one, or before none."""
    first = _FIRST_LINE_PROMPT.match(text)
    if not first:
        return text
    prompt = re.sub(r"[^\n]", " ", first.group())  # blanks of the same length: places in messages stay right
    lines = text[first.end() :].rstrip().split("\n")
    if len(lines) > 1 and all(_NEXT_LINE_PROMPT.match(line) for line in lines[1:]):
        return prompt + "\n".join([lines[0], *(line[2:] for line in lines[1:])])
    return prompt + text[first.end() :]


class _Splitter(Scanner):
    """One pass over the text, from `position` on."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.words: list[Word] = []
        self.parts: list[str] = []
        self.written: dict[str, str] = {}
        self.heredoc: str | None = None
        self.comments: list[tuple[int, int]] = []
        self.waiting: Callable[[], str] | None = None  # reads the here-document once its line is over
        self.in_braces = False  # whether an unquoted “{” has begun in the word at hand
        self.is_over = False  # a line has ended, and with it the command
        if len(text) > MAX_COMMAND:
            image = " If it holds an image, put a short text in its place." if ";base64," in text else ""
            raise ImportRefused(f"The command is longer than {MAX_COMMAND:,} characters.{image}")
        if "\0" in text:
            self.fail("The text holds a NUL character, which no command can.", text.index("\0"))

    def fail(self, message: str, at: int | None = None) -> NoReturn:
        refuse_at(self.text, self.position if at is None else at, message)

    def command(self) -> Command:
        while not self.at_end():
            self.between_words()
            if self.at_end():
                break
            if self.is_over:
                self.fail("Here a second command begins. Paste one command; lines that belong together end with “\\”.")
            self.word()
        if self.waiting:
            self.fail("The here-document that is announced here has no text.")
        return Command(tuple(self.words), self.heredoc, self.written)

    def between_words(self) -> None:
        """Step over blanks, continuations and comments; at the end of the command nothing may follow."""
        while char := self.peek():
            if char in " \t" or self.text.startswith("\r\n", self.position):
                self.position += 1
            elif char == "\n":
                self.end_of_line()
            elif char == "#":
                start, end = self.position, self.text.find("\n", self.position)
                self.position = len(self.text) if end < 0 else end
                self.comments.append((start, self.position))
            elif not self.continuation():
                return

    def end_of_line(self) -> None:
        self.position += 1
        if self.waiting:
            self.heredoc, self.waiting = self.waiting(), None
        self.is_over = bool(self.words)

    def continuation(self) -> bool:
        """Step over a backslash at the end of a line, if it comes next."""
        if not self.text.startswith("\\", self.position):
            return False
        if match := _END_OF_LINE.match(self.text, self.position):
            self.position = match.end()
            return True
        if _BLANK_AFTER_BACKSLASH.match(self.text, self.position):
            self.fail("After this “\\” there is a blank, so the line does not continue. Remove the blank.")
        return False

    # One word

    def word(self) -> None:
        start, self.parts, self.in_braces = self.position, [], False
        operator = self.heredoc_operator()
        while not operator and (char := self.peek()) and char not in " \t\n" and not self.text.startswith("\r\n", self.position):
            self.piece(char, start)
        if not operator:
            self.words.append(Word("".join(self.parts), start))

    def piece(self, char: str, start: int) -> None:
        if match := _PLAIN.match(self.text, self.position):
            self.plain(match.group())
        elif char == "'":
            self.single_quoted()
        elif char == '"':
            self.position += 1
            self.add(self.double_quoted('"'))
        elif char == "$":
            self.dollar()
        elif char == "\\":
            if not self.continuation():
                self.parts.append(self.text[self.position + 1])
                self.position += 2
        else:
            self.unquoted(char, start)

    def add(self, text: str) -> None:
        """One more piece of the word; no piece is empty."""
        if text:
            self.parts.append(text)

    def plain(self, text: str) -> None:
        if self.in_braces and ".." in text:
            self.refuse_braces()
        self.parts.append(text)
        self.position += len(text)

    def unquoted(self, char: str, start: int) -> None:
        if char == "<" and (match := _ANGLE.match(self.text, self.position)):
            self.variable(match.group(1), match.group())
            return
        if char in _OPERATORS:
            self.fail(_OPERATORS["&&" if self.text.startswith("&&", self.position) else char])
        if char in "*?[" and not _may_stand_in_address(char, self.parts):
            self.fail(f"An unquoted “{char}” is a pattern for file names. Put this word into quotes.")
        if char == "~" and not self.parts:
            self.fail("An unquoted “~” is your home directory. Put the text itself here.")
        if char in _TYPOGRAPHIC:
            self.fail(f"“{char}” is a typographic quote, which bash takes for text. Write ' or \" instead.")
        if char == "^" and _WINDOWS_END.match(self.text, self.position):
            self.fail("This is a command for Windows. Paste the one for bash.")
        self.watch_braces(char, start)
        self.parts.append(char)
        self.position += 1

    def watch_braces(self, char: str, start: int) -> None:
        if char == "{":
            self.in_braces = True
        elif char == "," and self.in_braces:
            self.refuse_braces()
        elif char == "!" and self.position == start and self.text[start + 1 : start + 2].isalnum():
            self.fail("An unquoted “!” recalls a command from the history. Put this word into quotes.")

    def refuse_braces(self) -> NoReturn:
        self.fail("Unquoted braces would be expanded to several words. Put this word into single quotes.")

    # Quotes

    def single_quoted(self) -> None:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            self.fail("This single quote is never closed.")
        self.add(self.text[self.position + 1 : end])
        self.position = end + 1

    def double_quoted(self, closing: str, *, inside: str = '$`"\\') -> str:
        """Text up to the closing sign (or to the end, for ""), in which variables and a few escapes count."""
        opened = self.position - 1
        found: list[str] = []
        outer, self.parts = self.parts, found
        while (char := self.peek()) != closing:
            if not char:
                self.fail("This double quote is never closed.", opened)
            elif char == "$":
                self.dollar(quoted=True)
            elif char == "`":
                self.fail(_OPERATORS["`"])
            elif char == "\\":
                self.escaped(inside)
            else:
                found.append(char)
                self.position += 1
        self.position += 1
        self.parts = outer
        return "".join(found)

    def escaped(self, inside: str) -> None:
        if match := _LINE_END.match(self.text, self.position + 1):
            self.position = match.end()
            return
        following = self.text[self.position + 1 : self.position + 2]
        self.parts.append(following if following and following in inside else "\\" + following)
        self.position += 1 + len(following)

    def ansi_quoted(self) -> None:
        r"""`$'...'`: escapes as in C. They may spell out single bytes, which must be UTF-8 together."""
        opened = self.position
        self.position += 2
        found = bytearray()
        while (char := self.peek()) != "'":
            if not char:
                self.fail("This $' quote is never closed.", opened)
            if char == "\\":
                found += self.ansi_escape()
            else:
                found += self.encoded(char)
                self.position += 1
        self.position += 1
        try:
            self.add(found.decode())
        except UnicodeDecodeError:
            self.fail("This $' quote spells out bytes that are not UTF-8 text.", opened)

    def ansi_escape(self) -> bytes:
        at = self.position
        letter = self.text[at + 1 : at + 2]
        if letter in _HEX and (match := _HEX[letter].match(self.text, at + 2)):
            self.position = match.end()
            return self.code(int(match.group(), 16), at, is_byte=letter == "x")
        if match := _OCTAL.match(self.text, at + 1):
            self.position = match.end()
            return self.code(int(match.group(), 8) & 0xFF, at, is_byte=True)
        if letter == "c":
            self.fail("Control characters (\\c) cannot be sent.")
        self.position += 1 + len(letter)
        return _ANSI_ESCAPES[letter].encode() if letter in _ANSI_ESCAPES else b"\\" + self.encoded(letter)

    def code(self, number: int, at: int, *, is_byte: bool) -> bytes:
        if number == 0:
            self.fail("This escape is a NUL character, which no argument can hold.", at)
        if is_byte:
            return bytes([number])
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            self.fail("This escape is not a character of Unicode (half of one, or beyond the last).", at)
        return chr(number).encode()

    def encoded(self, char: str) -> bytes:
        if "\ud800" <= char <= "\udfff":
            self.fail("This character is not valid Unicode (a lone surrogate).")
        return char.encode()

    # Variables

    def dollar(self, *, quoted: bool = False) -> None:
        following = self.text[self.position + 1 : self.position + 2]
        if following == "'" and not quoted:
            self.ansi_quoted()
        elif following == '"' and not quoted:
            self.fail('“$"” translates its text, which depends on your computer. Leave out the “$”.')
        elif following == "(":
            self.fail("“$(” runs another command, which is never done. Put its result here instead.")
        elif following == "[":
            self.fail("“$[” calculates, which is never done. Put the result here instead.")
        elif following == "{":
            self.braced_variable()
        elif match := _NAME.match(self.text, self.position + 1):
            self.variable(match.group(), "$" + match.group())
        elif following and (following.isdigit() or following in "@*#?$!-"):
            self.fail(f"“${following}” has no value here. Put the text itself in its place.")
        else:
            self.parts.append("$")
            self.position += 1

    def braced_variable(self) -> None:
        match = _BRACED.match(self.text, self.position)
        if not match:
            self.fail("Only ${NAME} can be asked for; put the text itself in the place of this expression.")
        self.variable(match.group(1), match.group())

    def variable(self, name: str, written: str) -> None:
        self.written.setdefault(name, written)
        if len(self.written) > MAX_PLACEHOLDERS:
            self.fail(f"This is one placeholder more than {MAX_PLACEHOLDERS}. Put the values themselves in the places of some.")
        self.parts.append(f"{MARK}{name}{MARK}")
        self.position += len(written)

    # Here-documents

    def heredoc_operator(self) -> bool:
        """Step over `<<EOF`, if it comes next; its text follows on the next line."""
        if not self.text.startswith("<<", self.position):
            return False
        match = _HEREDOC.match(self.text, self.position)
        if not match or self.waiting or self.heredoc is not None:
            self.fail("Only one here-document with a plain end mark (<<EOF) can be read. Put the text itself into the command.")
        dash, single, double, bare = match.groups()
        mark = single or double or bare
        self.position = match.end()
        self.waiting = lambda: self.heredoc_text(mark, strip_tabs=bool(dash), expands=bool(bare))
        return True

    def heredoc_text(self, mark: str, *, strip_tabs: bool, expands: bool) -> str:
        start = self.position
        lines: list[str] = []
        for line in self.text[start:].split("\n"):
            self.position += len(line) + 1
            line = line.removesuffix("\r")
            line = line.lstrip("\t") if strip_tabs else line
            if line == mark:
                self.position = min(self.position - 1, len(self.text))
                text = "".join(f"{line}\n" for line in lines)
                return self.expanded(text, start) if expands else text
            lines.append(line)
        self.fail(f"The here-document never ends: no line is just {mark}.", start)

    def expanded(self, text: str, start: int) -> str:
        inner = _Splitter(text)
        inner.written = self.written
        inner.position = 0
        try:
            return inner.double_quoted("", inside="$`\\") if text else ""
        except ImportRefused as refused:
            refuse_at(self.text, start, f"In the here-document: {refused.message}")


def _may_stand_in_address(char: str, parts: list[str]) -> bool:
    """Whether an unquoted `?` or `[` is part of an address: bash would look for a file of that name, and finds none.

    Of the word so far only the first and last pieces are looked at: it may have as many pieces as characters.
    """
    lead = "".join(part[:8] for part in parts[:8])
    is_address = lead.startswith(("http://", "https://", MARK))
    return is_address and (char == "?" or (char == "[" and "".join(part[-3:] for part in parts[-3:]).endswith("://")))
