import io
import wave

import numpy as np
import pytest
from held_out import training_module

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def say(generator, **query):
    response = generator.get(params=query)
    assert response.status_code == 200, response.text
    return response.content


def samples_of(sound):
    with wave.open(io.BytesIO(sound)) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (1, 2, 16000)
        return np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2") / 32768


def test_answer(sound_generator):
    response = sound_generator.get()
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "audio/wav"
    assert response.headers["Content-Disposition"] == "attachment; filename=result.wav"
    sound = samples_of(response.content)
    assert 0.15 < len(sound) / 16000 < 1.5
    assert 0.8 < np.abs(sound).max() <= 0.91


def test_seed_decides_the_sound(sound_generator):
    assert say(sound_generator, model="six", seed=4) == say(sound_generator, model="six", seed=4)
    assert say(sound_generator, model="six", seed=4) != say(sound_generator, model="six", seed=5)
    assert say(sound_generator) == say(sound_generator, model="seven", seed=0)


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1])
def test_any_seed(sound_generator, seed):
    assert np.isfinite(samples_of(say(sound_generator, model="four", seed=seed))).all()


def test_sounds_like_the_word_as_held_out_voices_say_it(sound_generator):
    spectrogram = training_module("max-sound-generator", "hearing").spectrogram
    with np.load(sound_generator.folder / "samples" / "held-out.npz") as recordings:
        words, spectrograms = recordings["words"], recordings["spectrograms"].astype(float)
    right = []
    for word, name in enumerate(WORDS):
        for seed in range(20):
            heard = spectrogram(samples_of(say(sound_generator, model=name, seed=seed)))
            right.append(words[((spectrograms - heard) ** 2).sum(axis=1).argmin()] == word)
    assert np.mean(right) >= 0.85


@pytest.mark.parametrize(
    ("query", "field"), [({"model": "ten"}, "model"), ({"seed": "-1"}, "seed"), ({"seed": 2**32}, "seed")]
)
def test_bad_query(sound_generator, query, field):
    response = sound_generator.get(params=query)
    assert response.status_code == 400
    assert field in response.json()["errors"]


def test_post_is_not_allowed(sound_generator):
    response = sound_generator.post()
    assert response.status_code == 405
    assert response.json()["message"]


def test_metadata_and_swagger(sound_generator):
    assert sound_generator.get("/model/metadata").json()["id"] == "max-sound-generator"
    operation = sound_generator.get("/swagger.json").json()["paths"]["/model/predict"]["get"]
    assert operation["produces"] == ["audio/wav"]
    assert {parameter["name"] for parameter in operation["parameters"]} == {"model", "seed"}
