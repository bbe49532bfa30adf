"""What the refusals of STS and of Bedrock mean, told apart, in words that say what to fix (spec 02, Amazon Bedrock)."""

import re
from collections.abc import Callable

from apps.providers.aws.meanings import BEDROCK_RULES, EXPIRED, STS_RULES, Meaning, fallback, meaning_of, sts_fallback
from apps.providers.aws.model_ids import geography_of
from apps.providers.aws.regions import Service
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.http_errors import provider_message, read_retry_after
from apps.providers.jsonread import parse_json
from apps.providers.types import Response

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,79}")


class AwsError(ProviderError):
    """AWS refused. `service` says who, `code` is AWS's own name of the error ("" where it gave none)."""

    def __init__(self, service: Service, code: str, kind: ErrorKind, message: str, hint: str, **more: object) -> None:
        super().__init__(kind, message, hint, **more)  # type: ignore[arg-type]  # ProviderError's own keywords
        self.service = service
        self.code = code

    @property
    def expired(self) -> bool:
        """The session's credentials ran out: worth one more try with new ones (spec 07 G4)."""
        return self.code in EXPIRED


def explain_sts_error(response: Response, *, region: str, said: Callable[[bytes], tuple[str, str]]) -> AwsError:
    """The error of AssumeRole. `said` reads code and message out of STS's XML."""
    code, message = said(response.body)
    words = {"region": region}
    otherwise = sts_fallback(response.status, region)
    return _error(Service.STS, code, message, response, meaning_of(STS_RULES, code, message, otherwise), words)


def explain_bedrock_error(response: Response, *, region: str, model: str) -> AwsError:
    """The error of an invocation, by Bedrock's own name for it and, where that says too little, by its words."""
    code = error_type(response)
    message = provider_message(response.body)
    geography = region.partition("-")[0]
    words = {
        "region": region,
        "model": model,
        "profile": f"{ {'ap': 'apac'}.get(geography, geography) }.{model}",
        "identifier_hint": _identifier_hint(model, region),
    }
    otherwise = fallback(response.status, f"Bedrock in {region}")
    return _error(Service.BEDROCK_RUNTIME, code, message, response, meaning_of(BEDROCK_RULES, code, message, otherwise), words)


def error_type(response: Response) -> str:
    """AWS's name of an error: from its header, without the documentation's address behind a colon, else from the body."""
    named = response.header("x-amzn-errortype")
    if not named:
        try:
            document = parse_json(response.body)
        except ProviderError:
            return ""
        given = document.get("__type") or document.get("code") if isinstance(document, dict) else None
        named = given if isinstance(given, str) else ""
    found = _CODE.match(named.rpartition("#")[2])
    return found[0] if found else ""


def _error(service: Service, code: str, said: str, response: Response, meaning: Meaning, words: dict[str, str]) -> AwsError:
    sentence = meaning.message.format_map(words)
    return AwsError(
        service,
        code,
        meaning.kind,
        f"{sentence}: {said}" if said else f"{sentence} ({code or f'HTTP {response.status}'}).",
        meaning.hint.format_map(words),
        retryable=meaning.retryable,
        status=response.status,
        provider_message=said,
        retry_after=read_retry_after(response.header("retry-after")),
    )


def _identifier_hint(model: str, region: str) -> str:
    served = geography_of(model)
    if served and served not in ("global", region.partition("-")[0]) and not (served == "apac" and region.startswith("ap-")):
        return f"This inference profile belongs to regions of “{served}”, not to {region}: change the model region or the profile."
    return "Check it for typing errors, and that the model is offered in this region."
