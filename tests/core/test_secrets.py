"""Opaque secrets and their sealed form (spec 03 "Secrets", spec 07 A3-A7)."""

import ast
import base64
import copy
import json
import logging
import pickle
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.template import Context, Template

from apps.core.datakeys import data_keys
from apps.core.models import DataKey
from apps.core.secrets import Place, Secret, SecretUnreadable, call_secrets, fingerprint, hint, redact, seal, sealed_under, unseal

PLANTED = "sk-planted-0123456789abcdef"
PLACE = Place(scope=str(uuid4()), table="connections_connectionsecret", row="7", field="api_key")


class TestOpaque:
    """A5: no str, no JSON, no pickle, a repr without value."""

    secret = Secret(PLANTED)

    @pytest.mark.parametrize("show", [repr, ascii, lambda s: f"{s!r}", lambda s: repr([s]), lambda s: repr({"key": s})])
    def test_repr_shows_nothing(self, show: object) -> None:
        assert "Secret(…)" in ascii_back(show(self.secret))  # type: ignore[operator]
        assert PLANTED not in show(self.secret)  # type: ignore[operator]

    @pytest.mark.parametrize(
        "leak",
        [str, format, lambda s: f"{s}", lambda s: f"{s:>40}",  "{}".format, lambda s: "Bearer " + s, lambda s: "".join([s]),
         json.dumps, lambda s: pickle.dumps(s), lambda s: pickle.dumps({"key": s}), vars, list, bytes, len, hash, iter],
    )  # fmt: skip
    def test_nothing_turns_it_into_a_text(self, leak: object) -> None:
        with pytest.raises(TypeError) as refused:
            leak(self.secret)  # type: ignore[operator]
        assert PLANTED not in str(refused.value)

    def test_template_cannot_show_it(self) -> None:
        with pytest.raises(TypeError):
            Template("{{ key }}").render(Context({"key": self.secret}))

    def test_log_record_does_not_hold_it(self, caplog: pytest.LogCaptureFixture) -> None:
        logging.getLogger("test").warning("key %r", self.secret)
        assert PLANTED not in caplog.text

    def test_copies_are_the_same_object(self) -> None:
        assert copy.copy(self.secret) is self.secret
        assert copy.deepcopy({"key": self.secret})["key"] is self.secret

    def test_attributes_cannot_be_added(self) -> None:
        with pytest.raises(AttributeError):
            self.secret.note = PLANTED  # type: ignore[attr-defined]


def ascii_back(text: str) -> str:
    return text.replace("\\u2026", "…")


def test_equality_and_truth() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert not Secret("")
    assert Secret(" ")


def test_prefix_and_strip_stay_opaque() -> None:
    assert Secret("key").with_prefix("Bearer ") == Secret("Bearer key")
    assert Secret("  key\n").stripped() == Secret("key")


@pytest.mark.parametrize(
    ("user", "password", "form_encoded", "plain"),
    [("härbor", "pä:ss", False, "härbor:pä:ss"), ("my client", "a+b/c&d", True, "my+client:a%2Bb%2Fc%26d")],
)
def test_a_basic_header_is_made_closed_and_known_to_redaction(user: str, password: str, form_encoded: bool, plain: str) -> None:
    """A5, A9: nobody outside sees the password, and every form of it is masked once it was sent (RFC 7617; RFC 6749, 2.3.1)."""
    header = Secret(password).as_basic(user, form_encoded=form_encoded)
    credentials = base64.b64encode(plain.encode()).decode()
    assert header == Secret(f"Basic {credentials}")
    with call_secrets():
        header.reveal()
        for form in (password, credentials, f"Basic {credentials}", plain.partition(":")[2]):
            assert form not in redact(f"the server says {form}!")


def test_reveal_is_called_in_the_outbound_module_only() -> None:
    """A5: walks every module of the product."""
    callers = {path.relative_to(settings.BASE_DIR).as_posix() for path in Path(settings.BASE_DIR, "apps").rglob("*.py") if reveals(path)}
    assert callers == {"apps/core/http.py", "apps/core/sigv4.py"}  # the second signs for the first, over the bytes that are sent


def test_inner_text_is_read_where_secrets_are_sealed_only() -> None:
    readers = {path.name for path in Path(settings.BASE_DIR, "apps").rglob("*.py") if {"_text", "_core"} & set(attributes(path))}
    assert readers <= {"secrets.py"}


def reveals(path: Path) -> bool:
    """Also `getattr(x, "reveal")` and a method taken without calling it."""
    constants = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
    return "reveal" in attributes(path) or "reveal" in constants


def attributes(path: Path) -> list[str]:
    return [node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]


@pytest.mark.django_db
class TestSealed:
    @pytest.mark.parametrize("text", [PLANTED, "", " ", "é\u202e\x00", "\ud800", "x" * 100_000])
    def test_opens_in_its_place(self, text: str) -> None:
        assert unseal(seal(Secret(text), PLACE), PLACE) == Secret(text)

    def test_form(self) -> None:
        """A3: pb1.<key id>.<nonce>.<ciphertext>, a 96-bit nonce that is new each time."""
        one, two = seal(Secret(PLANTED), PLACE), seal(Secret(PLANTED), PLACE)
        version, key_id, nonce, ciphertext = one.split(".")
        assert (version, key_id, len(nonce)) == ("pb1", DataKey.objects.get(scope=PLACE.scope).pk, 16)
        assert sealed_under(one) == key_id
        assert one != two
        assert set(one) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
        assert PLANTED not in one
        assert ciphertext

    @pytest.mark.parametrize(
        "elsewhere",
        [
            Place(PLACE.scope, PLACE.table, "8", PLACE.field),
            Place(PLACE.scope, PLACE.table, PLACE.row, "token"),
            Place(PLACE.scope, "other_table", PLACE.row, PLACE.field),
            Place(str(uuid4()), PLACE.table, PLACE.row, PLACE.field),
            Place("platform", PLACE.table, PLACE.row, PLACE.field),
            Place(PLACE.scope, PLACE.table, "7api", "_key"),
        ],
    )
    def test_opens_nowhere_else(self, elsewhere: Place) -> None:
        """A3: a ciphertext moved to another row, field, table or workspace does not open; lengths keep parts apart."""
        text = seal(Secret(PLANTED), PLACE)
        seal(Secret("so that the other scope has a key"), elsewhere)
        with pytest.raises(SecretUnreadable):
            unseal(text, elsewhere)

    def test_other_workspace_with_this_ones_key_id_does_not_open(self) -> None:
        other = Place(str(uuid4()), PLACE.table, PLACE.row, PLACE.field)
        version, _, nonce, ciphertext = seal(Secret(PLANTED), other).split(".")
        mine = sealed_under(seal(Secret(PLANTED), PLACE))
        with pytest.raises(SecretUnreadable):
            unseal(".".join((version, mine, nonce, ciphertext)), PLACE)

    @pytest.mark.parametrize(
        "damage",
        [
            lambda text: "",
            lambda text: PLANTED,
            lambda text: text.replace("pb1.", "pb2."),
            lambda text: text.replace("pb1.", "PB1."),
            lambda text: text[:-1],
            lambda text: text[:-4],
            lambda text: text + "A",
            lambda text: text + "=",
            lambda text: text + ".",
            lambda text: text + "\n",
            lambda text: text[:-3] + ("A" if text[-3] != "A" else "B") + text[-2:],
            lambda text: ".".join([*text.split(".")[:2], "AAAAAAAAAAAAAAAA", text.split(".")[3]]),
            lambda text: ".".join([*text.split(".")[:2], "", text.split(".")[3]]),
            lambda text: ".".join([*text.split(".")[:2], "AAAA", text.split(".")[3]]),
            lambda text: ".".join([*text.split(".")[:3], ""]),
            lambda text: ".".join([*text.split(".")[:3], "é"]),
            lambda text: ".".join(["pb1", "missing", *text.split(".")[2:]]),
        ],
    )
    def test_damaged_value_fails_closed(self, damage: object) -> None:
        """A4: a typed error; nothing falls back to the stored text."""
        text = damage(seal(Secret(PLANTED), PLACE))  # type: ignore[operator]
        with pytest.raises(SecretUnreadable) as failure:
            unseal(text, PLACE)
        assert text not in str(failure.value) or not text

    def test_key_made_for_something_else_does_not_open(self) -> None:
        fingerprint(Secret(PLANTED), "model:1", workspace=PLACE.scope)
        other_id = DataKey.objects.get(scope=PLACE.scope, purpose="fingerprints").pk
        version, _, nonce, ciphertext = seal(Secret(PLANTED), PLACE).split(".")
        with pytest.raises(SecretUnreadable, match="another"):
            unseal(".".join((version, other_id, nonce, ciphertext)), PLACE)

    def test_opening_asks_the_database_once_per_key(self, django_assert_num_queries: object) -> None:
        text = seal(Secret(PLANTED), PLACE)
        data_keys().opened.clear()
        with django_assert_num_queries(1):  # type: ignore[operator]
            for _ in range(50):
                unseal(text, PLACE)


@pytest.mark.django_db
class TestFingerprint:
    """A7: HMAC-SHA-256 with its own key over the stripped value, scoped by model."""

    def test_same_value_same_scope(self) -> None:
        one = fingerprint(Secret(PLANTED), "model:1")
        assert one == fingerprint(Secret(f"  {PLANTED}\n"), "model:1")
        assert len(one) == 64

    def test_other_value_scope_or_workspace(self) -> None:
        found = {
            fingerprint(Secret(PLANTED), "model:1"),
            fingerprint(Secret(PLANTED), "model:2"),
            fingerprint(Secret(PLANTED + "x"), "model:1"),
            fingerprint(Secret(PLANTED), "model:1", workspace=str(uuid4())),
        }
        assert len(found) == 4

    def test_its_key_is_not_the_sealing_key(self) -> None:
        fingerprint(Secret(PLANTED), "model:1")
        seal(Secret(PLANTED), Place("platform", "t", "1", "f"))
        assert sorted(DataKey.objects.values_list("purpose", flat=True)) == ["fingerprints", "secrets"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("sk-123456789012", ""),  # 15 characters
        ("sk-1234567890123", "sk-…0123"),  # 16
        ("sk-proj-0123456789MQAA", "sk-…MQAA"),
        ("0123456789abcdef", "…cdef"),
        ("abcd-56789abcdef", "abcd-…cdef"),
        ("abcde-6789abcdef", "…cdef"),
        ("Bearer sk-0123456789", "…6789"),
        ("   0123456789abcde   ", ""),
    ],
)
def test_hint_shows_the_last_four_from_sixteen_characters_up(text: str, shown: str) -> None:
    """A6."""
    assert hint(Secret(text)) == shown
