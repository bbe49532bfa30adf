from django.db import migrations

from apps.traces import search_index


class Migration(migrations.Migration):
    """Words of what was asked and answered (search.py)."""

    dependencies = [("traces", "0002_sums_and_capture")]

    operations = [
        migrations.RunPython(
            lambda apps, editor: search_index.create(editor.connection),
            lambda apps, editor: search_index.drop(editor.connection),
        )
    ]
