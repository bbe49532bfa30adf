"""The model families of Bedrock: who speaks Converse, and a working body with its paths to begin with (spec 02, spec 04)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from apps.providers.aws.model_ids import without_geography


class Operation(StrEnum):
    """The last step of an invocation's path."""

    CONVERSE = "converse"
    INVOKE = "invoke"


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """A template's body and paths, which stay editable. A path is "" where the answer does not hold the thing."""

    operation: Operation
    body: str
    output: str
    input_tokens: str = ""
    output_tokens: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Models with one request shape. `prefixes` are of model IDs without their geography; the longest that fits decides."""

    label: str
    prefixes: tuple[str, ...]
    invoke: StartingPoint | None = None
    converse: bool = True


_SYSTEM = '  "system": [{ "text": "{{system_prompt}}" }],\n'
_CONVERSE = """{{
{system}  "messages": [
    {{ "role": "user", "content": [{{ "text": "{{{{prompt}}}}" }}] }}
  ],
  "inferenceConfig": {{ "maxTokens": 1024 }}
}}"""
_ANTHROPIC = StartingPoint(
    Operation.INVOKE,
    """{
  "anthropic_version": "bedrock-2023-05-31",
  "max_tokens": 1024,
  "messages": [{ "role": "user", "content": "{{prompt}}" }]
}""",
    "content[?@.type=='text'].text",
    "usage.input_tokens",
    "usage.output_tokens",
)
_NOVA = StartingPoint(
    Operation.INVOKE,
    """{
  "messages": [{ "role": "user", "content": [{ "text": "{{prompt}}" }] }],
  "inferenceConfig": { "maxTokens": 1024 }
}""",
    "output.message.content[*].text",
    "usage.inputTokens",
    "usage.outputTokens",
)
_TITAN = StartingPoint(
    Operation.INVOKE,
    """{
  "inputText": "User: {{prompt}}\\nBot:",
  "textGenerationConfig": { "maxTokenCount": 1024 }
}""",
    "results[0].outputText",
    "inputTextTokenCount",
    "results[0].tokenCount",
)
_LLAMA = StartingPoint(
    Operation.INVOKE,
    """{
  "prompt": "<|start_header_id|>user<|end_header_id|>\\n\\n{{prompt}}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\\n\\n",
  "max_gen_len": 1024
}""",
    "generation",
    "prompt_token_count",
    "generation_token_count",
)
_MISTRAL = StartingPoint(Operation.INVOKE, '{\n  "prompt": "<s>[INST] {{prompt}} [/INST]",\n  "max_tokens": 1024\n}', "outputs[0].text")
_COMMAND_R = StartingPoint(Operation.INVOKE, '{\n  "message": "{{prompt}}",\n  "max_tokens": 1024\n}', "text")
_COMMAND = StartingPoint(Operation.INVOKE, '{\n  "prompt": "{{prompt}}",\n  "max_tokens": 1024\n}', "generations[0].text")
_OPENAI_LIKE = StartingPoint(
    Operation.INVOKE,
    '{\n  "messages": [{ "role": "user", "content": "{{prompt}}" }],\n  "max_tokens": 1024\n}',
    "choices[0].message.content",
    "usage.prompt_tokens",
    "usage.completion_tokens",
)

FAMILIES: Final = (
    Family("Anthropic Claude", ("anthropic.claude",), _ANTHROPIC),
    Family("Amazon Nova", ("amazon.nova",), _NOVA),
    Family("Amazon Nova images, video and speech", ("amazon.nova-canvas", "amazon.nova-reel", "amazon.nova-sonic"), converse=False),
    Family("Amazon Nova embeddings", ("amazon.nova-2-multimodal-embeddings",), converse=False),
    Family("Amazon Titan Text", ("amazon.titan-text", "amazon.titan-tg1"), _TITAN),
    Family("Amazon Titan embeddings and images", ("amazon.titan-embed", "amazon.titan-image"), converse=False),
    Family("Meta Llama", ("meta.llama",), _LLAMA),
    Family("Mistral", ("mistral.",), _MISTRAL),
    Family("Mistral Pixtral", ("mistral.pixtral",), _OPENAI_LIKE),
    Family("Cohere Command R", ("cohere.command-r",), _COMMAND_R),
    Family("Cohere Command", ("cohere.command",), _COMMAND, converse=False),
    Family("AI21 Jamba", ("ai21.jamba",), _OPENAI_LIKE),
    Family("DeepSeek", ("deepseek.",), None),
    Family("OpenAI open weights", ("openai.gpt-oss",), _OPENAI_LIKE),
    Family("Qwen", ("qwen.",), _OPENAI_LIKE),
    Family("Google Gemma", ("google.gemma",), _OPENAI_LIKE),
    Family("Writer Palmyra", ("writer.palmyra",), _OPENAI_LIKE),
    Family("NVIDIA Nemotron", ("nvidia.nemotron",), _OPENAI_LIKE),
    Family("MiniMax", ("minimax.",), _OPENAI_LIKE),
    Family("Moonshot Kimi", ("moonshot.", "moonshotai."), _OPENAI_LIKE),
    Family("Z.AI GLM", ("zai.",), _OPENAI_LIKE),
)


def family_of(model_id: str) -> Family | None:
    """The family of a model ID or of an inference profile of AWS; None for one that does not show in the ID, such as an ARN's."""
    base = without_geography(model_id)
    fitting = [(len(prefix), family) for family in FAMILIES for prefix in family.prefixes if base.startswith(prefix)]
    return max(fitting, key=lambda item: item[0])[1] if fitting else None


def speaks_converse(model_id: str) -> bool:
    """Whether the model is a known chat model, called with Converse; everything else is called with InvokeModel."""
    family = family_of(model_id)
    return family is not None and family.converse


def converse_starting_point(*, system_prompt: bool = False) -> StartingPoint:
    """Converse's body. Bedrock refuses an empty system prompt, so it is in the body only where the model has that variable on."""
    body = _CONVERSE.format(system=_SYSTEM if system_prompt else "")
    return StartingPoint(Operation.CONVERSE, body, "output.message.content[*].text", "usage.inputTokens", "usage.outputTokens")


def invoke_path(model_id: str, operation: Operation) -> str:
    """/model/<ID>/converse. The ID is one path step: colons and, in an ARN, slashes are percent-encoded."""
    return f"/model/{quote(model_id, safe='')}/{operation}"
