"""/echo answers with what arrived: method, path, query, headers, body. Needs no key, so it shows whether one was sent."""

from apps.demo.provider.messages import Dialect, Json, Refusal, Reply, Request, json_reply


def answer(request: Request, path: str) -> Reply:
    headers: list[Json] = [[name, value] for name, value in request.headers]
    body: Json = request.body.decode("utf-8", "replace")
    return json_reply(200, {"method": request.method, "path": request.path, "query": request.query, "headers": headers, "body": body})


def refuse(refusal: Refusal) -> Reply:
    return json_reply(500, {"error": str(refusal.why)})


DIALECT = Dialect("echo", "/echo", answer, refuse)
