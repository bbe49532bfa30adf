"""`flush` between transactional tests, in place of Django's: it empties the tables that have rows, and leaves the rest as it is.

Django's truncates every table and then makes all content types and permissions again, which only migrations change: on PostgreSQL
0.2 to 4 s for each test, most of it the disk's.
"""

from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush
from django.db import connections, transaction

from apps.audit import triggers

KEPT = {ContentType._meta.db_table, Permission._meta.db_table}


class Command(flush.Command):
    def handle(self, *, database: str, **options: Any) -> None:
        """The append-only log's triggers refuse to be emptied, as they should: around it, and only there, they are away."""
        connection = connections[database]
        quote = connection.ops.quote_name
        tables = sorted({*connection.introspection.django_table_names(include_views=False)} - KEPT)
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(f"SELECT '{each}' WHERE EXISTS (SELECT 1 FROM {quote(each)})" for each in tables))  # noqa: S608
            statements = [f"DELETE FROM {quote(row[0])}" for row in cursor.fetchall()]  # noqa: S608 - our own names
        if statements:
            statements = [*triggers.remove_sql(connection.vendor), *statements, *triggers.create_sql(connection.vendor)]
        with transaction.atomic(using=database), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
