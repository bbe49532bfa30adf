"""*Amazon Bedrock* as a browser sees it, with the demo provider as AWS."""

from uuid import UUID

from django.urls import reverse

from tests.support.sheet import FormReader, Sheet


class BedrockSheet(Sheet):
    """The page's own buttons, and those of the integration page at their URLs here."""

    def open(self, model_id: UUID | None = None, query: str = "") -> "BedrockSheet":
        name, args = ("edit", [self.slug, model_id]) if model_id else ("bedrock_new", [self.slug])
        self._read(self.client.get(reverse(f"onboarding:{name}", args=args) + query), whole_page=True)
        return self

    def press(self, url_name: str, /, query: str = "", **button: str) -> "BedrockSheet":
        super().press(f"bedrock_{url_name}", query, **button)
        return self

    def model(self, model_id: str) -> "BedrockSheet":
        """Type the model ID and leave the field (without scripts: press the button under it)."""
        self.fill(model_id=model_id)
        return self.press("model")

    def text_of(self, element_id: str) -> str:
        """The text inside of one element of the answer; "" where it is not there."""
        return ElementReader(self.html, element_id).text


class ElementReader(FormReader):
    """Keeps the words between an element's start and its end."""

    def __init__(self, html: str, element_id: str) -> None:
        self._id, self._depth = element_id, 0
        super().__init__(html, whole_page=False)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._depth or dict(attrs).get("id") == self._id:
            self._depth += tag not in {"input", "br", "path", "circle", "rect", "line", "meta", "link"}
        super().handle_starttag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An icon's shapes: no words, no end."""

    def handle_endtag(self, tag: str) -> None:
        self._depth = max(0, self._depth - 1)
        super().handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if self._depth:
            super().handle_data(data)
