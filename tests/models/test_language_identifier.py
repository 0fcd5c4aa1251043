import pytest


def samples(model, name):
    lines = (model.folder / "samples" / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines]


def identify(model, texts):
    response = model.post(json={"text": texts})
    assert response.status_code == 200, response.text
    return response.json()["predictions"]


@pytest.mark.parametrize(
    ("name", "least"),
    [("held-out-same-programs.tsv", 0.97), ("held-out-other-program.tsv", 0.965), ("prose.tsv", 0.96)],
)
def test_reaches_the_stated_accuracy_on_held_out_texts(language_identifier, name, least):
    texts = samples(language_identifier, name)
    predictions = identify(language_identifier, [text for _, text in texts])
    right = [prediction["language"] == code for prediction, (code, _) in zip(predictions, texts, strict=True)]
    assert sum(right) / len(right) >= least


def test_knows_every_language_in_prose(language_identifier):
    texts = samples(language_identifier, "prose.tsv")
    predictions = identify(language_identifier, [text for _, text in texts])
    known = {code for (code, _), prediction in zip(texts, predictions, strict=True) if prediction["language"] == code}
    labels = language_identifier.get("/model/labels").json()
    assert known == {label["id"] for label in labels["labels"]}


def test_answer(language_identifier):
    (prediction,) = identify(language_identifier, ["Thank you very much for your help."])
    assert prediction["language"] == "en"
    assert prediction["name"] == "English"
    assert prediction["probability"] > 0.8
    assert [set(alternative) for alternative in prediction["alternatives"]] == [{"language", "probability"}] * 2


def test_names_beyond_ascii(language_identifier):
    text = dict(samples(language_identifier, "prose.tsv"))["nb"]
    assert identify(language_identifier, [text])[0]["name"] == "Norwegian Bokmål"


def test_mask(language_identifier):
    response = language_identifier.post(
        json={"text": ["Dov'è la stazione?"]},
        headers={"X-Fields": "status,predictions{language,alternatives{language}}"},
    )
    (prediction,) = response.json()["predictions"]
    assert set(prediction) == {"language", "alternatives"}
    assert prediction["language"] == "it"
    assert [set(alternative) for alternative in prediction["alternatives"]] == [{"language"}] * 2


@pytest.mark.parametrize("text", ["", "   ", "12:30", "!?", "🚂"])
def test_text_without_letters(language_identifier, text):
    (prediction,) = identify(language_identifier, [text])
    assert prediction == {"language": "und", "name": "Undetermined", "probability": 0.0, "alternatives": []}


def test_long_text(language_identifier):
    text = "Alle Menschen sind frei und gleich an Würde und Rechten geboren. " * 20000
    assert identify(language_identifier, [text])[0]["language"] == "de"


@pytest.mark.parametrize("text", ["\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"), "\x00abc", "ﬁ"])
def test_odd_text(language_identifier, text):
    assert len(identify(language_identifier, [text])) == 1


def test_lone_surrogate(language_identifier):
    response = language_identifier.post(
        data=rb'{"text": ["caf\ud800 au lait"]}', headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    "payload", [{}, [], "text", None, {"text": "one"}, {"text": []}, {"text": [1]}, {"text": ["a", None]}]
)
def test_bad_payload(language_identifier, payload):
    response = language_identifier.post(json=payload)
    assert response.status_code in {400, 415}  # requests sends no body for None
    assert response.json()["message"]


def test_malformed_json(language_identifier):
    response = language_identifier.post(data=b'{"text": [', headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["message"]


def test_labels_and_metadata(language_identifier):
    labels = language_identifier.get("/model/labels").json()
    assert labels["count"] == len(labels["labels"]) == 38
    assert {"id": "zh", "name": "Chinese"} in labels["labels"]
    assert language_identifier.get("/model/metadata").json()["id"] == "max-language-identifier"
