"""What the *Amazon Bedrock* page shows besides what was typed: identities, policies, readings, the resulting request."""

import json
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings

from apps.connections.bedrock import external_id_of
from apps.connections.models import BedrockRole, RoleState
from apps.onboarding.bedrock_builder import CONVERSE, BedrockBuilder
from apps.onboarding.page import Reading, count_text
from apps.onboarding.request_preview import NOWHERE, PLACEHOLDERS, RequestPreview, painted
from apps.onboarding.slots import LABELS, shorten
from apps.providers.aws import (
    REGIONS,
    Family,
    Operation,
    Service,
    base_url,
    converse_starting_point,
    family_of,
    find_region,
    invoke_path,
    is_role_arn,
    permission_policy,
    reduce_model_id,
    trust_policy,
)
from apps.providers.chat_wire import ChatWire
from apps.providers.errors import ErrorKind, Stage
from apps.providers.registry import get_chat_format

MAX_KNOWN_ROLES = 20


@dataclass(frozen=True, slots=True)
class Check:
    """One step of a test. `state` is ok, bad, or wait: not come to."""

    state: str
    title: str
    note: str


@dataclass
class BedrockPage(BedrockBuilder):
    """The page as it stands, with everything that its template asks for."""

    # Credentials

    @property
    def principal(self) -> str:
        """The deployment's own identity, "" where platform staff have not set it up."""
        return str(settings.PATCHBAY_AWS_PRINCIPAL_ARN)

    @cached_property
    def external_id(self) -> str:
        return external_id_of(self.workspace)

    @property
    def names_role(self) -> bool:
        return is_role_arn(self.parameters["role_arn"])

    @cached_property
    def known_roles(self) -> list[str]:
        """Roles of the workspace that are registered already, for the field's suggestions."""
        roles = BedrockRole.objects.filter(workspace=self.workspace, state=RoleState.REGISTERED)
        return list(roles.values_list("role_arn", flat=True)[:MAX_KNOWN_ROLES])

    @property
    def permission_policy(self) -> str:
        return permission_policy()

    @property
    def trust_policy(self) -> str:
        return trust_policy(self.principal or "(the deployment has no principal yet)", self.external_id)

    # Model details

    @property
    def reading_note(self) -> str:
        """What was made of the model ID."""
        if self.reference is None:
            return ""
        note, model_id = self.reference.note, self.reference.model_id
        as_typed = str(self.data.get("model_id", "")).strip() == model_id
        return note if as_typed or model_id in note else note.replace("Read as ", f"Read as {model_id}, ", 1)

    @property
    def reading_problem(self) -> str:
        """Why nothing can be made of the model ID; "" while it is empty, and where its field says so already."""
        text = str(self.data.get("model_id", ""))
        if not text.strip() or "model_id" in self.form.errors:
            return ""
        try:
            reduce_model_id(text)
        except ValueError as error:
            return str(error)
        return ""

    @property
    def region_differs(self) -> bool:
        return bool(self.reference and self.reference.region and self.reference.region != self.parameters["region"])

    # The call

    @property
    def family(self) -> Family | None:
        return family_of(self.model_id)

    @cached_property
    def resulting_request(self) -> RequestPreview:
        """What Converse sends, with the prompts' placeholders in it."""
        region = REGIONS.get(self.parameters["region"]) or find_region(settings.PATCHBAY_AWS_DEFAULT_REGION)
        url = base_url(Service.BEDROCK_RUNTIME, region) + invoke_path(self.model_id or "MODEL-ID", Operation.CONVERSE)
        body = ChatWire(get_chat_format(CONVERSE), NOWHERE, self.model_id).build_request(PLACEHOLDERS).body
        return RequestPreview(url, "", painted(json.dumps(json.loads(body), indent=2, ensure_ascii=False)))

    @property
    def converse_readings(self) -> list[Reading]:
        """What is read out of Converse's answer, with what that was in the last test."""
        point, values = converse_starting_point(), ["", "", ""]
        if self.result and not self.result.failure and self.form.follows_structure:
            values = [shorten(self.result.output), count_text(self.result.input_tokens), count_text(self.result.output_tokens)]
        paths = (point.output, point.input_tokens, point.output_tokens)
        return [Reading(label, path, value) for label, path, value in zip(LABELS.values(), paths, values, strict=True)]

    # The last test

    @property
    def checks(self) -> list[Check]:
        """How far a test that failed came; nothing for one that passed, or that did not get as far as AWS."""
        failure = self.result.failure if self.result else None
        if failure is None or not (self.result and (self.result.sent or failure.stage == Stage.AUTHORIZE.label)):
            return []
        registered = failure.kind != ErrorKind.ROLE_NOT_REGISTERED
        assumed = failure.stage != Stage.AUTHORIZE.label
        return [
            Check("ok" if registered else "bad", "Role is registered", "With Patchbay's platform staff"),
            Check(
                "ok" if assumed else "bad" if registered else "wait",
                "Assumed your role" if assumed else "Could not assume your role" if registered else "Assume your role",
                f"sts:AssumeRole in {self.parameters['sts_region']}",
            ),
            Check(
                "bad" if assumed else "wait",
                "Could not invoke the model" if assumed else "Invoke the model",
                f"bedrock:InvokeModel on {self.model_id} in {self.parameters['region']}",
            ),
        ]

    @property
    def checks_passed(self) -> int:
        return sum(check.state == "ok" for check in self.checks)

    @property
    def remedy(self) -> str:
        """The policy that the failure's advice speaks of, ready to paste; "" where it speaks of none."""
        failure = self.result.failure if self.result else None
        if failure is None or not self.checks:
            return ""
        if failure.stage == Stage.AUTHORIZE.label:
            return self.trust_policy if "trust policy" in failure.hint else ""
        return permission_policy() if "permission policy" in failure.hint else ""
