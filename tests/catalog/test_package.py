"""The installed price package as a source: what is taken from it, what is left out, and that nothing but the update loads it."""

import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from apps.catalog.apart import read_package_apart
from apps.catalog.genai import INSTALL, NotInstalled, read_package
from apps.catalog.known import KNOWN, known_of, why_not_chat
from apps.catalog.models import CatalogModel, CatalogProvider, Feature, Modality, Price
from apps.catalog.naming import generation, tidy_name
from apps.catalog.offers import Offer, Snapshot
from apps.providers.custom import CUSTOM
from apps.providers.registry import PROVIDERS

ROOT = Path(settings.BASE_DIR)


@pytest.fixture(scope="module")
def package() -> Snapshot:
    return read_package()


@pytest.fixture(scope="module")
def offers(package: Snapshot) -> dict[tuple[str, str], Offer]:
    return {each.key: each for each in package.offers}


def test_all_six_providers_have_models(package: Snapshot) -> None:
    assert {each.provider for each in package.offers} == set(CatalogProvider.values)
    assert package.version


def test_providers_are_called_as_everywhere_else() -> None:
    assert list(CatalogProvider.choices) == [(key, each.label) for key, each in PROVIDERS.items() if key != CUSTOM.key]


def test_an_offer_has_price_and_facts(offers: dict[tuple[str, str], Offer]) -> None:
    found = offers["anthropic", "claude-haiku-4-5"]
    assert (found.facts.name, found.facts.context_window, found.facts.max_output) == ("Claude Haiku 4.5", 200_000, 64_000)
    assert (found.facts.input_words, found.facts.output_words) == ("text image", "text")
    (dated,) = found.prices
    assert (dated.rates.input, dated.rates.output, dated.rates.cached_read) == (1, 5, Decimal("0.1"))


def test_tiers_and_dates_are_kept(offers: dict[tuple[str, str], Offer]) -> None:
    sonnet = offers["anthropic", "claude-sonnet-4-5"].prices[-1].rates
    assert [(tier.above, tier.input) for tier in sonnet.tiers] == [(200_000, 6)]
    assert [dated.since and dated.since.year for dated in offers["openai", "o3"].prices] == [None, 2025]


def test_azure_runs_the_models_of_openai(offers: dict[tuple[str, str], Offer]) -> None:
    assert offers["azure", "gpt-4o"].prices == offers["openai", "gpt-4o"].prices
    assert offers["azure", "gpt-4o"].facts.retires_on is None, "the dates are Microsoft's own"


def test_bedrock_ids_are_those_of_inference_profiles(offers: dict[tuple[str, str], Offer]) -> None:
    """The package's "regional." is no prefix that AWS knows."""
    ids = [model_id for provider, model_id in offers if provider == "bedrock"]
    assert not [model_id for model_id in ids if model_id.startswith("regional.")]
    assert {"eu.anthropic.claude-haiku-4-5-20251001-v1:0", "global.anthropic.claude-haiku-4-5-20251001-v1:0"} <= set(ids)
    assert offers["bedrock", "eu.anthropic.claude-haiku-4-5-20251001-v1:0"].facts.name == "Claude Haiku 4.5 (EU)"


@pytest.mark.parametrize(
    ("provider", "model_id"),
    [
        ("openai", "text-embedding-3-small"),
        ("openai", "whisper-1"),
        ("openai", "gpt-image-1"),
        ("openai", "tts-1"),
        ("openai", "gpt-realtime"),
        ("openai", "moderation"),
        ("openai", "gpt-3.5-turbo-instruct"),
        ("openai", "o3-pro"),
        ("openai", "ft:gpt-4o"),
        ("google", "gemini-embedding-001"),
        ("google", "gemini-2.5-flash-image"),
        ("google", "claude-opus-4-5"),
        ("cohere", "embed-v4.0"),
        ("bedrock", "amazon.titan-embed-text-v2:0"),
        ("bedrock", "amazon.nova-sonic-v1:0"),
    ],
)
def test_what_answers_no_chat_is_left_out(package: Snapshot, provider: str, model_id: str) -> None:
    assert why_not_chat(provider, model_id)
    assert f"{provider}/{model_id}" in [each for ids in package.left_out.values() for each in ids]
    assert (provider, model_id) not in {offer.key for offer in package.offers}


def test_known_facts_use_known_words_and_match_something(package: Snapshot) -> None:
    """A pattern that matches nothing is a slip of the pen."""
    for provider, table in KNOWN.items():
        ids = [offer.model_id for offer in package.offers if offer.provider == provider]
        for known in table:
            assert set(f"{known.input} {known.output}".split()) <= set(Modality.values)
            assert set(known.features.split()) <= set(Feature.values)
            assert provider == "azure" or any(re.fullmatch(known.pattern, model_id) for model_id in ids), known.pattern
    assert list(known_of("cohere", "no-such-model")) == []


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("Claude Opus 5.5", 550),
        ("o3", 300),
        ("GPT-4.1 mini", 410),
        ("gpt-3.5-turbo-16k", 350),
        ("Llama 3 8B Instruct", 300),
        ("Mixtral 8x7B Instruct", 0),
        ("gpt-oss-120b", 0),
        ("Mistral Large (24.02)", 0),
        ("Command A", 0),
    ],
)
def test_a_generation_is_read_from_the_name(name: str, number: int) -> None:
    assert generation(name) == number


def test_names_are_tidied() -> None:
    assert [tidy_name(name) for name in ("gpt 4o mini", "gemini 1.5 Pro", "GPT-5.6 Sol", "o1")] == [
        "GPT-4o mini",
        "Gemini 1.5 Pro",
        "GPT-5.6 Sol",
        "o1",
    ]


@pytest.mark.django_db
def test_the_command_shows_first_and_applies_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("update_catalog")
    shown = capsys.readouterr().out
    assert "New models (" in shown
    assert "openai gpt-4o (GPT-4o): USD 2.5 in, 10 out per million tokens" in shown
    assert "are not offered for chat (" in shown
    assert "Nothing has been changed. Run it again with --apply" in shown
    assert not CatalogModel.objects.exists()

    call_command("update_catalog", "--apply")
    assert capsys.readouterr().out.endswith("Applied.\n")
    rows, prices = CatalogModel.objects.count(), Price.objects.count()
    assert min(rows, prices) > 200

    call_command("update_catalog", "--apply")
    assert capsys.readouterr().out.endswith("The catalogue is up to date.\n")
    assert (CatalogModel.objects.count(), Price.objects.count()) == (rows, prices)


def test_another_process_reads_the_same(package: Snapshot) -> None:
    """What the admin and the demo do, so that the package's memory goes with the process that read it."""
    assert read_package_apart() == package


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the same name that another process finds first."""
    (tmp_path / "genai_prices").mkdir()
    (tmp_path / "genai_prices/__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "genai_prices"


def test_the_other_process_gets_no_keys(pretended: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spec 07 A: what the package brings along has no use for the deployment's secrets."""
    for name in ("PATCHBAY_SECRET_KEYS", "PATCHBAY_AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "AWS_SESSION_TOKEN", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.setenv(name, "tk-live-4711")
    saying = "import json, os, pathlib\npathlib.Path(__file__).with_name('seen').write_text(json.dumps(dict(os.environ)))\nproviders = []\n"
    (pretended / "data.py").write_text(saying)
    assert read_package_apart().offers == ()
    seen = json.loads((pretended / "seen").read_text())
    assert "tk-live-4711" not in seen.values()
    allowed = re.compile(r"PATH|HOME|TMPDIR|TEMP|TMP|TZ|LANG|LC_\w+|PYTHON\w+|SYSTEMROOT|LD_LIBRARY_PATH")
    assert [name for name in seen if not allowed.fullmatch(name)] == []


def test_the_other_process_says_when_there_is_no_package(pretended: Path) -> None:
    with pytest.raises(NotInstalled, match=re.escape(INSTALL)):
        read_package_apart()


@pytest.mark.django_db
def test_without_the_package_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices.data", None)  # how Python marks a module that cannot be imported
    with pytest.raises(CommandError, match=re.escape(INSTALL)):
        call_command("update_catalog", "--apply")
    assert not CatalogModel.objects.exists()


def test_only_the_source_module_names_the_package() -> None:
    """The extra is loaded by its reader alone, when an update asks for it."""
    naming: list[Any] = [path for path in (ROOT / "apps").rglob("*.py") if re.search(r"import.*genai_prices", path.read_text())]
    assert [path.name for path in naming] == ["genai.py"]
    assert "genai_prices" not in {name.partition(".")[0] for name in loaded_by_the_server()}


def loaded_by_the_server() -> list[str]:
    """Modules of a process that has loaded the product with all its URLs, as the web server does."""
    program = "import config.asgi, config.urls, sys; print(*sys.modules)"
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()
