from django.db import migrations


def drop_trigger(apps, editor):
    """Of databases that were made while rows came into the index by it; search_index.add does that now."""
    if editor.connection.vendor == "sqlite":
        editor.execute("DROP TRIGGER IF EXISTS traces_search_insert")


class Migration(migrations.Migration):
    dependencies = [("traces", "0004_chore")]

    operations = [migrations.RunPython(drop_trigger, migrations.RunPython.noop, elidable=True)]
