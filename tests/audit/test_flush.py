"""What empties the database between transactional tests (tests/support/management/commands/flush.py)."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DatabaseError

from apps.audit.models import AuditEvent
from tests.support.cast import Cast, make_cast
from tests.support.models import make_connection, make_model


def test_everything_goes_but_what_migrations_made_and_the_log_stays_append_only(transactional_cast: Cast) -> None:
    make_connection(make_model(transactional_cast.harbor, transactional_cast.alice), transactional_cast.alice)
    kept = (ContentType.objects.count(), Permission.objects.count())
    assert AuditEvent.objects.exists()
    call_command("flush", verbosity=0, interactive=False)
    full = {model for model in apps.get_models() if model._meta.managed and model._base_manager.exists()}
    assert full == {ContentType, Permission}
    assert (ContentType.objects.count(), Permission.objects.count()) == kept
    cast = make_cast()
    make_model(cast.harbor, cast.alice)
    with pytest.raises(DatabaseError, match="append-only"):
        AuditEvent.objects.all()._raw_delete("default")
