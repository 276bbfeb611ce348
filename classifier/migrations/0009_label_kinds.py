import re
from collections import Counter, defaultdict

from django.db import migrations, models

OPINION, IMPORT, TAKEN_BACK = "opinion", "import", "taken back"


def kinds_of(rows):
    """What each row of one image is, oldest first. Until now only the reason told: "taken back" on a row that reverses
    the same person's last opinion, or "import 7: <the image's source>" on the first one. Whoever typed such words
    themselves gave an opinion."""
    kinds, said = [], defaultdict(list)
    for row in rows:
        mine = said[row.by_id]
        if row.reason == TAKEN_BACK and mine and mine[-1] == (row.new, row.old):
            kinds.append(TAKEN_BACK)
            mine.pop()
        elif not kinds and re.fullmatch(rf"import \d+: {re.escape(row.image.source)}", row.reason) and row.image.source:
            kinds.append(IMPORT)
        else:
            kinds.append(OPINION)
            mine.append((row.old, row.new))
    return kinds


def settle(rows):
    """As ground_truth.settle was when this migration was written."""
    said = defaultdict(list)
    for row in rows:
        mine = said[None if row.kind == IMPORT else row.by_id]
        if row.kind != TAKEN_BACK:
            mine.append(row.new)
        elif mine:
            mine.pop()
    last = {by: mine[-1] for by, mine in said.items() if mine and mine[-1]}
    if len(last) > 1:
        last.pop(None, None)
    ranked = Counter(last.values()).most_common(2)
    if not ranked:
        return "", False
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        return "", True
    return ranked[0][0], False


def read_reasons(apps, schema_editor):
    Image, Label = apps.get_model("classifier", "Image"), apps.get_model("classifier", "Label")
    told = Label.objects.filter(models.Q(reason=TAKEN_BACK) | models.Q(reason__startswith="import "))
    for pk in told.order_by().values_list("image_id", flat=True).distinct().iterator(chunk_size=2000):
        rows = list(Label.objects.filter(image_id=pk).order_by("pk").select_related("image"))
        for row, kind in zip(rows, kinds_of(rows)):
            row.kind = kind
        Label.objects.bulk_update([row for row in rows if row.kind != OPINION], ["kind"])
        if len(rows) > 1:  # an import no longer contradicts a person, and every opinion counts
            label, contested = settle(rows)
            Image.objects.filter(pk=pk).update(label=label, contested=contested)


class Migration(migrations.Migration):
    dependencies = [("classifier", "0007_crops")]

    operations = [
        migrations.AddField(
            model_name="label",
            name="kind",
            field=models.CharField(
                choices=[("opinion", "opinion"), ("import", "import"), ("taken back", "taken back")],
                default="opinion",
                max_length=10,
            ),
        ),
        migrations.RunPython(read_reasons, migrations.RunPython.noop),
    ]
