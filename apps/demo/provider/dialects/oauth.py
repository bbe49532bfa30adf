"""An OAuth 2.0 authorization server under /oauth, and an API that demands its tokens.

GET, POST /oauth/authorize        the consent page, and its answer; PKCE with S256 is demanded
POST /oauth/token                 client_credentials, authorization_code, refresh_token (a new one each time); tokens live 300 s
POST /oauth/life/{seconds}/token  the same, with tokens that live so long; 0 leaves out how long
POST /oauth/revoke                RFC 7009
POST /oauth/v1/assess             {"ask": text} with a token in Authorization: Bearer; 401 without a valid one
The clients are in apps/demo/provider/authorization.py.
"""

import base64
import binascii
import hmac
import html
import re
import time
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from apps.demo.provider import fields
from apps.demo.provider.authorization import CLIENTS, CODE_SECONDS, Grant, access_tokens, codes, proves, refresh_tokens
from apps.demo.provider.keys import bearer
from apps.demo.provider.messages import Dialect, Headers, JsonObject, Refusal, Reply, Request, Why, json_reply
from apps.demo.provider.words import Asked, Turn, say

LIFE = 300.0  # seconds
FOREVER = 10.0 * 365 * 86400
TOKEN_PATH = re.compile(r"(?:/life/(?P<life>\d+(?:\.\d+)?))?/token")
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Harbor ID</title><main><h1>Allow access?</h1><p>{client} asks for: {scope}.</p>
<form method="post" action="?{query}"><button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button></form></main></html>"""


class Denied(Exception):
    """A token request is refused, in the words of RFC 6749, 5.2."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.reply = json_reply(status, {"error": error, "error_description": description}, (("cache-control", "no-store"),))


def answer(request: Request, path: str) -> Reply:
    if path == "/v1/assess":
        return assess(request)
    if path == "/authorize":
        return consent(request)
    try:
        if path == "/revoke":
            return revoke(request)
        if found := TOKEN_PATH.fullmatch(path):
            return give_token(request, float(found["life"] or LIFE))
    except Denied as denied:
        return denied.reply
    raise Refusal(Why.NOT_FOUND)


def form_of(request: Request) -> dict[str, str]:
    if request.method != "POST":
        raise Refusal(Why.WRONG_METHOD)
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def client_of(request: Request, form: dict[str, str]) -> str:
    """The client that proved itself, by header or in the body; raises Denied(invalid_client)."""
    client, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, credentials = request.header("authorization").partition(" ")
    if scheme.lower() == "basic":
        try:
            client, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            client = ""
        client, secret = unquote_plus(client), unquote_plus(secret)
    if client not in CLIENTS or not hmac.compare_digest(CLIENTS[client].encode(), secret.encode()):
        raise Denied(401, "invalid_client", "Client ID or secret is wrong.")
    return client


def give_token(request: Request, life: float) -> Reply:
    form = form_of(request)
    client = client_of(request, form)
    match form.get("grant_type"):
        case "client_credentials":
            if not CLIENTS[client]:
                raise Denied(400, "unauthorized_client", "A public client cannot act for itself.")
            return token_reply(client, form.get("scope", ""), life, refreshable=False)
        case "authorization_code":
            return token_reply(client, redeem(client, form).scope, life, refreshable=True)
        case "refresh_token":
            grant = refresh_tokens.take(form.get("refresh_token", ""))
            if grant is None or grant.client != client:
                raise Denied(400, "invalid_grant", "This refresh token is unknown, or was used already.")
            return token_reply(client, grant.scope, life, refreshable=True)
    raise Denied(400, "unsupported_grant_type", "This server knows client_credentials, authorization_code and refresh_token.")


def redeem(client: str, form: dict[str, str]) -> Grant:
    grant = codes.take(form.get("code", ""))
    if grant is None or grant.client != client or grant.redirect != form.get("redirect_uri"):
        raise Denied(400, "invalid_grant", "This code is unknown, expired, or was used already.")
    if not proves(grant.challenge, form.get("code_verifier", "")):
        raise Denied(400, "invalid_grant", "The PKCE verifier does not fit the challenge.")
    return grant


def token_reply(client: str, scope: str, life: float, *, refreshable: bool) -> Reply:
    until = time.monotonic() + (life or FOREVER)
    given: JsonObject = {"access_token": access_tokens.add(Grant(client, scope, until)), "token_type": "Bearer"}
    given |= {"expires_in": int(life) if life.is_integer() else life} if life else {}
    given |= {"scope": scope} if scope else {}
    if refreshable:
        given["refresh_token"] = refresh_tokens.add(Grant(client, scope, time.monotonic() + FOREVER))
    return json_reply(200, given, (("cache-control", "no-store"),))


def revoke(request: Request) -> Reply:
    form = form_of(request)
    client_of(request, form)
    access_tokens.take(form.get("token", ""))
    refresh_tokens.take(form.get("token", ""))
    return json_reply(200, {})


def consent(request: Request) -> Reply:
    """The page, or its answer: back to the client with a code or an error."""
    asked = dict(parse_qsl(request.query))
    if asked.get("client_id", "") not in CLIENTS or urlsplit(asked.get("redirect_uri", "")).scheme not in {"http", "https"}:
        return page(400, "<h1>This request is not from a known client</h1>")
    if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
        return back(asked, {"error": "invalid_request", "error_description": "A code with PKCE (S256) has to be asked for."})
    if request.method != "POST":
        words = {"client": asked["client_id"], "scope": asked.get("scope") or "nothing in particular", "query": request.query}
        return page(200, PAGE.format(**{name: html.escape(text) for name, text in words.items()}))
    if form_of(request).get("answer") != "allow":
        return back(asked, {"error": "access_denied", "error_description": "The person said no."})
    until = time.monotonic() + CODE_SECONDS
    grant = Grant(asked["client_id"], asked.get("scope", ""), until, asked["redirect_uri"], asked["code_challenge"])
    return back(asked, {"code": codes.add(grant)})


def back(asked: dict[str, str], found: dict[str, str]) -> Reply:
    query = urlencode(found | ({"state": asked["state"]} if "state" in asked else {}))
    mark = "&" if urlsplit(asked["redirect_uri"]).query else "?"
    return page(302, "", (("location", f"{asked['redirect_uri']}{mark}{query}"),))


def page(status: int, text: str, headers: Headers = ()) -> Reply:
    return Reply(status, (text.encode(),), "text/html; charset=utf-8", headers)


def assess(request: Request) -> Reply:
    """The API behind the token."""
    if request.method != "POST":
        raise Refusal(Why.WRONG_METHOD)
    token = bearer(request.header("authorization"))
    if not token:
        raise Refusal(Why.MISSING_KEY)
    if access_tokens.find(token) is None:
        raise Refusal(Why.UNKNOWN_KEY)
    ask = fields.required(fields.text(fields.read_object(request), "ask", ""), "ask")
    said = say(Asked("", (Turn("user", ask),)))
    return json_reply(200, {"answer": said.text, "usage": {"in": said.input_tokens, "out": said.output_tokens}})


def refuse(refusal: Refusal) -> Reply:
    match refusal.why:
        case Why.MISSING_KEY | Why.UNKNOWN_KEY:
            challenge = 'Bearer realm="harbor"' + (', error="invalid_token"' if refusal.why is Why.UNKNOWN_KEY else "")
            said: JsonObject = {"error": "invalid_token", "message": "The token is missing, unknown or expired."}
            return json_reply(401, said, (("www-authenticate", challenge),))
        case Why.NOT_FOUND:
            return json_reply(404, {"error": "not_found"})
        case Why.WRONG_METHOD:
            return json_reply(405, {"error": "method_not_allowed"})
        case Why.BAD_REQUEST:
            return json_reply(400, {"error": "invalid_request", "message": refusal.message, "where": refusal.where})
    return json_reply(429 if refusal.why is Why.RATE_LIMITED else 500, {"error": str(refusal.why)})


DIALECT = Dialect("oauth", "/oauth", answer, refuse)
