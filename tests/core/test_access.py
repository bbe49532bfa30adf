"""The access rules themselves (spec 01; 07 D1, D2), on a URL root with one view of each kind."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client

from tests.conftest import ClientFor
from tests.support.cast import Cast

pytestmark = pytest.mark.urls("tests.support.access_urls")


def test_a_view_that_declares_nothing_is_refused(cast: Cast, client_for: ClientFor) -> None:
    """D1: to everybody, an owner included."""
    for path in ("/undeclared/", "/w/harbor/undeclared/"):
        with pytest.raises(ImproperlyConfigured, match="declares no permission"):
            client_for(cast.alice).get(path)


def test_a_public_view_reads_no_session(client: Client) -> None:
    """No ``db`` fixture: a query would fail the test."""
    response = client.get("/all/")
    assert response.content == b"seen"
    assert "Cache-Control" not in response.headers


def test_the_workspace_of_the_url_is_on_the_request(cast: Cast, client_for: ClientFor) -> None:
    assert client_for(cast.bob).get("/w/harbor/edit/").content == b"harbor member"


def test_a_missing_permission_is_403_and_says_which_roles_could(cast: Cast, client_for: ClientFor) -> None:
    response = client_for(cast.vic).get("/w/harbor/edit/")
    page = response.content.decode()
    assert response.status_code == 403
    assert "You are Viewer in Claims automation" in page
    assert "<b>Owner</b>, <b>Admin</b> or <b>Member</b>" in page
    assert response.headers["X-Request-ID"] in page


def test_foreign_and_missing_workspaces_are_the_same_404(cast: Cast, client_for: ClientFor) -> None:
    """D2: but for the request ID the two answers are the same bytes."""
    client = client_for(cast.alice)
    foreign, missing = client.get("/w/other/edit/"), client.get("/w/missing/edit/")
    assert foreign.status_code == missing.status_code == 404

    def comparable(response: object, slug: str) -> str:
        text = response.content.decode()  # type: ignore[attr-defined]
        text = text.replace(response.headers["X-Request-ID"], "ID").replace(f"/w/{slug}/edit/", "PATH")  # type: ignore[attr-defined]
        return "\n".join(line for line in text.splitlines() if "csrf" not in line.lower())

    assert comparable(foreign, "other") == comparable(missing, "missing")


def test_the_permission_comes_before_the_method(cast: Cast, client_for: ClientFor) -> None:
    assert client_for(cast.bob).get("/w/harbor/delete/").status_code == 403
    assert client_for(cast.alice).get("/w/harbor/delete/").status_code == 405
    assert client_for(cast.alice).post("/w/harbor/delete/").content == b"deleted"


def test_nobody_is_sent_to_sign_in_and_back(client: Client, db: None) -> None:
    response = client.get("/w/harbor/edit/?q=a%20b")
    assert response.headers["Location"] == "/account/sign-in/?next=%2Fw%2Fharbor%2Fedit%2F%3Fq%3Da%2520b"


def test_htmx_is_told_to_load_the_sign_in_page(client: Client, db: None) -> None:
    """A swapped-in sign-in form would sit in the middle of a table. Back leads to the page, not to the fragment."""
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/w/harbor/models/?page=2"}
    response = client.get("/w/harbor/edit/", headers=headers)
    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["HX-Redirect"] == "/account/sign-in/?next=%2Fw%2Fharbor%2Fmodels%2F%3Fpage%3D2"


def test_a_post_leads_back_to_its_page(client: Client, db: None) -> None:
    response = client.post("/w/harbor/delete/", headers={"Referer": "http://testserver/w/harbor/models/"})
    assert response.headers["Location"] == "/account/sign-in/?next=%2Fw%2Fharbor%2Fmodels%2F"


def test_a_post_from_elsewhere_leads_nowhere(client: Client, db: None) -> None:
    response = client.post("/w/harbor/delete/", headers={"Referer": "https://evil.example/x"})
    assert response.headers["Location"] == "/account/sign-in/"


async def signed_in_async(user: object) -> AsyncClient:
    client = AsyncClient()
    await client.aforce_login(user)  # type: ignore[arg-type]
    return client


@pytest.mark.django_db(transaction=True)
async def test_async_views_have_the_same_rules(transactional_cast: Cast) -> None:
    cast = transactional_cast
    bob, vic, nobody = await signed_in_async(cast.bob), await signed_in_async(cast.vic), AsyncClient()
    assert (await bob.get("/w/harbor/things/7/")).content == b"harbor member 7"
    assert (await vic.get("/w/harbor/things/7/")).status_code == 403
    assert (await bob.get("/w/other/things/7/")).status_code == 404
    assert (await nobody.get("/w/harbor/things/7/")).status_code == 302
    response = await vic.get("/signed-in/")
    assert response.content == b"Vic Viewer"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Request-ID"]
