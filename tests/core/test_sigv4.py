"""Signature v4: the published examples of AWS, and what leaves the process through core/http.py (spec 07 G5, A5, A9)."""

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
import time_machine
from django.conf import settings

from apps.core.http import Failure, OutboundError, send
from apps.core.secrets import Secret, call_secrets, redact
from apps.core.sigv4 import SigningKeys, SigV4Signer
from tests.support.outbound import QUICK, loopback_rule
from tests.support.servers import answering, json_answer, serve

# Of AWS's own test suite for signers (aws-sig-v4-test-suite).
EXAMPLE = SigningKeys("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("method", "query", "signature"),
    [
        ("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),  # get-vanilla
        ("POST", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),  # post-vanilla
        (
            "GET",
            "?Param1=value1&Param2=value2",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ],
)
def test_signatures_are_those_of_the_published_examples(method: str, query: str, signature: str) -> None:
    with time_machine.travel(AT, tick=False):
        url = f"https://example.amazonaws.com/{query}"
        headers = dict(SigV4Signer(EXAMPLE, "us-east-1", "service").sign(method, url, [("Host", "example.amazonaws.com")], b""))
    assert headers["X-Amz-Date"] == "20150830T123600Z"
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )


def test_headers_of_a_signature_that_somebody_set_are_replaced() -> None:
    """A model's own headers cannot stand beside the signature."""
    given = [("Host", "h"), ("AUTHORIZATION", "Bearer mine"), ("x-amz-security-token", "mine"), ("User-Agent", "Patchbay")]
    signed = SigV4Signer(EXAMPLE, "us-east-1", "service").sign("POST", "https://h/", given, b"{}")
    assert [value for name, value in signed if name.lower() == "authorization"] != ["Bearer mine"]
    assert len([name for name, _ in signed if name.lower() == "authorization"]) == 1
    assert "mine" not in [value for _, value in signed]
    assert ("User-Agent", "Patchbay") in signed


async def test_a_signed_call_leaves_as_it_was_signed_and_its_secrets_are_masked() -> None:
    """A5, A9: revealed at the last moment, and known to redaction from then on."""
    keys = SigningKeys("ASIAEXAMPLE", Secret(SECRET), Secret("FwoGZXIvYXdzEXAMPLETOKEN"))
    with call_secrets():
        async with serve(answering(json_answer())) as server:
            url = f"http://127.0.0.1:{server.port}/model/a.b-v1%3A0/converse"
            signer = SigV4Signer(keys, "eu-west-1", "bedrock")
            await send(
                "POST", url, [("Content-Type", "application/json")], b"{}", rules=[loopback_rule(server.port)], limits=QUICK, signer=signer
            )
        request = server.requests[0].decode()
        assert request.startswith("POST /model/a.b-v1%3A0/converse HTTP/1.1\r\n")
        assert "X-Amz-Security-Token: FwoGZXIvYXdzEXAMPLETOKEN" in request
        assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token" in request
        assert redact(f"{SECRET} FwoGZXIvYXdzEXAMPLETOKEN").count("•") == 8
    assert "FwoG" not in repr(keys) + repr(signer)


@pytest.mark.parametrize(
    ("access_key", "token"),
    [("AKIA\r\nX-Evil: 1", "token"), ("AKIA\u00c9", "token"), ("AKIA", "tok\u00e9n"), ("AKIA", "token\nX-Evil: 1"), ("AKIA", "t" * 8193)],
)
async def test_what_a_signer_adds_is_checked_like_every_header(access_key: str, token: str) -> None:
    """B9: keys that came from elsewhere do not write the request, and nothing is sent."""
    signer = SigV4Signer(SigningKeys(access_key, Secret(SECRET), Secret(token)), "eu-west-1", "bedrock")
    async with serve(answering(json_answer())) as server:
        url, rules = f"http://127.0.0.1:{server.port}/", [loopback_rule(server.port)]
        with pytest.raises(OutboundError) as caught:
            await send("POST", url, [("Content-Type", "application/json")], b"{}", rules=rules, limits=QUICK, signer=signer)
    assert caught.value.code is Failure.BAD_VALUE
    assert "Evil" not in str(caught.value)
    assert server.connections == 0


class Renaming:
    """A signer gone wrong."""

    def __init__(self, name: str) -> None:
        self.name = name

    def sign(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> list[tuple[str, str]]:
        return [*headers, (self.name, "1")]


@pytest.mark.parametrize("name", ["X-Evil: 1\r\nX", "", "X-\u00c9", "Transfer-Encoding", "Connection"])
async def test_names_that_a_signer_adds_are_checked_too(name: str) -> None:
    async with serve(answering(json_answer())) as server:
        url, rules = f"http://127.0.0.1:{server.port}/", [loopback_rule(server.port)]
        with pytest.raises(OutboundError) as caught:
            await send("POST", url, [], b"{}", rules=rules, limits=QUICK, signer=Renaming(name))
    assert caught.value.code is Failure.BAD_VALUE
    assert server.connections == 0


def test_the_signer_is_not_imported_at_the_start() -> None:
    """It would make every start a fifth slower, for something that not every deployment uses."""
    code = "import sys, django; django.setup(); import config.urls, apps.core.sigv4; sys.exit('botocore' in sys.modules)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=settings.BASE_DIR, env=environment)
