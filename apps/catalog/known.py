"""What the price package does not know: modalities, features, longest answers, retirement dates, and which of its IDs answer a chat.

Read on 21 November 2026 from the pages named at each provider, as far as they could be read. What is not here is shown as not known.
A pattern is matched against the whole ID; where several match, a later one says more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

TEXT = "text"
SEES = "text image"
ALL_IN = "text image audio video pdf"
ALL_FEATURES = "streaming tools structured"


@dataclass(frozen=True, slots=True)
class Known:
    """Facts for the IDs that a pattern matches; empty is not said."""

    pattern: str
    input: str = ""
    output: str = ""
    features: str = ""
    context_window: int | None = None
    max_output: int | None = None
    deprecated: bool = False
    retires_on: date | None = None


# developers.openai.com/api/docs/models ("All latest OpenAI models support text and image input, text output"; gpt-6.2-sol.md: 128,000
# tokens out) and /api/docs/deprecations, with its history (chatgpt-4o-latest, o1-preview, o1-mini, gpt-4.5-preview, chat variants).
OPENAI = (
    Known(r"gpt-(4o|4\.1|5|6)(?!.*(cyber|rosalind|search|2024-05-13)).*", SEES, TEXT, ALL_FEATURES),
    Known(r"gpt-4o.*", max_output=16_384),
    Known(r"gpt-4\.1.*", max_output=32_768),
    Known(r"gpt-(5\.2|5\.4|5\.5|5\.6-\w+|6-(sol|astra|luna)|6\.1-\w+)(-mini|-nano)?", max_output=128_000),
    Known(r"gpt-4\.5-preview", retires_on=date(2025, 7, 14)),
    Known(r"o1-preview", retires_on=date(2025, 7, 28)),
    Known(r"o1-mini", retires_on=date(2025, 10, 27)),
    Known(r"chatgpt-4o-latest", retires_on=date(2026, 2, 17)),
    Known(r"gpt-4o-search-preview", retires_on=date(2026, 7, 23)),
    Known(r"gpt-5\.3-chat-latest", retires_on=date(2026, 8, 10)),
    Known(r"gpt-3\.5-turbo|gpt-4|gpt-4-turbo|gpt-4o-2024-05-13|gpt-4\.1-nano|o1|o3-mini|o4-mini", retires_on=date(2026, 10, 23)),
    Known(r"gpt-5(-mini|-nano)?|o3", retires_on=date(2026, 12, 11)),
    Known(r"gpt-(4o|4\.1)(-mini)?", retires_on=date(2027, 1, 14)),
    Known(r"gpt-5\.1|gpt-5\.4-nano", retires_on=date(2027, 4, 1)),
)
# platform.claude.com/docs: models/overview ("All current models support text and image input, text output, ... and tool use"),
# models/opus-5/overview.md (the line-up's longest answers), about-claude/model-deprecations and release-notes (retirements).
ANTHROPIC = (
    Known(r"claude-(opus|sonnet|haiku|fable|mythos)-.*", SEES, TEXT, "streaming tools"),
    Known(r"claude-haiku-4-5", max_output=64_000),
    Known(r"claude-(opus-5|opus-5-5|fable-5|fable-5-1|sonnet-5|sonnet-5-5|haiku-5-5)", max_output=128_000),
    Known(r"claude-2\.1|claude-3-sonnet-.*", retires_on=date(2025, 7, 21)),
    Known(r"claude-3-5-sonnet-.*", retires_on=date(2025, 10, 28)),
    Known(r"claude-3-opus-.*", retires_on=date(2026, 1, 5)),
    Known(r"claude-3-7-sonnet-.*|claude-3-5-haiku-.*", retires_on=date(2026, 2, 19)),
    Known(r"claude-(opus|sonnet)-4-0", retires_on=date(2026, 6, 15)),
    Known(r"claude-opus-4-1", retires_on=date(2026, 8, 5)),
)
# ai.google.dev/gemini-api/docs: models/<model> (data types, token limits, capabilities), deprecations and changelog. Gemini 3 Flash and
# 3.8 Flash: docs.cloud.google.com/gemini-enterprise-agent-platform/models/gemini.
GOOGLE = (
    Known(
        r"gemini-(2\.5-flash-lite|3\.5-flash|3\.5-flash-lite|3\.7-flash)",
        ALL_IN,
        TEXT,
        ALL_FEATURES,
        context_window=1_048_576,
        max_output=65_536,
    ),
    Known(r"gemini-2\.0-flash(-lite)?", "text image audio video", TEXT, "tools structured", 1_048_576, 8_192),
    Known(r"gemini-3-flash-preview", "text image audio video", TEXT, context_window=1_048_576, max_output=65_536),
    Known(r"gemini-3\.8-flash", "text image audio video", TEXT),
    Known(r"gemini-3\.5-flash|gemini-3\.7-flash|gemini-2\.5-(pro|flash)", deprecated=True),
    Known(r"gemini-3-pro-preview", retires_on=date(2026, 3, 9)),
    Known(r"gemini-2\.0-flash(-lite)?", retires_on=date(2026, 6, 1)),
    Known(r"gemini-2\.5-(pro|flash)", retires_on=date(2026, 12, 1)),
    Known(r"gemini-3\.1-flash-lite", retires_on=date(2027, 5, 7)),
)
# docs.cohere.com: docs/command-beta (Command, Command Light), changelog/2025-09-15-major-command-deprecations. Context and answer of
# Command A: docs.cohere.com/docs/models as kept in hex.pm's llm_db 2026.2.
COHERE = (
    Known(r"command|command-light", TEXT, TEXT, context_window=4_000, max_output=4_000, deprecated=True),
    Known(r"command-a-03-2025", TEXT, TEXT, "streaming tools", 256_000, 8_000),
)
# The models are OpenAI's; the dates are Microsoft's own: learn.microsoft.com, ai-foundry/openai/concepts/legacy-models.
AZURE = (
    *(Known(known.pattern, known.input, known.output, known.features, known.context_window, known.max_output) for known in OPENAI),
    Known(r"gpt-3\.5-turbo-0613", retires_on=date(2025, 2, 13)),
    Known(r"gpt-3\.5-turbo-16k", retires_on=date(2025, 4, 30)),
    Known(r"gpt-4-32k", retires_on=date(2025, 6, 6)),
    Known(r"gpt-4\.5-preview", retires_on=date(2025, 7, 14)),
    Known(r"o1-preview", retires_on=date(2025, 7, 28)),
)
# docs.aws.amazon.com: nova/latest/userguide/using-converse-api (streaming, documents, vision, tools), bedrock model-lifecycle (modalities
# of Nova Lite and Micro). Claude models: Anthropic's overview, as above; they are the same on every platform.
BEDROCK = (
    Known(r".*anthropic\.claude-(opus|sonnet|haiku|fable|mythos)-.*", SEES, TEXT, "streaming tools"),
    Known(r".*amazon\.nova-(micro|lite|pro|premier)-v1:0", features="streaming tools"),
    Known(r".*amazon\.nova-lite-v1:0", "text image video", TEXT),
    Known(r".*amazon\.nova-micro-v1:0", TEXT, TEXT),
)
KNOWN = {"openai": OPENAI, "anthropic": ANTHROPIC, "google": GOOGLE, "cohere": COHERE, "azure": AZURE, "bedrock": BEDROCK}

# IDs under which the package keeps prices, where the provider's API wants another one.
CALLABLE_ID = {
    "openai": {"gpt-5.3": "gpt-5.3-chat-latest"},
    "anthropic": {
        "claude-2": "claude-2.1",
        "claude-3-haiku": "claude-3-haiku-20240307",
        "claude-3-sonnet": "claude-3-sonnet-20240229",
        "claude-3-5-sonnet": "claude-3-5-sonnet-20241022",
    },
    "cohere": {
        "command-a": "command-a-03-2025",
        "command-r": "command-r-08-2024",
        "command-r-plus": "command-r-plus-08-2024",
        "command-r7b": "command-r7b-12-2024",
    },
    "bedrock": {"anthropic.claude-opus-4-5-v1:0": "anthropic.claude-opus-4-5-20251101-v1:0"},
}

# Names of the package that say something else than the ID.
NAMES = {"openai": {"o4-mini": "o4-mini", "gpt-4-32k": "GPT-4 32k"}, "azure": {"o4-mini": "o4-mini", "gpt-4-32k": "GPT-4 32k"}}

EMBEDDINGS = "embeddings"
IMAGES = "makes images or video"
SPEECH = "speech: transcription, synthesis or a live session"
MODERATION = "moderation"
COMPLETIONS = "old completions API"
RESPONSES_ONLY = "OpenAI's Responses API only"
NO_ID = "a name that prices are kept under, not an ID that the provider's API takes"
ELSEWHERE = "served by another platform than this provider's API"

# What is not offered for chat, by a pattern that finds it anywhere in the package's ID, and why.
NOT_CHAT: dict[str, tuple[tuple[str, str], ...]] = {
    "openai": (
        (r"embedding", EMBEDDINGS),
        (r"image", IMAGES),
        (r"whisper|tts|transcribe|translate|realtime|audio|live", SPEECH),
        (r"moderation", MODERATION),
        (r"^(ada|babbage|curie|davinci|text-davinci)|instruct", COMPLETIONS),
        (r"^o[134](-\w+)?-pro$|^gpt-5[.\d]*-pro$|codex|deep-research|computer-use", RESPONSES_ONLY),
        (r"^ft:|\.ft-|:|^gpt-3\.5-0301$", NO_ID),
        (r"^gpt-oss", ELSEWHERE),
    ),
    "anthropic": ((r"^claude-v1$", NO_ID),),
    "google": (
        (r"embedding", EMBEDDINGS),
        (r"image|banana|omni", IMAGES),
        (r"tts|live|streaming", SPEECH),
        (r"^claude|-maas$", ELSEWHERE),
        (r"^gemini-(flash|pro)-1\.5|^gemma-3n?$", NO_ID),
    ),
    "cohere": ((r"embed|rerank", EMBEDDINGS),),
    "azure": ((r"-latest$|search", ELSEWHERE),),
    "bedrock": ((r"embed", EMBEDDINGS), (r"sonic", SPEECH)),
}


def known_of(provider: str, model_id: str) -> Iterator[Known]:
    """What is known of a model, the most special last."""
    return (known for known in KNOWN[provider] if re.fullmatch(known.pattern, model_id))


def why_not_chat(provider: str, package_id: str) -> str:
    """Why a model of the package is not offered for chat; "" for one that is."""
    return next((reason for pattern, reason in NOT_CHAT[provider] if re.search(pattern, package_id)), "")
