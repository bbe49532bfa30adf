"""Easy integration as values: which providers there are, what the address of a step carries, the definition that follows from it."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from apps.catalog import models as catalog
from apps.catalog.models import CatalogModel
from apps.external_models.definition import Definition, Feature, Header, Modality
from apps.external_models.names import check_name, shortened
from apps.providers.base import EasySetup, Provider
from apps.providers.jsonread import storable
from apps.providers.registry import PROVIDERS

# Providers that are connected on a page of their own, instead of by a model and a key.
OWN_PAGES: Final = {"bedrock": "onboarding:bedrock_new"}
MAX_MODEL_ID = 200
MAX_CARRIED = 2048  # characters of one value in the address
# Carried besides what the last step asks for: the search of the third step, and the page that the wizard was opened from.
ASIDE: Final = ("q", "away")
# What the catalogue knows of a model, in the words of a definition.
FEATURES: Final = {
    catalog.Feature.STREAMING: Feature.STREAMING,
    catalog.Feature.TOOLS: Feature.TOOL_CALLING,
    catalog.Feature.STRUCTURED: Feature.STRUCTURED_RESPONSE,
}
MODALITIES: Final = {
    (catalog.Modality.TEXT, catalog.Modality.TEXT): Modality.TEXT_TO_TEXT,
    (catalog.Modality.TEXT, catalog.Modality.IMAGE): Modality.TEXT_TO_IMAGE,
    (catalog.Modality.IMAGE, catalog.Modality.TEXT): Modality.IMAGE_TO_TEXT,
    (catalog.Modality.AUDIO, catalog.Modality.TEXT): Modality.AUDIO_TO_TEXT,
}


def offered() -> list[Provider]:
    """The providers of the wizard's second step."""
    return [provider for provider in PROVIDERS.values() if provider.easy or provider.key in OWN_PAGES]


def easy_provider(key: str) -> tuple[Provider, EasySetup]:
    """A provider that is connected by a model and a key. Raises Http404 for any other."""
    provider = PROVIDERS.get(key)
    if provider is None or provider.easy is None:
        raise Http404("No such provider.")
    return provider, provider.easy


# What was chosen and typed so far stands in the address of each step, so that Back, refresh and two tabs lose nothing. A key never does.


def carried(data: Mapping[str, str], setup: EasySetup | None) -> dict[str, str]:
    """What the address (or a submitted form) says of the later steps. Nothing secret, nothing that the wizard does not know."""
    names = ["model", *ASIDE, "name", "base_url", *(f"p-{field.name}" for field in (setup.fields if setup else ()))]
    found = {name: storable(str(data.get(name, ""))).strip()[:MAX_CARRIED] for name in names}
    return {name: value for name, value in found.items() if value}


def has_typed(query: Mapping[str, str], setup: EasySetup | None) -> bool:
    """Whether something carried was typed by the person, besides what was chosen and what stands in the fields from the start."""
    usual = {"base_url": setup.base_url} if setup else {}
    for field in setup.fields if setup else ():
        usual[f"p-{field.name}"] = query.get("model", "") if field.like_model else field.initial
    chosen = {"model", *ASIDE}
    return any(value != usual.get(name) for name, value in carried(query, setup).items() if name not in chosen)


def way_out(workspace: str, wanted: str) -> str:
    """Where *Cancel* leads: the page of this workspace that the wizard was opened from, else the list of models."""
    if wanted.startswith(f"/w/{workspace}/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return reverse("external_models:model_list", args=[workspace])


def step_url(page: str, workspace: str, /, *args: str, **query: str) -> str:
    """The address of a step; empty values are left out."""
    text = urlencode({key: value for key, value in query.items() if value})
    return reverse(f"onboarding:{page}", args=[workspace, *args]) + (f"?{text}" if text else "")


def check_model_id(text: str) -> str:
    """The ID of a model, as typed. Raises ValueError with a sentence."""
    text = text.strip()
    if not text:
        raise ValueError("Choose a model, or type in its ID.")
    if len(text) > MAX_MODEL_ID:
        raise ValueError(f"A model ID has at most {MAX_MODEL_ID} characters; this has {len(text):,}.")
    if not text.isprintable() or any(character.isspace() or character == "\ufffd" for character in text):
        raise ValueError("A model ID has no blanks, line breaks or invisible characters.")
    return text


def model_name(model_id: str, row: CatalogModel | None) -> str:
    """What a new model is called: as in the catalogue, else its ID, without what a name may not have."""
    for candidate in (row.name if row else "", model_id, model_id.replace("@", "-")):
        try:
            return shortened(check_name(candidate))
        except ValueError:
            continue
    return shortened(model_id.replace("@", "-")) or "Model"


def definition_of(
    provider: Provider, setup: EasySetup, model_id: str, base_url: str, *, features: tuple[str, ...], modalities: tuple[str, ...]
) -> Definition:
    """How the model is spoken to: in its provider's own format, at this base URL."""
    plain = tuple(Header(name, value) for name, value in setup.headers)
    return Definition(
        url=setup.endpoint(base_url.strip(), model_id),
        headers=(*plain, Header(setup.key_header, secret=True, prefix=setup.key_prefix)),
        wire_format=provider.wire_formats[0],
        model=model_id,
        features=features,
        modalities=modalities,
    )


def known_features(row: CatalogModel | None) -> tuple[str, ...]:
    """What the catalogue says that the model can do. Every chat format streams, so that is all that is said of an unknown model."""
    if row is None or row.features is None:
        return (Feature.STREAMING,)
    return tuple(FEATURES[feature] for feature in row.features if feature in FEATURES)


def known_modalities(row: CatalogModel | None) -> tuple[str, ...]:
    """What goes in and comes out; text to text for a model of which nothing is known."""
    sources, results = (row.input_modalities, row.output_modalities) if row else (None, None)
    found = tuple(MODALITIES[pair] for pair in MODALITIES if pair[0] in (sources or ()) and pair[1] in (results or ()))
    return found or (Modality.TEXT_TO_TEXT,)


def parameters_of(setup: EasySetup, data: Mapping[str, Any]) -> dict[str, str]:
    return {field.name: str(data.get(f"p-{field.name}") or "").strip() for field in setup.fields}
