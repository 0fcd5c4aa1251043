import io

import numpy as np
import pytest
from held_out import digits, on_paper, png
from PIL import Image

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.fixture
def seven(digit_classifier):
    with Image.open(digit_classifier.folder / "samples" / "digit-7.png") as image:
        return image.convert("L")


def first(response):
    assert response.status_code == 200, response.text
    return response.json()["predictions"][0]["label"]


def test_reaches_the_stated_accuracy_on_held_out_pictures(digit_classifier):
    images, labels = digits(digit_classifier)
    right = [
        first(digit_classifier.post_image(png(on_paper(image)))) == WORDS[label]
        for image, label in zip(images, labels, strict=True)
    ]
    assert len(right) == 360
    assert np.mean(right) >= 0.97


@pytest.mark.parametrize("digit", range(10))
def test_knows_its_samples(digit_classifier, digit):
    sample = digit_classifier.folder / "samples" / f"digit-{digit}.png"
    assert first(digit_classifier.post_image(sample.read_bytes())) == WORDS[digit]


def test_answer(digit_classifier, seven):
    response = digit_classifier.post_image(png(seven))
    answer = response.json()
    assert response.headers["Content-Type"] == "application/json"
    assert answer["status"] == "ok"
    assert answer["predictions"][0] == {"label_id": "7", "label": "seven", "probability": pytest.approx(1, abs=0.2)}
    probabilities = [prediction["probability"] for prediction in answer["predictions"]]
    assert len(probabilities) == 3
    assert probabilities == sorted(probabilities, reverse=True)


def test_same_picture_same_answer(digit_classifier, seven):
    answers = {digit_classifier.post_image(png(seven)).content for _ in range(3)}
    assert len(answers) == 1


@pytest.mark.parametrize("options", [{"params": {"top": 5}}, {"data": {"top": "5"}}])
def test_top_as_query_or_form_field(digit_classifier, seven, options):
    answer = digit_classifier.post_image(png(seven), **options).json()
    assert len(answer["predictions"]) == 5


def test_mask(digit_classifier, seven):
    response = digit_classifier.post_image(png(seven), headers={"X-Fields": "predictions{label}"})
    assert set(response.json()) == {"predictions"}
    assert response.json()["predictions"][0] == {"label": "seven"}


def drawings(seven):
    ink = np.asarray(seven)
    transparent = Image.fromarray(np.dstack([np.zeros_like(ink)] * 3 + [255 - ink]))
    white_on_transparent = Image.fromarray(np.dstack([np.full_like(ink, 255)] * 3 + [255 - ink]))
    wide = Image.new("L", (400, 150), 255)
    wide.paste(seven, (250, 10))
    return {
        "light on dark": Image.fromarray(255 - ink),
        "colour": seven.convert("RGB"),
        "palette": seven.convert("P"),
        "one bit": seven.convert("1", dither=Image.Dither.NONE),
        "black on transparent": transparent,
        "white on transparent": white_on_transparent,
        "grey and alpha": transparent.convert("LA"),
        "sixteen bits": Image.fromarray(ink.astype(np.uint16) * 257),
        "pale": Image.fromarray((200 + ink * 0.2).astype(np.uint8)),
        "large": seven.resize((1500, 1500)),
        "8x8": seven.crop((16, 16, 112, 112)).resize((8, 8), Image.Resampling.BOX),
        "aside on a wide page": wide,
    }


@pytest.mark.parametrize(
    "drawing",
    [
        "light on dark",
        "colour",
        "palette",
        "one bit",
        "black on transparent",
        "white on transparent",
        "grey and alpha",
        "sixteen bits",
        "pale",
        "large",
        "8x8",
        "aside on a wide page",
    ],
)
def test_any_kind_of_picture(digit_classifier, seven, drawing):
    assert first(digit_classifier.post_image(png(drawings(seven)[drawing]))) == "seven"


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_any_format(digit_classifier, seven, kind):
    file = io.BytesIO()
    seven.save(file, kind)
    assert first(digit_classifier.post_image(file.getvalue())) == "seven"


@pytest.mark.parametrize("cut", [0, 1, 20, 60, 1000])
def test_damaged_picture(digit_classifier, seven, cut):
    response = digit_classifier.post_image(png(seven)[:cut])
    assert response.status_code == 400
    assert "picture" in response.json()["message"]


@pytest.mark.parametrize("data", [b"not a picture", b"{}", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_no_picture(digit_classifier, data):
    response = digit_classifier.post_image(data)
    assert response.status_code == 400
    assert "picture" in response.json()["message"]


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_blank_picture(digit_classifier, shade):
    response = digit_classifier.post_image(png(Image.new("L", (64, 64), shade)))
    assert response.status_code == 400
    assert "blank" in response.json()["message"]


@pytest.mark.parametrize("top", ["0", "11", "many"])
def test_bad_top(digit_classifier, seven, top):
    response = digit_classifier.post_image(png(seven), params={"top": top})
    assert response.status_code == 400
    assert "top" in response.json()["errors"]


def test_missing_picture(digit_classifier):
    response = digit_classifier.post(files={"picture": b"x"})
    assert response.status_code == 400
    assert "image" in response.json()["errors"]


def test_labels(digit_classifier):
    assert digit_classifier.get("/model/labels").json() == {
        "count": 10,
        "labels": [{"id": str(i), "name": name} for i, name in enumerate(WORDS)],
    }


def test_metadata_and_swagger(digit_classifier):
    assert digit_classifier.get("/model/metadata").json()["id"] == "max-digit-classifier"
    swagger = digit_classifier.get("/swagger.json").json()
    assert swagger["info"]["title"] == "MAX Digit Classifier"
    assert set(swagger["paths"]) == {"/model/labels", "/model/metadata", "/model/predict"}
