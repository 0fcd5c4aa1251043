import io

import numpy as np
import pytest
from held_out import digits, png, training_module
from PIL import Image

noise = training_module("max-digit-restorer", "noise")


def restore(model, image):
    response = model.post_image(png(image))
    assert response.status_code == 200, response.text
    with Image.open(io.BytesIO(response.content)) as restored:
        return np.asarray(restored, dtype=np.float32)


def shrink(grey):
    return np.asarray(Image.fromarray(grey).resize((16, 16), Image.Resampling.BOX)) / 255


def ratio(pictures, originals):
    """Peak signal-to-noise ratio, dB."""
    return 10 * np.log10(1 / np.mean((np.array(pictures) - np.array(originals)) ** 2))


def test_takes_the_noise_out_of_held_out_pictures(digit_restorer):
    random = np.random.default_rng(7)
    images, _ = digits(digit_restorer)
    clean = [noise.render(image) for image in images[:150]]
    damaged = [noise.damage(grey, random) for grey in clean]
    restored = [restore(digit_restorer, Image.fromarray(grey.astype(np.uint8))) for grey in damaged]
    before = ratio(list(map(shrink, damaged)), list(map(shrink, clean)))
    after = ratio(list(map(shrink, restored)), list(map(shrink, clean)))
    assert after > 19
    assert after > before + 4


def test_answer(digit_restorer):
    sample = digit_restorer.folder / "samples" / "noisy-5.png"
    response = digit_restorer.post_image(sample.read_bytes())
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Content-Disposition"] == "attachment; filename=result.png"
    with Image.open(io.BytesIO(response.content)) as image:
        assert image.size == (256, 256)
        assert image.mode == "L"
    assert digit_restorer.post_image(sample.read_bytes()).content == response.content


def test_paper_stays_as_it_was(digit_restorer):
    with Image.open(digit_restorer.folder / "samples" / "noisy-5.png") as image:
        grey = np.asarray(image.convert("L"))
    light = restore(digit_restorer, Image.fromarray(grey))
    dark = restore(digit_restorer, Image.fromarray(255 - grey))
    assert np.median(light) > 200
    assert np.median(dark) < 55
    assert np.abs(255 - dark - light).max() <= 2


@pytest.mark.parametrize("size", [(40, 90), (300, 128), (9, 9)])
def test_any_size(digit_restorer, size):
    with Image.open(digit_restorer.folder / "samples" / "noisy-3.png") as image:
        assert restore(digit_restorer, image.resize(size)).shape == (256, 256)


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_no_picture(digit_restorer, data):
    response = digit_restorer.post_image(data)
    assert response.status_code == 400
    assert "picture" in response.json()["message"]


def test_blank_picture(digit_restorer):
    response = digit_restorer.post_image(png(Image.new("L", (64, 64), 255)))
    assert response.status_code == 400
    assert "blank" in response.json()["message"]


def test_missing_picture(digit_restorer):
    response = digit_restorer.post(data={"image": "x"})
    assert response.status_code == 400
    assert "image" in response.json()["errors"]


def test_metadata_and_swagger(digit_restorer):
    assert digit_restorer.get("/model/metadata").json()["id"] == "max-digit-restorer"
    operation = digit_restorer.get("/swagger.json").json()["paths"]["/model/predict"]["post"]
    assert operation["produces"] == ["image/png"]
