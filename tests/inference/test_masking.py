"""Spec 07 A9: no answer gives a secret back, however long the call's list of secrets is and wherever its error text is cut."""

import json
from typing import Any

import pytest

from apps.core.http import Limits
from apps.core.secrets import Secret
from apps.external_models.definition import Definition, Header
from apps.inference import pipeline
from apps.inference.target import Target
from tests.support.outbound import loopback_rule
from tests.support.servers import Connection, answering, serve

KEY = "sk-live-abcdefghijklmnopqrstuvwxyz0123456789"


def answer(status: int, document: Any) -> bytes:
    body = json.dumps(document).encode()
    return b"HTTP/1.1 %d Odd\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


@pytest.mark.parametrize("filler", range(440, 520, 7))
async def test_an_error_text_is_masked_before_it_is_cut(filler: int) -> None:
    said = {"error": {"message": "." * filler + KEY}}
    async with serve(answering(answer(401, said))) as server:
        definition = Definition(url=f"http://127.0.0.1:{server.port}/", headers=(Header("x-api-key", secret=True),), body='"{{prompt}}"')
        target = Target(definition, {"x-api-key": Secret(KEY)}, limits=Limits(total=60))
        result = await pipeline.run(target, {"prompt": "hi"}, rules=[loopback_rule(server.port)])
    assert result.failure
    assert KEY[:12] not in json.dumps(result.to_json())


async def test_no_number_of_secrets_pushes_one_out() -> None:
    """Whoever may add headers to a model must not be able to read the key that a colleague stored."""
    others = {f"x-own-{number}": Secret(f"two words{number} of-{number}-mine") for number in range(150)}
    headers = (Header("x-api-key", secret=True), *(Header(name, secret=True, prefix="Bearer ") for name in others))

    async def echo(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(answer(200, {"you sent": connection.server.requests[-1].decode("latin-1")}))

    async with serve(echo) as server:
        target = Target(
            Definition(url=f"http://127.0.0.1:{server.port}/", headers=headers, body='"{{prompt}}"'), others | {"x-api-key": Secret(KEY)}
        )
        result = await pipeline.run(target, {"prompt": "hi"}, rules=[loopback_rule(server.port)])
    assert result.received
    assert "x-own-149" in result.received.text
    assert KEY not in json.dumps(result.to_json())
