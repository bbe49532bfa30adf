"""The demo's external models: each calls the demo provider, one per state that the console can show."""

from dataclasses import dataclass
from enum import StrEnum

from apps.demo.provider.keys import DEMO_KEYS
from apps.external_models.definition import Definition, Header, Paths
from apps.providers.types import DataType, Variable

JSON_HEADER = Header("Content-Type", "application/json")


class State(StrEnum):
    """How a demo model ends up."""

    ACTIVE = "active"
    OFF = "off"
    FAILING = "failing"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class DemoModel:
    """One model. `definition.url` is the path on the demo provider; `keys` name a connection each, the first one the model's own."""

    name: str
    definition: Definition
    keys: tuple[tuple[str, str], ...]
    sample: tuple[tuple[str, str], ...]
    state: State = State.ACTIVE


TRIAGE_BODY = """{
  "task": {
    "ask": "{{prompt}}",
    "background": "{{system_prompt}}",
    "line": "{{line}}"
  },
  "knobs": {
    "heat": {{heat}},
    "max_words": {{max_words}}
  }
}"""
CHAT_BODY = """{
  "model": "gpt-4.1-mini",
  "messages": [
    {"role": "system", "content": "{{system_prompt}}"},
    {"role": "user", "content": "{{prompt}}"}
  ],
  "temperature": 0.2
}"""
MESSAGES_BODY = """{
  "model": "claude-haiku-4-5",
  "max_tokens": 300,
  "messages": [{"role": "user", "content": "{{prompt}}"}]
}"""
GEMINI_BODY = """{
  "contents": [{"role": "user", "parts": [{"text": "{{prompt}}"}]}],
  "generationConfig": {"maxOutputTokens": 400}
}"""
DRAFT_BODY = """{
  "text": "{{prompt}}",
  "length":
}"""
HAIL = ("prompt", "Hail dented the roof and the bonnet of the insured's estate car. Which cover applies?")

TRIAGE = DemoModel(
    "Claims triage LLM",
    Definition(
        url="/triage/v3/assess",
        headers=(JSON_HEADER, Header("X-Harbor-Key", secret=True)),
        use_system_prompt=True,
        custom_variables=(
            Variable("line", "Line of business", DataType.STRING, "motor"),
            Variable("heat", "Heat", DataType.NUMBER, 0.2),
            Variable("max_words", "Longest answer, in words", DataType.NUMBER, 120),
        ),
        body=TRIAGE_BODY,
        paths=Paths("$.outcome.verdicts[?@.kind=='assessment'].body", "$.meter.in", "$.meter.out"),
    ),
    (("Claims triage LLM", DEMO_KEYS["triage"].accepted), ("Claims triage, night desk", DEMO_KEYS["triage"].second)),
    (HAIL, ("system_prompt", "You sort motor claims for Harbor Mutual. Be brief.")),
)
ASSISTANT = DemoModel(
    "Policy wording assistant",
    Definition(
        url="/openai/v1/chat/completions",
        headers=(JSON_HEADER, Header("Authorization", secret=True)),
        use_system_prompt=True,
        body=CHAT_BODY,
        paths=Paths("$.choices[0].message.content", "$.usage.prompt_tokens", "$.usage.completion_tokens"),
    ),
    (("Policy wording assistant", f"Bearer {DEMO_KEYS['openai'].accepted}"),),
    (HAIL, ("system_prompt", "Quote the wording of the policy.")),
)
LETTERS = DemoModel(
    "Customer letters",
    Definition(
        url="/anthropic/v1/messages",
        headers=(JSON_HEADER, Header("anthropic-version", "2023-06-01"), Header("x-api-key", secret=True)),
        body=MESSAGES_BODY,
        paths=Paths("$.content[?@.type=='text'].text", "$.usage.input_tokens", "$.usage.output_tokens"),
    ),
    (("Customer letters", DEMO_KEYS["anthropic"].accepted),),
    (("prompt", "Tell the customer that the claim is accepted."),),
    State.OFF,
)
FRAUD = DemoModel(
    "Fraud signals",
    Definition(
        url="/fault/503/triage/v3/assess",
        headers=(JSON_HEADER, Header("X-Harbor-Key", secret=True)),
        body='{"task": {"ask": "{{prompt}}"}}',
        paths=Paths("$.outcome.verdicts[1].body", "$.meter.in", "$.meter.out"),
    ),
    (("Fraud signals", DEMO_KEYS["triage"].accepted),),
    (("prompt", "Two claims for the same windscreen in one week."),),
    State.FAILING,
)
SUMMARISER = DemoModel(
    "Policy summariser v2",
    Definition(url="/cohere/v2/chat", headers=(JSON_HEADER, Header("Authorization", secret=True)), body=DRAFT_BODY),
    (),
    (),
    State.DRAFT,
)
RISK_NOTES = DemoModel(
    "Risk notes",
    Definition(
        url="/gemini/v1beta/models/gemini-2.5-flash:generateContent",
        headers=(JSON_HEADER, Header("x-goog-api-key", secret=True)),
        body=GEMINI_BODY,
        paths=Paths("$.candidates[0].content.parts[0].text", "$.usageMetadata.promptTokenCount", "$.usageMetadata.candidatesTokenCount"),
    ),
    (("Risk notes", DEMO_KEYS["gemini"].accepted),),
    (("prompt", "Sum up the flood risk of the river bank warehouse."),),
)

# By workspace slug, oldest first.
DEMO_MODELS: dict[str, tuple[DemoModel, ...]] = {
    "claims": (SUMMARISER, LETTERS, FRAUD, ASSISTANT, TRIAGE),
    "underwriting": (RISK_NOTES,),
}
