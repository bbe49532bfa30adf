"""The catalogue: chat models that the six providers are known to run, and what each has cost since when (spec 06).

Rows come from `update_catalog` and are never deleted: what a call cost must stay explainable when the price or the model is gone.
"""

from datetime import UTC, date, datetime

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.catalog.naming import position_of, search_key

RATES = ("input", "output", "cached_read", "cached_write")


class CatalogProvider(models.TextChoices):
    """Whose models the catalogue knows, in the order in which they are listed."""

    OPENAI = "openai", "OpenAI"
    ANTHROPIC = "anthropic", "Anthropic"
    GOOGLE = "google", "Google"
    COHERE = "cohere", "Cohere"
    AZURE = "azure", "Azure OpenAI"
    BEDROCK = "bedrock", "Amazon Bedrock"


class Modality(models.TextChoices):
    """What goes into a model and comes out of it. No value is part of another one: the columns are searched by text."""

    TEXT = "text", "Text"
    IMAGE = "image", "Image"
    AUDIO = "audio", "Audio"
    VIDEO = "video", "Video"
    FILE = "pdf", "PDF"


class Feature(models.TextChoices):
    STREAMING = "streaming", "Streaming"
    TOOLS = "tools", "Tool calling"
    STRUCTURED = "structured", "Structured output"


class CatalogModel(models.Model):
    """One chat model of one provider. What is not known is empty and shown as not known, never guessed."""

    provider = models.CharField(max_length=16, choices=CatalogProvider)
    model_id = models.CharField("model ID", max_length=200)
    name = models.CharField(max_length=200)
    context_window = models.PositiveIntegerField(null=True, blank=True, help_text="Tokens.")
    max_output = models.PositiveIntegerField(null=True, blank=True, help_text="Tokens.")
    # Words between blanks ("text image"), because SQLite cannot ask a JSON list what it contains; "" is not known.
    input_words = models.CharField("input modalities", max_length=60, blank=True)
    output_words = models.CharField("output modalities", max_length=60, blank=True)
    feature_words = models.CharField("features", max_length=120, blank=True)
    deprecated = models.BooleanField(default=False, help_text="The provider advises against new use.")
    retires_on = models.DateField("retirement date", null=True, blank=True, help_text="The day from which the provider refuses it.")
    withdrawn_at = models.DateTimeField("withdrawn", null=True, blank=True, help_text="When the price package no longer listed it.")
    added_at = models.DateTimeField("added", default=timezone.now)
    # Where it stands in lists (provider, then newer generations first), and what a search looks at.
    position = models.PositiveIntegerField(editable=False)
    name_key = models.CharField(max_length=200, editable=False)
    search_key = models.CharField(max_length=450, editable=False)

    class Meta:
        verbose_name = "catalogue model"
        ordering = ["position", "name_key", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "model_id"], name="catalog_model_once_per_provider"),
            models.CheckConstraint(condition=Q(provider__in=CatalogProvider.values), name="catalog_model_provider"),
        ]
        indexes = [
            models.Index(fields=["position", "name_key", "id"], name="catalog_model_listed"),
            models.Index(fields=["provider", "position", "name_key", "id"], name="catalog_model_of_provider"),
        ]

    def __str__(self) -> str:
        return self.name

    def place(self) -> None:
        """Set what is derived from provider, name and ID; call it before a save that changes one of them."""
        self.position = position_of(CatalogProvider.values.index(self.provider), self.name)
        self.name_key = self.name.lower()
        self.search_key = search_key(self.name, self.model_id, CatalogProvider(self.provider).label)

    @property
    def price(self) -> "Price | None":
        """The price now; None where none is known. Without a query when the row came from queries.list_catalog or find."""
        now = timezone.now()
        return next((price for price in self._prices_from_now if price.valid_from <= now), None)

    @property
    def next_price(self) -> "Price | None":
        """The next price that the provider has announced, with the day from which it holds."""
        now = timezone.now()
        return next((price for price in self._prices_from_now if price.valid_from > now), None)

    @property
    def _prices_from_now(self) -> "list[Price]":
        """The price in force and those to come, oldest first, from the prefetch of queries.with_prices where there is one."""
        known = vars(self)
        if "prices_from_now" not in known:
            known["prices_from_now"] = list(Price.objects.from_now_on(timezone.now()).filter(model=self))
        prices: list[Price] = known["prices_from_now"]
        return prices

    @property
    def input_modalities(self) -> list[Modality] | None:
        """None where it is not known."""
        return [Modality(word) for word in self.input_words.split()] or None

    @property
    def output_modalities(self) -> list[Modality] | None:
        return [Modality(word) for word in self.output_words.split()] or None

    @property
    def features(self) -> list[Feature] | None:
        return [Feature(word) for word in self.feature_words.split()] or None

    @property
    def is_retired(self) -> bool:
        """Whether it cannot, or should no longer, be connected: withdrawn from the source, or its retirement day has come."""
        return self.withdrawn_at is not None or (self.retires_on is not None and self.retires_on <= today())


def today() -> date:
    """The day in UTC, the zone in which providers date prices and retirements."""
    return timezone.now().astimezone(UTC).date()


class PriceQuerySet(models.QuerySet["Price"]):
    def in_force(self, at: datetime) -> "PriceQuerySet":
        """Prices that hold at this moment; at most one per model and source."""
        return self.from_now_on(at).filter(valid_from__lte=at)

    def from_now_on(self, at: datetime) -> "PriceQuerySet":
        """Prices that hold at this moment or later, oldest first."""
        return self.filter(Q(valid_to=None) | Q(valid_to__gt=at)).order_by("valid_from")


class Price(models.Model):
    """What a model costs in a span of time, per million tokens. A changed price is another row; this one then ends."""

    model = models.ForeignKey(CatalogModel, on_delete=models.PROTECT, related_name="prices")
    source = models.CharField(max_length=32)
    version = models.CharField(max_length=32, help_text="Of the source, when it first gave this price.")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True, help_text="The first moment at which it no longer holds.")
    currency = models.CharField(max_length=3, default="USD")
    input = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    output = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    cached_read = models.DecimalField("cached input, read", max_digits=14, decimal_places=6, null=True, blank=True)
    cached_write = models.DecimalField("cached input, written", max_digits=14, decimal_places=6, null=True, blank=True)
    # [{"above": 200000, "input": "6", ...}]: with more input tokens than that, all tokens of the call cost this much.
    tiers = models.JSONField(default=list, blank=True)
    # What the source gives besides, under its own names: {"input_audio_mtok": "10"}. Kept so that a receipt can say what it left out.
    other_rates = models.JSONField(default=dict, blank=True)

    objects = PriceQuerySet.as_manager()

    class Meta:
        ordering = ["model", "valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["model", "source", "valid_from"], name="catalog_price_once_per_moment"),
            models.UniqueConstraint(fields=["model", "source"], condition=Q(valid_to=None), name="catalog_price_one_open"),
            models.CheckConstraint(condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")), name="catalog_price_ends_after_start"),
            *(
                models.CheckConstraint(condition=Q(**{name: None}) | Q(**{f"{name}__gte": 0}), name=f"catalog_price_{name}_not_negative")
                for name in RATES
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.currency} {self.input} in, {self.output} out"
