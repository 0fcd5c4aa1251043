"""One line of Python for each sample model, and what is refused before anything is sent."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from pathlib import Path

import pytest
from flaky_platform import CALM, flaky_platform
from PIL import Image
from sample_models import ASSETS, WORDS

from modelwhisk import AsyncModel, Client, Model
from modelwhisk.client import FilePart, InputError, InterfaceError, ModelError, TooLarge, Unreachable

DIGITS = [ASSETS / f"digit-{digit}.png" for digit in range(10)]


def label(answer):
    return answer["predictions"][0]["label"]


def test_a_picture_to_json(models):
    with open(DIGITS[7], "rb") as file:
        assert label(Model(models["digit-classifier"])(image=file, top=1)) == "seven"


def test_a_picture_to_a_picture(models):
    restored = Model(models["digit-restorer"])(image=ASSETS / "noisy-digit.png")
    assert Image.open(io.BytesIO(restored)).size == (256, 256)
    assert (restored.content_type, restored.file_name) == ("image/png", "result.png")


def test_texts_to_json(models):
    answer = Model(models["language-identifier"])(text=["This sentence is written in English, for all to read."])
    assert answer["predictions"][0]["language"] == "en"


def test_a_word_to_a_sound(models, tmp_path):
    sound = Model(models["sound-generator"])(model="three", seed=5)
    assert sound.content_type == "audio/wav"
    with wave.open(str(sound.save(tmp_path))) as saved:
        assert saved.getframerate() == 16000
    assert (tmp_path / "result.wav").read_bytes() == sound


@pytest.mark.parametrize(
    "as_given",
    [Path, Path.read_bytes, lambda path: io.BytesIO(path.read_bytes()), Image.open],
    ids=["path", "bytes", "file in memory", "picture"],
)
def test_a_file_may_be_given_in_any_way(models, as_given):
    assert label(Model(models["digit-classifier"])(image=as_given(DIGITS[3]))) == "three"


def test_it_tells_what_it_takes_and_gives(models):
    model = Model(models["digit-classifier"])
    assert [str(field) for field in model.inputs] == ["image (file, required)", "top (integer)"]
    assert [field.name for field in model.outputs] == ["status", "predictions"]
    assert model.status().ready
    assert model.status().title == "MAX Digit Classifier"


def test_the_models_own_message_comes_as_an_error(models):
    with pytest.raises(ModelError, match="please upload a picture") as caught:
        Model(models["digit-classifier"])(image=b"no picture")
    assert caught.value.status == 400
    assert len(caught.value.activation) == 32


def test_many_in_their_order(models):
    model = Model(models["digit-classifier"])
    assert [label(answer) for answer in model.map(DIGITS * 3, jobs=3)] == list(WORDS) * 3
    assert sorted(map(label, model.map(({"image": path} for path in DIGITS), ordered=False))) == sorted(WORDS)


def test_one_of_many_fails_in_its_place(models):
    model = Model(models["digit-classifier"])
    first, second, third = model.map([DIGITS[1], b"no picture", DIGITS[2]], errors="return")
    assert (label(first), second.status, label(third)) == ("one", 400, "two")
    with pytest.raises(ModelError):
        list(model.map([b"no picture"]))


def test_asyncio(models):
    async def both():
        async with AsyncModel(models["digit-classifier"]) as model:
            one = await model.call({"image": DIGITS[4]})
            same = await model(image=DIGITS[4])
            many = [label(answer) async for answer in model.map(DIGITS, jobs=3)]
            return one, same, many, (await model.status()).ready

    one, same, many, ready = asyncio.run(both())
    assert one == same
    assert label(one) == "four"
    assert many == list(WORDS)
    assert ready


@pytest.mark.parametrize(
    ("inputs", "field", "problem"),
    [
        ({}, "image", "is missing"),
        ({"image": b"x", "threshold": 0.5}, "threshold", r"no such input\. Its inputs: image \(file, required\), top"),
        ({"img": b"x"}, "img", r"did you mean image\?"),
        ({"image": Path("/nowhere/x.png")}, "image", "there is no file /nowhere/x.png"),
        ({"image": Path("/")}, "image", "can't be read"),
        ({"image": str(DIGITS[3])}, "image", "is a file: give a Path, an open file or bytes, not '"),
        ({"image": 5}, "image", "is a file"),
        ({"image": io.StringIO("text")}, "image", "open it as bytes"),
        ({"image": b"x", "top": "high"}, "top", "must be a whole number, not 'high'"),
        ({"image": b"x", "top": True}, "top", "must be a whole number"),
        ({"image": b"x", "top": 2.5}, "top", "must be a whole number"),
        ({"image": b"x", "top": 11}, "top", "at most 10"),
        ({"image": b"x", "top": 0}, "top", "at least 1"),
    ],
)
def test_a_wrong_input_is_named_before_anything_is_sent(models, inputs, field, problem):
    model = Model(models["digit-classifier"])
    interface = model.interface
    # Nothing is sent: nothing is there.
    with pytest.raises(InputError, match=problem) as caught:
        Model("http://127.0.0.1:9", specification=interface)(**inputs)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("inputs", "field"),
    [({"text": "one text"}, "text"), ({"text": ["a", 5]}, "text[1]"), ({"text": [float("nan")]}, "text[0]")],
)
def test_elements_of_lists_are_checked(models, inputs, field):
    with pytest.raises(InputError) as caught:
        Model(models["language-identifier"])(**inputs)
    assert caught.value.field == field


def test_a_word_that_is_none_of_the_choices(models):
    with pytest.raises(InputError, match="model: must be one of zero, one"):
        Model(models["sound-generator"])(model="eleven")


def test_what_is_too_large_counts_the_form_around_it(models):
    model = Model(models["digit-classifier"])
    exact = FilePart("x", b"x" * (1_048_576 - 100), "image/png")
    with pytest.raises(TooLarge, match=r"image: .* takes 1,048,576 at most") as caught:
        model(image=exact)
    assert caught.value.size > caught.value.limit == 1_048_576


def test_specification_file(tmp_path):
    fields = [
        {"name": "n", "id": "0001", "data_type": {"value": "int"}},
        {"name": "note", "id": "0002", "data_type": {"value": "string"}, "required": False},
    ]
    path = tmp_path / "specification.json"
    path.write_text(json.dumps({"inputs": fields, "outputs": [{"name": "square", "data_type": "int"}]}))
    with flaky_platform(CALM) as platform:
        model = Model(platform.url, specification=path, path="/model/predict")
        assert model(n=5) == {"square": 25}
        assert model.call({"0001": 6}) == {"square": 36}  # by its id
        assert [field.name for field in model.outputs] == ["square"]
        with pytest.raises(InputError, match="n: must be a whole number"):
            model(n="five")
        assert platform.asked[f"{platform.url}/swagger.json"] == 0


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[", "no JSON"),
        ('[{"id": "1"}]', "input 1 has no name"),
        ('[{"name": "x", "data_type": {"value": "tensor"}}]', "x has the unknown data type 'tensor'"),
        ('[{"name": "x"}, {"name": "x"}]', "two inputs called x"),
        ('"text"', "list of fields"),
    ],
)
def test_a_specification_that_is_none(tmp_path, content, problem):
    path = tmp_path / "specification.json"
    path.write_text(content)
    with pytest.raises(InterfaceError, match=problem):
        Model("http://127.0.0.1:9", specification=path)


def test_by_name_with_the_actions_secret():
    with flaky_platform(CALM) as platform:
        client = Client(platform.host, platform.variables["WHISK_AUTH"])
        assert client.model("squares")(n=4) == {"square": 16}
        assert platform.headers[-1]["X-Require-Whisk-Auth"] == "open sesame"
        assert "Authorization" not in platform.headers[-1]
        assert client.model("nobody").status().state == "missing"


def test_nobody_there():
    model = Model("http://127.0.0.1:9")
    assert model.status().state == "unreachable"
    with pytest.raises(Unreachable, match="refused"):
        model(n=1)
