"""Spec 07 D, spec 08: a page cursor that somebody made up is no error of ours."""

import base64
import json
from uuid import UUID

import pytest

from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.models import make_model

ROW = str(UUID(int=1))


def cursor(values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sort", "values"),
    [
        ("name", ["\0", ROW]),
        ("name", ["\ud800", ROW]),
        ("name", ["a", 2**200]),
        ("name", [float("inf"), float("inf")]),
        ("added", ["0001-01-01T00:00:00+14:00", ROW]),
        ("added", ["9999-12-31T23:59:59-14:00", ROW]),
        ("added", ["2020-01-01T00:00:00", ROW]),
        ("added", ["2020-01-01", ROW]),
        ("added", [5, ROW]),
    ],
)
def test_made_up_cursors_give_a_page(cast: Cast, client_for: ClientFor, sort: str, values: object) -> None:
    make_model(cast.harbor, cast.adam)
    for key in ("after", "before"):
        assert client_for(cast.adam).get(f"/w/harbor/models/?sort={sort}&{key}={cursor(values)}").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("value", [10**30, -5, 1.5, True, float("inf"), float("nan"), "x", "\0"])
def test_made_up_sequence_numbers_give_a_page(cast: Cast, client_for: ClientFor, value: object) -> None:
    model = make_model(cast.harbor, cast.adam)
    assert client_for(cast.adam).get(f"/w/harbor/models/{model.pk}/audit/?before={cursor([value])}").status_code == 200
