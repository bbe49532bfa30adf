"""How AWS says no: a code, a status and a message. Each service writes them in its own shape."""

from dataclasses import dataclass


@dataclass(eq=False)
class AwsRefusal(Exception):
    """`code` is Bedrock's name of the error; sts.py knows STS's own name where that differs."""

    status: int
    code: str
    message: str
