"""Spec 07 A6 and A8, spec 03 *Secrets*: what is typed into a secret header reaches one host, for one person, and never a page again."""

import json

from apps.accounts.permissions import Role
from apps.audit.models import AuditEvent
from apps.connections.models import Connection, ConnectionSecret
from apps.external_models.models import ExternalModel
from apps.inference.models import TestRun, TypedSecret
from tests.conftest import ClientFor
from tests.onboarding.conftest import allow_loopback, triage
from tests.support.cast import Cast, join
from tests.support.provider import RunningProvider
from tests.support.servers import answering, json_answer
from tests.support.sheet import Sheet
from tests.support.threaded import serving

TYPED = "hk-typed-by-adam-5577-KEY"
BODY = '{"ask": "{{prompt}}"}'


def echo(sheet: Sheet, base: str, *, key: str = TYPED, header: str = "X-Harbor-Key", name: str = "Echo") -> Sheet:
    """An endpoint that answers with what arrived."""
    return sheet.fill(name=name, url=f"{base}/echo", body=BODY, output_path="body", h_1_key=header, h_1_value=key)


def arrived(provider: RunningProvider, header: str = "x-harbor-key") -> list[str]:
    return [record.request.header(header) for record in provider.recorded]


def test_a_typed_secret_never_comes_back(either: Sheet, allowed: RunningProvider) -> None:
    """A6: not after a refused save, a dialog, a test of an endpoint that repeats it, a pick, a draft, or an edit."""
    echo(either, allowed.url).save("confirm")
    either.fill(h_1_value=TYPED).press("sample").press("variable_dialog").press("address")
    either.fill(h_1_value=TYPED).test(prompt="Hello").press("pick", pick="path").press("preview", query="?slot=a")
    assert arrived(allowed) == [TYPED]
    assert "••••" in either.seen  # the echo, masked
    either.save("draft")
    model = ExternalModel.objects.get()
    again = Sheet(either.client, scripts=either.scripts).open(model.pk).test(prompt="Hello").save("draft")
    pages = [either.client.get(f"/w/harbor/models/{model.pk}/{tail}").content.decode() for tail in ["", "definition/", "audit/"]]
    assert arrived(allowed) == [TYPED, TYPED]
    assert TYPED not in either.seen + again.seen + "".join(pages)


def test_nothing_stored_holds_it_in_the_open(either: Sheet, allowed: RunningProvider) -> None:
    """A9: not in the test run, the audit log, the definition or the connection."""
    echo(either, allowed.url).test(prompt="Hello")
    rows = [*TestRun.objects.values(), *TypedSecret.objects.values()]
    assert TypedSecret.objects.exists()
    either.save("draft")
    rows += [*TestRun.objects.values(), *ConnectionSecret.objects.values(), *Connection.objects.values()]
    rows += [*ExternalModel.objects.values(), *AuditEvent.objects.values()]
    assert TYPED not in json.dumps(rows, default=str)


def test_without_scripts_it_need_not_be_typed_again(sheet: Sheet, allowed: RunningProvider) -> None:
    """Every button loads a new page there, and no page carries the secret: it waits, sealed, for the next submit."""
    echo(sheet, allowed.url).press("variable_dialog")
    assert sheet.fields["h-1-value"] == ""
    assert "Set, leave empty to keep it" in sheet.html
    sheet.add_variable("tone").test(prompt="Hello", tone="kind").save("draft")
    assert arrived(allowed) == [TYPED]
    stored = Connection.objects.get().stored_secrets()
    assert list(stored) == ["x-harbor-key"]
    Sheet(sheet.client).open(ExternalModel.objects.get().pk).test(prompt="Hello")
    assert arrived(allowed) == [TYPED, TYPED]


def test_a_mask_is_refused_and_not_remembered(either: Sheet, allowed: RunningProvider) -> None:
    """A6: a mask that is sent back is refused, also at the next submit with an empty field."""
    for mask in ["••••••••", "hk-…5577", "********", "sk***************MQAA"]:
        for action in ["draft", "untested", "confirm"]:
            echo(either, allowed.url, key=mask).save(action)
            assert either.status == 422
            assert "This is a mask" in either.problem("h-1-value")
            either.fill(h_1_value="").save("untested")
            assert either.status == 422
            assert "Enter the secret value" in either.problem("h-1-value")
    assert not ConnectionSecret.objects.exists()


def test_what_does_not_fit_a_header_is_not_remembered(either: Sheet, allowed: RunningProvider) -> None:
    """B9: refused, and the next submit does not use it either."""
    echo(either, allowed.url, key="clé-secrète").save("untested")
    assert "printable ASCII" in either.problem("h-1-value")
    either.fill(h_1_value="").save("untested")
    assert "Enter the secret value" in either.problem("h-1-value")


def test_blanks_around_a_pasted_key_are_dropped(either: Sheet, allowed: RunningProvider) -> None:
    echo(either, allowed.url, key=f"  {TYPED}\n").test(prompt="Hello")
    assert either.failure == ""
    assert arrived(allowed) == [TYPED]


def test_a_secret_goes_to_the_origin_it_was_typed_for_only(sheet: Sheet, allowed: RunningProvider) -> None:
    """A8: another port or scheme is another place, whether typed before the last test or stored with the draft."""
    with serving(answering(json_answer(b'{"a": 1}'))) as other:
        allow_loopback(other.port)
        echo(sheet, allowed.url).test(prompt="Hello")
        for base in [f"http://127.0.0.1:{other.port}", f"https://127.0.0.1:{allowed.port}"]:
            sheet.fill(url=f"{base}/echo").press("sample")
            assert sheet.status == 422
            assert "Enter the secret value" in sheet.problem("h-1-value")
            sheet.save("untested")
            assert sheet.status == 422
        sheet.fill(url=f"{allowed.url}/echo").save("draft")

        again = Sheet(sheet.client).open(ExternalModel.objects.get().pk)
        again.fill(url=f"http://127.0.0.1:{other.port}/echo").press("sample")
        assert "Enter the secret value" in again.problem("h-1-value")
        assert other.requests == []
        again.fill(h_1_value="hk-for-the-other-place").test(prompt="Hello")
        assert TYPED.encode() not in b"".join(other.requests)
        assert b"hk-for-the-other-place" in b"".join(other.requests)
    assert arrived(allowed) == [TYPED]


def test_another_path_of_the_same_host_keeps_it(either: Sheet, allowed: RunningProvider) -> None:
    """Spec 03: editing anything else leaves stored secrets untouched."""
    echo(either, allowed.url).test(prompt="Hello").save("draft")
    again = Sheet(either.client, scripts=either.scripts).open(ExternalModel.objects.get().pk)
    again.fill(url=f"{allowed.url}/echo/deeper", name="Renamed").test(prompt="Hello").save("draft")
    assert arrived(allowed) == [TYPED, TYPED]
    assert Connection.objects.get().state == "on"


def test_another_person_does_not_get_it(cast: Cast, client_for: ClientFor, sheet: Sheet, allowed: RunningProvider) -> None:
    """A6, D2: somebody else's test run is as good as missing, also with its ID."""
    echo(sheet, allowed.url).test(prompt="Hello")
    stranger = echo(Sheet(client_for(cast.alice)).open(), allowed.url, key="")
    stranger.fields["test_run"] = sheet.fields["test_run"]
    stranger.press("sample")
    assert "Enter the secret value" in stranger.problem("h-1-value")
    assert "200 OK" not in stranger.html


def test_another_workspace_does_not_get_it(cast: Cast, sheet: Sheet, allowed: RunningProvider) -> None:
    """D2: the same person in another workspace neither."""
    join(cast.other, cast.adam, Role.ADMIN)
    echo(sheet, allowed.url).test(prompt="Hello")
    elsewhere = echo(Sheet(sheet.client, slug="other").open(), allowed.url, key="")
    elsewhere.fields["test_run"] = sheet.fields["test_run"]
    elsewhere.press("sample")
    assert "Enter the secret value" in elsewhere.problem("h-1-value")


def test_another_workspaces_model_is_not_found(cast: Cast, sheet: Sheet, allowed: RunningProvider) -> None:
    join(cast.other, cast.adam, Role.ADMIN)
    echo(sheet, allowed.url).test(prompt="Hello").save("draft")
    elsewhere = echo(Sheet(sheet.client, slug="other").open(), allowed.url, key="")
    fields = elsewhere.fields | {"model": str(ExternalModel.objects.get().pk)}
    for button in ["sample", "test", "save", "preview", "pick", "address", "variable_dialog", "variable_save", "variable_remove"]:
        elsewhere.fields = dict(fields)
        assert elsewhere.press(button).status == 404, button


def test_a_key_that_was_tested_and_given_up_is_not_saved_later(either: Sheet, allowed: RunningProvider) -> None:
    """Spec 03: editing anything else leaves stored secrets untouched. A key that was only tested is not saved later."""
    echo(either, allowed.url).test(prompt="Hello").save("confirm")
    model = ExternalModel.objects.get()
    Sheet(either.client, scripts=either.scripts).open(model.pk).fill(h_1_value="hk-a-wrong-one-0000").test(prompt="Hello")

    later = Sheet(either.client, scripts=either.scripts).open(model.pk)
    assert later.state == "current"
    later.fill(name="Renamed").save("confirm")
    assert later.location == "/w/harbor/models/", later.text
    Sheet(either.client, scripts=either.scripts).open(model.pk).test(prompt="Hello")
    assert arrived(allowed) == [TYPED, "hk-a-wrong-one-0000", TYPED]


def test_the_key_of_an_edit_replaces_the_stored_one(either: Sheet, allowed: RunningProvider) -> None:
    echo(either, allowed.url).test(prompt="Hello").save("confirm")
    model = ExternalModel.objects.get()
    edit = Sheet(either.client, scripts=either.scripts).open(model.pk).fill(h_1_value="hk-the-next-key-0001").test(prompt="Hello")
    edit.save("confirm")
    assert edit.location == "/w/harbor/models/"
    Sheet(either.client).open(model.pk).test(prompt="Hello")
    assert arrived(allowed) == [TYPED, "hk-the-next-key-0001", "hk-the-next-key-0001"]


def test_a_new_host_takes_the_keys_of_other_connections_away_and_says_so(either: Sheet, allowed: RunningProvider) -> None:
    """A8: the model's other connections had keys for the old host."""
    echo(either, allowed.url).test(prompt="Hello").save("confirm")
    model = ExternalModel.objects.get()
    either.client.post(
        f"/w/harbor/models/{model.pk}/connections/add/", {"name": "night desk", "secret-x-harbor-key": "hk-of-the-night-desk"}
    )
    assert model.connections.get(name="night desk").state == "on"

    edit = Sheet(either.client, scripts=either.scripts).open(model.pk)
    edit.fill(url=f"https://127.0.0.1:{allowed.port}/echo", h_1_value="hk-for-the-new-place").save("untested")
    assert edit.location == "/w/harbor/models/", edit.text
    assert "these connections need their key again: night desk" in edit.client.get(edit.location).content.decode()
    assert {connection.name: connection.state for connection in Connection.objects.all()} == {"Echo": "on", "night desk": "needs_key"}
    assert not ConnectionSecret.objects.filter(connection__name="night desk").exists()


def test_a_credential_header_cannot_be_kept_in_the_open(either: Sheet, allowed: RunningProvider) -> None:
    """Spec 02, Headers: secret by itself for these names, though the box is not ticked."""
    names = ["Authorization", "x-api-key", "API-Key", "Cookie", "Ocp-Apim-Subscription-Key", "X-Harbor-Token"]
    either.fill(name="Echo", url=f"{allowed.url}/echo", body=BODY)
    for number, name in enumerate(names, start=1):
        either.fields |= {f"h-{number}-key": name, f"h-{number}-value": f"{TYPED}-{number}"}
        either.fields.pop(f"h-{number}-secret", None)
    either.save("draft")
    definition = ExternalModel.objects.get().definition
    assert [(header.name, header.value) for header in definition.headers if header.secret] == [(name, "") for name in names]
    assert TYPED not in either.seen + str(definition)


def test_any_header_can_be_marked_secret(either: Sheet, allowed: RunningProvider) -> None:
    echo(either, allowed.url, header="X-Desk").fill(h_1_secret="on").test(prompt="Hello").save("draft")
    assert arrived(allowed, "x-desk") == [TYPED]
    assert ExternalModel.objects.get().definition.secret_headers == ("X-Desk",)
    assert TYPED not in either.seen


def test_a_provider_that_repeats_the_key_does_not_bring_it_back(either: Sheet, allowed: RunningProvider) -> None:
    """A9: in clear and in base64, in a header and in the message."""
    triage(either, allowed, key=TYPED, path="/fault/leak").test(prompt="Hail")
    assert either.failure == "upstream_auth"
    assert TYPED not in either.seen
    assert "aGstdHlwZWQtYnktYWRhbS01NTc3LUtFW" not in either.seen
