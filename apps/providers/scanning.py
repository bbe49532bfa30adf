"""What the two small parsers share: a position in a text, blanks, and JSON's unicode escapes."""

import re
from typing import NoReturn

_BLANKS = re.compile(r"[ \t\r\n]*")
_HEX = re.compile(r"[0-9A-Fa-f]{4}")


class Scanner:
    """A text and the place up to which it is read. Subclasses say how a problem is reported."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def fail(self, message: str, at: int | None = None) -> NoReturn:
        """Report a problem at a character counted from 0, by default the one at hand."""
        raise NotImplementedError

    def peek(self) -> str:
        """The next character; "" at the end."""
        return self.text[self.position : self.position + 1]

    def at_end(self) -> bool:
        """Whether everything is read."""
        return self.position >= len(self.text)

    def skip_blanks(self) -> None:
        """Step over what JSON calls white space."""
        match = _BLANKS.match(self.text, self.position)
        self.position = match.end() if match else self.position

    def take(self, sign: str) -> bool:
        """Step over this text if it comes next."""
        if not self.text.startswith(sign, self.position):
            return False
        self.position += len(sign)
        return True

    def unicode_escape(self) -> str:
        r"""The character of a `\uXXXX` escape, or of two that make up one; half a character is refused."""
        start = self.position
        unit = self._code_unit()
        if not 0xD800 <= unit <= 0xDFFF:
            return chr(unit)
        low = self._code_unit() if unit < 0xDC00 and self.text.startswith("\\u", self.position) else 0
        if not 0xDC00 <= low <= 0xDFFF:
            self.fail("This escape is half of a character (a lone surrogate).", start)
        return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))

    def _code_unit(self) -> int:
        match = _HEX.match(self.text, self.position + 2)
        if not match:
            self.fail("“\\u” needs four hexadecimal digits.")
        self.position = match.end()
        return int(match.group(), 16)
