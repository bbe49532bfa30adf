"""The dialogs *Paste a cURL command* and *Import an OpenAPI document*: what is pasted, and the placeholders that it leaves open."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator

from apps.core.headers import check_header_value
from apps.core.text import is_mask
from apps.providers.curl import import_curl
from apps.providers.imported import MAX_PLACEHOLDERS, ImportedRequest, ImportRefused, Question
from apps.providers.masking import mask_known, mask_likely
from apps.providers.openapi import OpenApiDocument, import_operation, read_openapi, servers_of
from apps.providers.secret_names import holds_credential
from apps.providers.shell_words import MAX_COMMAND, without_comments
from apps.providers.yaml_load import MAX_DOCUMENT

MAX_QUESTIONS = MAX_PLACEHOLDERS
TOO_LONG = f"The command is longer than {MAX_COMMAND:,} characters. If it holds an image, put a short text in its place."
NOT_SHOWN = "Paste the command once more: it may hold a key, which is not shown again."
_CODE = {"class": "mono", "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}


class PlaceholderForm(forms.Form):
    """A form that grows a field for each placeholder; `imported` is the request once nothing is open any more."""

    imported: ImportedRequest | None = None

    def answers(self) -> dict[str, str]:
        """What was entered, by the placeholder's name."""
        return {name[2:]: str(value).strip() for name, value in self.data.items() if name.startswith("a-")}

    def parameters(self) -> dict[str, str]:
        """What was entered for `{name}` in the address."""
        return {name[2:]: str(value).strip() for name, value in self.data.items() if name.startswith("p-")}

    def settle(self, found: ImportedRequest, asked: Iterable[Question]) -> None:
        """Take the request if everything is answered; else add the fields to ask with."""
        given, posted = self.parameters(), frozenset(self.data)
        parameters = tuple((name, given.get(name, value)) for name, value in found.parameters)
        asked_before = all(f"p-{name}" in posted for name, _ in parameters)
        self.ask(asked, found.questions, parameters)
        wanting = [*(f"a-{question.name}" for question in found.questions), *(f"p-{name}" for name, value in parameters if not value)]
        for field in wanting:
            if field in posted:
                self.add_error(field, "Enter a value.")
        if not (wanting or self.errors) and asked_before:
            self.imported = found

    def ask(self, known: Iterable[Question], still_open: Iterable[Question], parameters: Iterable[tuple[str, str]]) -> None:
        questions = {question.name: question for question in [*known, *still_open]}
        for question in list(questions.values())[:MAX_QUESTIONS]:
            self.fields[f"a-{question.name}"] = question_field(question)
            self.check_answer(question)
        for name, value in list(parameters)[:MAX_QUESTIONS]:
            goes = f"This goes into the address, in the place of {{{name}}}."
            self.fields[f"p-{name}"] = forms.CharField(label=name, max_length=1000, help_text=goes)
            if f"p-{name}" not in self.data:
                self.show_instead(f"p-{name}", value)

    def check_answer(self, question: Question) -> None:
        answer = self.answers().get(question.name, "")
        if not (answer and question.secret):
            return
        try:
            check_header_value(answer)
            if is_mask(answer):
                raise ValueError("This is a mask, not the key itself. Paste the key.")
        except ValueError as error:
            self.add_error(f"a-{question.name}", str(error))

    @property
    def asked_fields(self) -> list[forms.BoundField]:
        """The fields to ask with; the first has the focus, instead of what was pasted."""
        found = [self[name] for name in self.fields if name == "server" or name.startswith(("a-", "p-"))]
        if found:
            for field in self.fields.values():
                field.widget.attrs.pop("autofocus", None)
            found[0].field.widget.attrs["autofocus"] = True
        return found

    def show_instead(self, field: str, text: str) -> None:
        """Show this text in a field, in the place of what was pasted."""
        self.data = {**self.data.dict(), field: text} if hasattr(self.data, "dict") else {**self.data, field: text}


def question_field(question: Question) -> forms.CharField:
    goes = f"This goes into {question.place}"
    lead = f", after “{question.prefix.strip()}”" if question.prefix.strip() else ""
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"}) if question.secret else forms.TextInput(attrs=_CODE)
    kept = " It is encrypted, and not shown again." if question.secret else ""
    return forms.CharField(label=question.written, max_length=10_000, widget=widget, help_text=f"{goes}{lead}.{kept}")


class CurlForm(PlaceholderForm):
    """*Paste a cURL command*."""

    command = forms.CharField(
        label="cURL command",
        strip=False,
        validators=[MaxLengthValidator(MAX_COMMAND, f"{TOO_LONG} {NOT_SHOWN}")],  # max_length would let browsers cut a paste off
        widget=forms.Textarea(attrs={**_CODE, "rows": 12, "autofocus": True}),
        help_text="As documentation prints it, for bash. Nothing of it is run. Placeholders such as $OPENAI_API_KEY are asked for.",
        error_messages={
            "required": "Paste a curl command.",
            "null_characters_not_allowed": f"The command holds a NUL character, which no command can. {NOT_SHOWN}",
        },
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        text = str(data.get("command", "")).replace("\r\n", "\n")
        if not text:
            self.show_instead("command", "")  # what could not even be read may hold a key
            return data
        try:
            answers = self.answers()
            found = import_curl(text, looks_secret=holds_credential, answers=answers)
            plain = import_curl(text, looks_secret=holds_credential) if answers else found
        except ImportRefused as refused:
            self.add_error("command", str(refused))
            self.show_instead("command", mask_likely(shown_of(text)))
            return data
        self.settle(found, plain.questions)
        if self.imported is None:
            self.take_out(text, plain.secrets)
        return data

    def take_out(self, text: str, secrets: tuple[str, ...]) -> None:
        """The page is shown once more, and a pasted key is not: it becomes one more placeholder."""
        masked = mask_known(shown_of(text), secrets)
        if masked == text:
            return
        try:
            again = import_curl(masked, looks_secret=holds_credential)
        except ImportRefused:
            masked = ""
        if not masked or again.secrets:
            self.show_instead("command", "")
            self.add_error("command", NOT_SHOWN)
            return
        self.show_instead("command", masked)
        self.ask(again.questions, (), ())


def shown_of(text: str) -> str:
    """What of a command is shown again: all but its comments, where it can be read so far."""
    try:
        return without_comments(text)
    except ImportRefused:
        return text


class DocumentForm(PlaceholderForm):
    """*Import an OpenAPI document*: the document, then one of its operations, then what is open."""

    document = forms.CharField(
        label="Document",
        strip=False,
        max_length=MAX_DOCUMENT,
        widget=forms.Textarea(attrs={**_CODE, "rows": 12, "autofocus": True}),
        help_text="OpenAPI 3.0 or 3.1, JSON or YAML, 2 MiB at most. References to other files are not followed.",
        error_messages={"required": "Paste a document, or choose a file."},
    )
    file = forms.FileField(label="Or a file", required=False, help_text="It is used in the place of the text.")
    operation = forms.CharField(required=False, max_length=5000, widget=forms.HiddenInput)

    parsed: OpenApiDocument | None = None

    def __init__(self, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files)
        self.fields["document"].required = not files

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        field, text = self.text_of(data)
        if self.errors:
            return data
        try:
            self.parsed = read_openapi(text)
        except ImportRefused as refused:
            self.add_error(field, str(refused))
            return data
        self.show_instead("document", text)
        if key := self.chosen:
            self.take_operation(key, str(self.data.get("server", "")))
        return data

    def text_of(self, data: dict[str, Any]) -> tuple[str, str]:
        """The document and the field that it came by."""
        upload = data.get("file")
        if upload is None:
            return "document", str(data.get("document", "")).replace("\r\n", "\n")
        if upload.size > MAX_DOCUMENT:
            self.add_error("file", f"The file is larger than {MAX_DOCUMENT >> 20} MiB.")
            return "file", ""
        try:
            return "file", upload.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            self.add_error("file", "The file is not UTF-8 text.")
            return "file", ""

    @property
    def chosen(self) -> str:
        """The chosen operation; the only one where there is one only."""
        if self.parsed and len(self.parsed.operations) == 1:
            return self.parsed.operations[0].key
        return "" if self.data.get("back") else str(self.data.get("operation", ""))

    def take_operation(self, key: str, server: str) -> None:
        if self.parsed is None:
            return
        try:
            servers = servers_of(self.parsed, key)
            answers = self.answers()
            found = import_operation(self.parsed, key, looks_secret=holds_credential, server=server, answers=answers)
            plain = import_operation(self.parsed, key, looks_secret=holds_credential, server=server) if answers else found
        except ImportRefused as refused:
            self.add_error(None, f"{key[:200]}: {refused}")
            return
        if len(servers) > 1:
            self.fields["server"] = forms.ChoiceField(label="Server", choices=[(url, url) for url in servers])
        self.show_instead("operation", key)
        self.settle(found, plain.questions)
        if len(servers) > 1 and server not in servers:
            self.imported = None  # which one is for the person to say
