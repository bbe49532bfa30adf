from django.db import migrations

from apps.audit import triggers


class Migration(migrations.Migration):
    """The database refuses UPDATE, DELETE and TRUNCATE on the audit log."""

    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunPython(
            lambda apps, editor: triggers.install(editor.connection),
            lambda apps, editor: triggers.remove(editor.connection),
        )
    ]
