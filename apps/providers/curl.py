"""A pasted cURL command as a request of a custom integration (spec 02, Quicker ways in). Nothing of it is ever run."""

import base64
import re
from dataclasses import dataclass, field, replace

from apps.providers.curl_call import CurlCall, read_call
from apps.providers.imported import MAX_HEADERS, Answers, ImportedHeader, ImportedRequest, ImportRefused, LooksSecret, Question
from apps.providers.imported_address import read_address
from apps.providers.imported_body import read_body
from apps.providers.masking import literal_pieces
from apps.providers.placeholders import IN_HEADER, MARKED, Marks, as_name, is_no_credential, names_in
from apps.providers.shell_words import Command, Word, split_command

METHODS = ("POST", "GET", "PUT", "PATCH")
# Set by the connection itself, or about how the body travels: nothing to take over.
_DROPPED = frozenset(
    {"host", "content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"}
    | {"accept-encoding"}
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,19}) +(?=\S)")


def import_curl(text: str, *, looks_secret: LooksSecret, answers: Answers | None = None) -> ImportedRequest:
    """The request that the command would send, as far as the answers go; what is still open stands in `questions`.

    Raises ImportRefused with the reason and, where there is one, the place. Give the answers by the names of the questions.
    """
    given = {name: answer for name, answer in (answers or {}).items() if answer}
    command = split_command(text)
    marks = Marks(given, dict(command.written))
    filled = replace(
        command,
        words=tuple(Word(marks.fill(word.text), word.at) for word in command.words),
        heredoc=marks.fill(command.heredoc) if command.heredoc is not None else None,
    )
    return _request(read_call(text, filled), marks, looks_secret, command)


def _request(call: CurlCall, marks: Marks, looks_secret: LooksSecret, command: Command) -> ImportedRequest:
    headers = _Headers(marks, looks_secret)
    headers.notes += call.notes
    if call.user:
        headers.add_basic(call.user)
    for line in call.headers:
        headers.add_line(line)
    data = call.data
    if call.sends_query and data is not None:
        call.query.append(data)
        data = None
    address = read_address(call.url, tuple(call.query), marks, globs=call.globs)
    for header in address.headers:
        headers.add(header.name, header.prefix + header.value)
    body = read_body(data, address.url, marks)
    request = ImportedRequest(
        method=_method(call, data),
        url=body.url,
        headers=tuple(headers.found),
        body=body.template,
        literal_body=body.literal,
        parameters=tuple((name, "") for name in address.parameters),
        replacements=body.replacements,
        paths=body.paths,
        questions=(*headers.questions, *address.questions, *body.questions),
        notes=(*address.notes, *headers.notes, *body.notes),
        needs_profile=address.needs_profile,
    )
    pasted = (*call.secrets, *headers.secrets, *address.secrets, *body.secrets)
    return replace(request, questions=_once(request.questions), secrets=tuple(dict.fromkeys(pasted)))


def _once(questions: tuple[Question, ...]) -> tuple[Question, ...]:
    """Each placeholder is asked for once; it is a secret if any of its places is."""
    by_name: dict[str, Question] = {}
    for question in questions:
        known = by_name.get(question.name)
        if known is None or (question.secret and not known.secret):
            by_name[question.name] = question
    return tuple(by_name.values())


def _method(call: CurlCall, data: str | None) -> str:
    method = call.method.upper() or ("GET" if data is None else "POST")
    if method not in METHODS:
        raise ImportRefused(f"The method is {method[:20] or 'empty'}; a custom integration sends POST, GET, PUT or PATCH.")
    return method


@dataclass(slots=True)
class _Headers:
    """Collects the headers, with what has to be asked for them."""

    marks: Marks
    looks_secret: LooksSecret
    found: list[ImportedHeader] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list, repr=False)

    def add_line(self, line: str) -> None:
        name, colon, value = line.partition(":")
        if not colon:
            if not line.endswith(";"):
                raise ImportRefused("A header is written “Name: value”. One of them has no colon.")
            name, value = line[:-1], ""
        elif not value.strip():
            self.notes.append(f"The header {name.strip()} has no value and is left out.")
            return
        if "\0" in name:
            raise ImportRefused("The name of a header cannot be a placeholder.")
        self.add(name.strip(), value.strip(" \t"))

    def add_basic(self, user: str) -> None:
        """`-u name:password` is a header that both are encoded in, so it can only be made when both are known."""
        open_names = names_in(user)
        self.questions += [Question(name, self.marks.written[name], "the password of -u", "Authorization", "", True) for name in open_names]
        if not open_names and ":" not in user:
            raise ImportRefused("-u has no password, so curl would ask for it. Write name:password.")
        encoded = "" if open_names else base64.b64encode(user.encode()).decode()
        name, _, password = user.partition(":")
        self.secrets += literal_pieces(password or name, MARKED) if open_names else [password or name, encoded]
        self.found.append(ImportedHeader("Authorization", encoded, True, "Basic "))

    def add(self, name: str, value: str) -> None:
        if len(self.found) >= MAX_HEADERS:
            raise ImportRefused(f"The request has more than {MAX_HEADERS} headers.")
        known = next((header for header in self.found if header.name.lower() == name.lower()), None)
        if name.lower() in _DROPPED or name.lower().startswith("proxy-"):
            self.notes.append(f"The header {name} is left out: the connection sets it by itself.")
        elif name.lower() == "accept" and "event-stream" in value:
            self.notes.append("The header Accept asks for a stream and is left out: the integration reads one JSON answer.")
        elif self.looks_secret(name):
            self.add_secret(name, value, known)
        elif known is None:
            self.add_plain(name, value)
        else:
            self.refuse_twice(name, self.marks.fill(value) == known.value)

    def refuse_twice(self, name: str, same: bool) -> None:
        if not same:
            raise ImportRefused(f"The header {name} stands there twice with different values. Leave one of them out.")

    def add_plain(self, name: str, value: str) -> None:
        value = self.marks.fill(self.marks.mark(value, IN_HEADER))
        self.questions += [Question(open_name, self.marks.written[open_name], f"the header {name}", name) for open_name in names_in(value)]
        self.found.append(ImportedHeader(name, self.marks.unmarked(value).replace("{{", r"\{{")))

    def add_secret(self, name: str, value: str, known: ImportedHeader | None) -> None:
        scheme = _SCHEME.match(value) if "authorization" in name.lower() else None
        prefix, rest = (scheme.group(), value[scheme.end() :]) if scheme else ("", value)
        if not self.marks.is_answered(rest):
            stands_in = is_no_credential(rest)
            rest = self.marks.mark_as(_stand_in_name(name, rest), rest) if stands_in else self.marks.mark(rest, IN_HEADER)
        rest = self.marks.fill(rest)
        if known is not None:
            self.refuse_twice(name, (known.prefix, known.value) == (prefix, rest))
            return
        for open_name in names_in(rest):
            before = prefix + MARKED.split(rest)[0]
            self.questions.append(Question(open_name, self.marks.written[open_name], f"the header {name}", name, before, True))
        is_open = bool(names_in(rest))
        self.secrets += literal_pieces(rest, MARKED) if is_open else [rest]
        self.found.append(ImportedHeader(name, "" if is_open else rest, True, prefix))


def _stand_in_name(header: str, written: str) -> str:
    """What to ask by: the stand-in's own words, or the header's name where it has none (`sk-...`)."""
    if any(sign in written for sign in ("...", "…", "***")) or "xxxx" in written.lower():
        return as_name(header).upper()
    return as_name(written)
