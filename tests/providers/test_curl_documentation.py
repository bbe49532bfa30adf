"""The curl examples of the providers' own documentation, as printed there, give a request that can be sent (spec 02; issue 3)."""

import json
from pathlib import Path

import pytest

from apps.external_models.definition import looks_secret
from apps.providers.address import fill_url, url_parameters
from apps.providers.curl import import_curl
from apps.providers.imported import ImportedRequest, ReadingPaths
from apps.providers.jsonpath import compile_path
from apps.providers.template import PROMPT, SYSTEM_PROMPT, check_template, parse_template, render

FOLDER = Path(__file__).parent / "curl"
CHAT = ReadingPaths("choices[0].message.content", "usage.prompt_tokens", "usage.completion_tokens")
ANTHROPIC = ReadingPaths("content[?@.type=='text'].text", "usage.input_tokens", "usage.output_tokens")
GEMINI = ReadingPaths(
    "candidates[0].content.parts[?!@.thought].text", "usageMetadata.promptTokenCount", "usageMetadata.candidatesTokenCount"
)
BEARER = ("Authorization", "Bearer ")

# File: address, secret header with its prefix, what is asked for, the body's prompt and system prompt, paths
DOCUMENTED = {
    "openai_chat": (
        "https://api.openai.com/v1/chat/completions",
        [BEARER],
        ["OPENAI_API_KEY"],
        {"system_prompt": "You are a helpful assistant.", "prompt": "Hello!"},
        CHAT,
    ),
    "openai_image_input": (
        "https://api.openai.com/v1/chat/completions",
        [BEARER],
        ["OPENAI_API_KEY"],
        {"prompt": "What is in this image?"},
        CHAT,
    ),
    "openai_streaming": (
        "https://api.openai.com/v1/chat/completions",
        [BEARER],
        ["OPENAI_API_KEY"],
        {"system_prompt": "You are a helpful assistant.", "prompt": "Hello!"},
        CHAT,
    ),
    "openai_responses": (
        "https://api.openai.com/v1/responses",
        [BEARER],
        ["OPENAI_API_KEY"],
        {"prompt": "Tell me a three sentence bedtime story about a unicorn."},
        ReadingPaths("output[?@.type=='message'].content[?@.type=='output_text'].text", "usage.input_tokens", "usage.output_tokens"),
    ),
    "anthropic_messages": (
        "https://api.anthropic.com/v1/messages",
        [("x-api-key", "")],
        ["ANTHROPIC_API_KEY"],
        {"system_prompt": "You are a seasoned data scientist at a Fortune 500 company.", "prompt": "Hello, world"},
        ANTHROPIC,
    ),
    "gemini": (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent",
        [("x-goog-api-key", "")],
        ["GEMINI_API_KEY"],
        {"prompt": "Explain how AI works in a few words"},
        GEMINI,
    ),
    "gemini_key_in_address": (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:generateContent",
        [("x-goog-api-key", "")],
        ["GEMINI_API_KEY"],
        {"system_prompt": "You are a cat. Your name is Neko.", "prompt": "Hello there"},
        GEMINI,
    ),
    "gemini_chat": (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:generateContent",
        [("x-goog-api-key", "")],
        ["GEMINI_API_KEY"],
        {"prompt": "I have two dogs in my house. How many paws are in my house?"},
        GEMINI,
    ),
    "cohere_v2": (
        "https://api.cohere.com/v2/chat",
        [("Authorization", "bearer ")],
        ["CO_API_KEY"],
        {"prompt": "I'm joining a new team as a Principal Analyst. What are the best ways to quickly get to know my teammates?"},
        ReadingPaths("message.content[?@.type=='text'].text", "usage.tokens.input_tokens", "usage.tokens.output_tokens"),
    ),
    "cohere_v1": (
        "https://api.cohere.com/v1/chat",
        [("Authorization", "bearer ")],
        ["CO_API_KEY"],
        {"system_prompt": "You speak like a pirate.", "prompt": "What year was he born?"},
        ReadingPaths("text", "meta.tokens.input_tokens", "meta.tokens.output_tokens"),
    ),
    "azure_openai": (
        "https://{YOUR_RESOURCE_NAME}.openai.azure.com/openai/deployments/{YOUR_DEPLOYMENT_NAME}/chat/completions?api-version=2024-06-01",
        [("api-key", "")],
        ["YOUR_API_KEY"],
        {"system_prompt": "You are a helpful assistant.", "prompt": "Do other Azure AI services support this too?"},
        CHAT,
    ),
    "azure_openai_endpoint": (
        "https://acme.openai.azure.com/openai/deployments/gpt-35-turbo/chat/completions?api-version=2024-02-01",
        [("api-key", "")],
        ["AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"],
        {"system_prompt": "You are a helpful assistant.", "prompt": "Do other Azure AI services support this too?"},
        CHAT,
    ),
    "mistral": (
        "https://api.mistral.ai/v1/chat/completions",
        [BEARER],
        ["MISTRAL_API_KEY"],
        {"prompt": "What is the best French cheese?"},
        CHAT,
    ),
    "groq": (
        "https://api.groq.com/openai/v1/chat/completions",
        [BEARER],
        ["GROQ_API_KEY"],
        {"prompt": "Explain the importance of fast language models"},
        CHAT,
    ),
    "huggingface_router": (
        "https://router.huggingface.co/v1/chat/completions",
        [BEARER],
        ["HF_TOKEN"],
        {"prompt": "What is the capital of France?"},
        CHAT,
    ),
    "huggingface_inference": (
        "https://api-inference.huggingface.co/models/meta-llama/Llama-2-70b-chat-hf",
        [BEARER],
        ["YOUR_TOKEN"],
        {"prompt": "In a surprising turn of events, "},
        ReadingPaths("[0].generated_text"),
    ),
    "ollama_generate": (
        "http://localhost:11434/api/generate",
        [],
        [],
        {"prompt": "Why is the sky blue?"},
        ReadingPaths("response", "prompt_eval_count", "eval_count"),
    ),
    "ollama_chat": (
        "http://localhost:11434/api/chat",
        [],
        [],
        {"prompt": "why is the sky blue?"},
        ReadingPaths("message.content", "prompt_eval_count", "eval_count"),
    ),
    "vllm_completions": (
        "http://localhost:8000/v1/completions",
        [],
        [],
        {"prompt": "San Francisco is a"},
        ReadingPaths("choices[0].text", "usage.prompt_tokens", "usage.completion_tokens"),
    ),
    "vllm_chat": (
        "http://localhost:8000/v1/chat/completions",
        [],
        [],
        {"system_prompt": "You are a helpful assistant.", "prompt": "Who won the world series in 2020?"},
        CHAT,
    ),
    "bedrock_converse": (
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-3-5-haiku-20241022-v1:0/converse",
        [BEARER],
        ["AWS_BEARER_TOKEN_BEDROCK"],
        {"prompt": "Hello"},
        ReadingPaths("output.message.content[*].text", "usage.inputTokens", "usage.outputTokens"),
    ),
    "bedrock_titan": (
        "https://bedrock-runtime.{AWS_REGION}.amazonaws.com/model/amazon.titan-text-express-v1/invoke",
        [BEARER],
        ["api-key"],
        {"prompt": "Write a haiku about the sea."},
        ReadingPaths("results[0].outputText", "inputTextTokenCount", "results[0].tokenCount"),
    ),
}
ANSWERS = {"AZURE_OPENAI_ENDPOINT": "https://acme.openai.azure.com/"}
KEY = "sk-planted-0123456789"


def pasted(name: str) -> str:
    return (FOLDER / f"{name}.sh").read_text()


def imported(name: str, **answers: str) -> ImportedRequest:
    return import_curl(pasted(name), looks_secret=looks_secret, answers=ANSWERS | answers)


def test_every_example_is_looked_at() -> None:
    assert {path.stem for path in FOLDER.glob("*.sh")} == set(DOCUMENTED)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_example_as_printed(name: str) -> None:
    url, secret_headers, asked, texts, paths = DOCUMENTED[name]
    first = import_curl(pasted(name), looks_secret=looks_secret)
    assert [question.name for question in first.questions] == asked
    request = imported(name)
    assert (request.method, request.url) == ("POST", url)
    assert [(header.name, header.prefix) for header in request.headers if header.secret] == secret_headers
    assert {replacement.placeholder: replacement.text for replacement in request.replacements} == texts
    assert request.paths == paths
    assert not request.needs_profile


@pytest.mark.parametrize("name", DOCUMENTED)
def test_its_body_is_a_template_and_undo_gives_back_what_was_pasted(name: str) -> None:
    texts = DOCUMENTED[name][3]
    request = imported(name)
    variables = [PROMPT, SYSTEM_PROMPT]
    template, problems = check_template(request.body, variables)
    assert template is not None
    assert problems == []
    assert template.names() == set(texts)
    literal = json.loads(render(parse_template(request.literal_body), variables, {"prompt": "unused"}))
    assert json.loads(render(template, variables, dict(texts))) == literal
    assert literal.get("stream") in (None, False)
    assert "stream_options" not in literal


@pytest.mark.parametrize("name", DOCUMENTED)
def test_its_address_can_be_called(name: str) -> None:
    request = imported(name)
    values = dict.fromkeys(url_parameters(request.url), "value")
    assert "{" not in fill_url(request.url, values)
    assert [parameter for parameter, _ in request.parameters] == list(values)
    for path in (request.paths.output, request.paths.input_tokens, request.paths.output_tokens):
        assert not path or compile_path(path)


@pytest.mark.parametrize("name", [name for name, expected in DOCUMENTED.items() if expected[1]])
def test_the_key_goes_into_its_header_and_shows_nowhere_else(name: str) -> None:
    _, [(header, prefix)], asked, *_ = DOCUMENTED[name]
    request = imported(name, **{asked[0]: KEY})
    assert request.questions == ()
    assert [(found.name, found.prefix, found.value) for found in request.headers if found.secret] == [(header, prefix, KEY)]
    assert request.secrets == (KEY,)
    assert KEY not in repr(request)
    assert KEY not in request.url + request.body + "".join(request.notes)
