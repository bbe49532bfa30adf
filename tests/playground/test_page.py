"""The page before and after a run: what is typed stays, buttons change the form, runs are their person's own, images, View code."""

import ast
import json
import subprocess
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.external_models.models import ExternalModel
from apps.playground.choices import Choice, list_choices
from apps.playground.code import code_of, curl, javascript, python
from apps.playground.draft import Draft
from apps.playground.forms import PlaygroundForm
from apps.playground.images import MAX_KEPT, MAX_KEPT_BYTES
from apps.playground.models import KEPT, Lane, PlaygroundImage, PlaygroundRun
from apps.providers.curl_call import read_call
from apps.providers.shell_words import split_command
from tests.conftest import ClientFor
from tests.playground.conftest import Page, chat_model, connection_of
from tests.support.cast import Cast
from tests.support.provider import RunningProvider

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
NASTY = "it's \"quoted\" $HOME `id` \\n \\ %s ${x} {{'}}\u2028 \U0001f600 </script>\n!!"


def test_nothing_that_was_typed_is_lost(page: Page) -> None:
    page.fields |= {"system_prompt": "Be <b>brief</b>.", "turn-0-text": "About {{topic}} and {{ open", "temperature": "9", "stop": "END"}
    refused = page.post()
    html = refused.content.decode()
    assert refused.status_code == 422
    for text in ("Be &lt;b&gt;brief&lt;/b&gt;.", "About {{topic}} and {{ open", 'value="9"', "END", "Nothing was sent", "never closed"):
        assert text in html
    assert not PlaygroundRun.objects.exists()
    assert "Enter a number from 0 to 2." in html
    assert "Enter a number, such as 0.2." in page.post(temperature="0,2").content.decode()
    assert "Enter a number from 1 to 1,000,000." in page.post(max_tokens="0").content.decode()
    missing = page.post(**{"turn-0-text": "About {{topic}}", "temperature": ""})
    assert missing.status_code == 422
    assert "Give it a value." in missing.content.decode()


def test_turns_and_lanes_come_and_go(page: Page) -> None:
    html = page.post("edit", do="add_turn").content.decode()
    assert 'name="turn-1-text"' in html
    assert '<option value="assistant" selected>' in html
    page.fields |= {"turn-1-role": "assistant", "turn-1-text": "Hail.", "turn-2-role": "user", "turn-2-text": "And storms?"}
    html = page.post("edit", do="remove_turn:1").content.decode()
    assert 'name="turn-1-text"' not in html
    assert 'data-focus="#id_turn-2-text"' in html, "the neighbour of what went away"
    assert "And storms?" in html
    html = page.post("edit", do="add_lane").content.decode()
    assert 'name="lane-2"' in html
    assert 'data-focus="#id_lane-2"' in html
    page.fields["lane-2"] = ""
    html = page.post("edit", do="remove_lane:1").content.decode()
    assert 'name="lane-2"' not in html


def test_a_run_is_its_persons_own_and_forgotten_after_a_day(cast: Cast, page: Page, client_for: ClientFor, model: ExternalModel) -> None:
    run = PlaygroundRun.objects.create(workspace=cast.harbor, created_by=cast.bob, request=Draft().to_json())
    Lane.objects.create(run=run, number=1, model_id=model.pk, model_name=model.name, state="done")
    alice = client_for(cast.alice)
    assert alice.get(page.url("lane", run.pk, 1)).status_code == 404
    assert alice.post(page.url("lane_stop", run.pk, 1)).status_code == 404
    assert "not kept any more" in alice.get(f"{page.url('page')}?run={run.pk}").content.decode()
    PlaygroundRun.objects.update(created_at=timezone.now() - 2 * KEPT)
    page.post(htmx=True)
    assert not PlaygroundRun.objects.filter(pk=run.pk).exists()


def test_images_are_looked_at_kept_for_the_run_and_stay_with_their_person(
    cast: Cast, page: Page, provider: RunningProvider, client_for: ClientFor
) -> None:
    seeing = chat_model(cast.harbor, cast.adam, provider.url, "Seeing", modalities=("text_to_text", "image_to_text"))
    assert 'type="file"' not in page.post("edit").content.decode(), "this model takes none"
    page.fields["lane-1"] = str(seeing.pk)
    refused = page.post(images=SimpleUploadedFile("a.png", b"GIF? no"))
    assert refused.status_code == 422
    assert "a.png is no PNG, JPEG, WebP or GIF image." in refused.content.decode()
    blind = chat_model(cast.harbor, cast.adam, provider.url, "Blind")
    shown = page.post(htmx=True, images=SimpleUploadedFile("claim.png", PNG), **{"lane-2": str(blind.pk)})
    assert shown.content.decode().count("its lane is asked without them") == 1
    image = PlaygroundImage.objects.get()
    assert page.newest().draft.images == (image.pk,)
    assert f'name="image-{image.pk}"' in page.client.get(f"{page.url('page')}?run={page.newest().pk}").content.decode()
    alice = Page(client_for(cast.alice), page.fields | {f"image-{image.pk}": "1"})
    assert "claim.png" not in alice.post("edit").content.decode()


def test_images_do_not_pile_up(cast: Cast, page: Page, provider: RunningProvider) -> None:
    """Each person's own, by their number and by their size; those of yesterday do not count."""
    seeing = chat_model(cast.harbor, cast.adam, provider.url, "Seeing", modalities=("text_to_text", "image_to_text"))
    page.fields["lane-1"] = str(seeing.pk)
    before = {"workspace": cast.harbor, "created_by": cast.bob, "name": "a.png", "media_type": "image/png", "data": PNG}
    PlaygroundImage.objects.bulk_create(PlaygroundImage(**before, size=len(PNG)) for _ in range(MAX_KEPT))
    refused = page.post("edit", images=SimpleUploadedFile("claim.png", PNG)).content.decode()
    assert "You have attached as many images" in refused
    assert PlaygroundImage.objects.count() == MAX_KEPT
    PlaygroundImage.objects.update(created_at=timezone.now() - 2 * KEPT)
    assert "You have attached" not in page.post("edit", images=SimpleUploadedFile("claim.png", PNG)).content.decode()
    PlaygroundImage.objects.all().delete()
    PlaygroundImage.objects.create(**before, size=MAX_KEPT_BYTES)
    assert "You have attached as many" in page.post("edit", images=SimpleUploadedFile("claim.png", PNG)).content.decode()


def form_for(cast: Cast, **fields: str) -> tuple[Choice, PlaygroundForm]:
    choices = list_choices(cast.harbor)
    form = PlaygroundForm({"token": str(uuid4()), "turn-0-role": "user", **fields}, choices, check=True)
    form.is_valid()
    chosen = form.chosen[0]
    assert chosen is not None
    return chosen, form


def in_a_shell(command: str) -> str:
    """The last word that a real shell gives to curl."""
    script = f'curl() {{ shift $(($# - 1)); printf %s "$1"; }}\n{command}'
    return subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True, text=True).stdout


def call_in(source: str) -> dict[str, Any]:
    """The arguments of `create(...)` in the Python sample; stops the test where it does not compile."""
    compile(source, "sample", "exec")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".create")]
    return {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in calls[0].keywords}


@pytest.mark.parametrize("stream", ["on", ""])
def test_code_says_the_same_in_three_languages(cast: Cast, model: ExternalModel, stream: str) -> None:
    fields = {"turn-0-text": "About {{topic}}", "var-topic": NASTY, "system_prompt": "Be brief.", "temperature": "0.5", "stop": "END"}
    pick = f"{model.pk}@{connection_of(model).pk}"
    samples = {sample.key: sample.text for sample in code_of(*form_for(cast, **fields, **{"lane-1": pick}, stream=stream))}
    body = json.loads(in_a_shell(samples["curl"]))
    imported = read_call(samples["curl"], split_command(samples["curl"]))
    assert json.loads(imported.data or "") == body, "what Paste curl reads"
    assert body["model"] == "GPT-4o mini@GPT-4o mini prod"
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"About {NASTY}"}]
    assert (body["temperature"], body["stop"], body.get("stream")) == (0.5, ["END"], True if stream else None)
    assert call_in(samples["python"]) == body
    written = samples["javascript"]
    start = written.index(".create(") + len(".create(")
    assert json.loads(written[start : written.index("});", start) + 1]) == body
    assert all("PATCHBAY_API_KEY" in text and "/v1" in text for text in samples.values())


def test_code_has_images_where_the_model_takes_them(cast: Cast, provider: RunningProvider, model: ExternalModel) -> None:
    """As the lane is asked: with one, the call of any other model would be refused."""
    seeing = chat_model(cast.harbor, cast.adam, provider.url, "Seeing", modalities=("text_to_text", "image_to_text"))
    for chosen, sent in ((seeing, True), (model, False)):
        fields = {"turn-0-text": "What is this?", f"image-{uuid4()}": "1", "lane-1": str(chosen.pk)}
        assert all(("YOUR_IMAGE_IN_BASE64" in sample.text) is sent for sample in code_of(*form_for(cast, **fields)))


def test_code_hides_nothing(cast: Cast, model: ExternalModel) -> None:
    """Characters that nobody sees, or that turn others around, stand as escapes; a name of JavaScript's own is a name."""
    hidden = "\u202eabc\u0085\u2028\u200d\ufeff\x7f\U000e0041\ud800 \U0001f600é"
    body = {"model": hidden, "messages": [{"role": "user", "content": hidden}], "variables": {"__proto__": 1, hidden: "__proto__"}}
    command, source, script = (write("https://patchbay.example/v1", body) for write in (curl, python, javascript))
    for written in (command, source, script):
        assert all(char.isprintable() or char == "\n" for char in written)
        assert "\U0001f600é" in written
    assert json.loads(in_a_shell(command)) == body
    assert call_in(source)["extra_body"] == {"variables": body["variables"]}
    assert '["__proto__"]: 1' in script
    start = script.index(".create(") + len(".create(")
    assert json.loads(script[start : script.index("});", start) + 1].replace('["__proto__"]', '"__proto__"')) == body


def test_code_opens_as_a_page_and_as_a_dialog(page: Page) -> None:
    whole = page.post("code", query="?lane=1")
    assert whole.status_code == 200
    assert b"<!doctype html>" in whole.content
    dialog = page.post("code", query="?lane=1", htmx=True)
    assert dialog.content.lstrip().startswith(b"<dialog")
