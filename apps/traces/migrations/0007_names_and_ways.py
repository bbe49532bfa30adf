import uuid
from datetime import timedelta
from itertools import batched

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Max, Min

NONE = uuid.UUID(int=0)
DAY = timedelta(days=1)


def fill_names(apps, editor):
    """Of the calls that are there."""
    traces, named = apps.get_model("traces", "Trace").objects, apps.get_model("traces", "TraceName")
    for kind, subject in (("m", "model"), ("c", "connection")):
        rows = traces.values_list("workspace_id", f"{subject}_name", f"{subject}_id").order_by()
        for some in batched(rows.annotate(Min("started_at"), Max("started_at")).iterator(), 1000, strict=False):
            named.objects.bulk_create(
                named(workspace_id=workspace, kind=kind, name=name, subject_id=key or NONE, first_day=day(first), last_day=day(last))
                for workspace, name, key, first, last in some
            )


def day(moment):
    """Its beginning, of UTC, which times come in."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


class Migration(migrations.Migration):
    """Names of models and connections beside the traces; states and kinds of source each in the order of the date."""

    dependencies = [("accounts", "0002_apiapp_apikey_and_more"), ("traces", "0006_rarer_indexes")]

    operations = [
        migrations.CreateModel(
            name="TraceName",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id", "kind", "name", "subject_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("kind", models.CharField(choices=[("m", "Model"), ("c", "Connection")], max_length=1)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("subject_id", models.UUIDField(default=NONE)),
                ("first_day", models.DateTimeField()),
                ("last_day", models.DateTimeField()),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
        ),
        migrations.RunPython(fill_names, migrations.RunPython.noop, elidable=True),
        migrations.RemoveIndex(model_name="trace", name="trace_not_success"),
        migrations.RemoveIndex(model_name="trace", name="trace_not_key"),
        migrations.AddIndex(
            model_name="trace",
            index=models.Index(
                condition=models.Q(("status", "success"), _negated=True),
                fields=["workspace", "status", "-started_at", "-id"],
                name="trace_rare_status",
            ),
        ),
        migrations.AddIndex(
            model_name="trace",
            index=models.Index(
                condition=models.Q(("source_type", "api_key"), _negated=True),
                fields=["workspace", "source_type", "-started_at", "-id"],
                name="trace_rare_source",
            ),
        ),
        migrations.AddIndex(
            model_name="tracehour",
            index=models.Index(fields=["workspace", "model_id", "hour"], name="trace_hour_by_model"),
        ),
    ]
