"""Train the language identifier and write assets/ and the held-out texts.

    python training/train.py             train, print the held-out accuracy, write the files
    python training/train.py --evaluate  print the held-out accuracy of the weights that are there
"""
import argparse
import gettext
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from stop_words import AVAILABLE_LANGUAGES, get_stop_words

MODEL = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(MODEL))

from core.features import BUCKETS, features, words  # noqa: E402

SEED = 2018
WEIGHTS = MODEL / 'assets' / 'max-language-identifier.npz'
SAMPLES = MODEL / 'samples'
LANGUAGES = [line.split()[0] for line in (MODEL / 'assets' / 'labels.txt').read_text(encoding='utf-8').splitlines()]
# Where a catalogue's folder isn't named by the language code alone. Both writings of Chinese are learnt as one.
FOLDERS = {'zh': ('zh_Hans', 'zh_Hant', 'zh_CN', 'zh_TW'), 'pt': ('pt', 'pt_BR', 'pt_PT'), 'nb': ('nb', 'nb_NO')}

# What isn't language: fields of both formatting styles, mark-up, entities, addresses, reST roles.
NOT_TEXT = re.compile(r'%\(\w+\)[a-z]|%[a-z]|\{[^}]*\}|<[^>]*>|&\w+;|https?://\S+|:[\w:]+:|`+[^`]*`+')
# Shorter held-out texts ("Yes", "Name") are the same word in many languages.
MIN_LETTERS = 15
# Held-out texts of each language that are kept with the model.
SHIPPED = 40


def catalogue(package):
    """{message: {language: set of translations}} of a package's compiled message catalogues."""
    root = Path(importlib.util.find_spec(package).submodule_search_locations[0])
    messages = {}
    for language in LANGUAGES:
        for folder in FOLDERS.get(language, (language,)):
            for file in sorted(root.glob('**/locale/{}/LC_MESSAGES/*.mo'.format(folder))):
                with file.open('rb') as f:
                    translations = gettext.GNUTranslations(f)._catalog
                for key, translation in translations.items():
                    message = key[0] if isinstance(key, tuple) else key  # a plural form has its number beside it
                    if message and translation and translation != message:
                        of_message = messages.setdefault(message, {'en': {clean(message)}})
                        of_message.setdefault(language, set()).add(clean(translation))
    return messages


def clean(text):
    return ' '.join(NOT_TEXT.sub(' ', text.split('\x04')[-1].replace('&', '')).split())


def texts_of(messages, chosen):
    return sorted({(language, text) for message in chosen for language, texts in messages[message].items()
                   for text in texts if words(text)})


def long_enough(texts):
    return [(language, text) for language, text in texts if sum(map(len, words(text))) >= MIN_LETTERS
            or (language in ('ja', 'ko', 'zh', 'th') and sum(map(len, words(text))) >= MIN_LETTERS // 3)]


def unambiguous(texts):
    """Without the texts that are the same in two languages, which no model can tell."""
    languages = {}
    for language, text in texts:
        languages.setdefault(text.lower(), set()).add(language)
    return [(language, text) for language, text in texts if len(languages[text.lower()]) == 1]


def collect():
    """Training texts, held-out messages of the same catalogues, and a package that isn't trained on at all.

    The split is by the English message, so that no translation of a held-out message is trained on.
    """
    django, sphinx, rest = catalogue('django'), catalogue('sphinx'), catalogue('rest_framework')
    random = np.random.default_rng(SEED)
    names = sorted(set(django) | set(sphinx))
    held_out = {names[i] for i in random.permutation(len(names))[:len(names) // 5]}

    training = texts_of(django, set(django) - held_out) + texts_of(sphinx, set(sphinx) - held_out)
    for language in LANGUAGES:
        if language in AVAILABLE_LANGUAGES:
            training += [(language, word) for word in sorted(get_stop_words(language)) if words(word)]
    known = {text.lower() for _, text in training}

    def fresh(texts):
        return [pair for pair in unambiguous(long_enough(texts)) if pair[1].lower() not in known]

    same = fresh(sorted(set(texts_of(django, held_out & set(django)) + texts_of(sphinx, held_out & set(sphinx)))))
    known |= {text.lower() for _, text in same}
    other = fresh(texts_of(rest, set(rest) - set(names)))
    return training, same, other


def matrix(texts):
    rows = [features(text) for text in texts]
    starts = np.cumsum([0] + [len(buckets) for buckets, _ in rows])
    return csr_matrix((np.concatenate([values for _, values in rows]),
                       np.concatenate([buckets for buckets, _ in rows]), starts), shape=(len(rows), BUCKETS))


def pieces(texts, random):
    """A few words from within each longer text: people ask about fragments too."""
    for language, text in texts:
        parts = text.split()
        if len(parts) >= 4:
            length = int(random.integers(2, 4))
            start = int(random.integers(len(parts) - length + 1))
            piece = ' '.join(parts[start:start + length])
            if words(piece):
                yield language, piece


def train():
    training, same, other = collect()
    training = training + list(pieces(training, np.random.default_rng(SEED)))
    print('training texts: {}'.format(len(training)))
    codes = np.array([LANGUAGES.index(language) for language, _ in training])
    model = LogisticRegression(C=30, max_iter=150, tol=1e-3, class_weight='balanced')
    model.fit(matrix([text for _, text in training]), codes)

    weights = model.coef_.T
    scale = np.abs(weights).max(axis=0) / 127
    np.savez_compressed(WEIGHTS, weights=(weights / scale).round().astype(np.int8), scale=scale.astype(np.float32),
                        bias=model.intercept_.astype(np.float32))
    write('held-out-same-programs.tsv', same)
    write('held-out-other-program.tsv', other)


def write(name, texts):
    """At most so many of each language, by chance: enough to measure with, small enough to ship."""
    random = np.random.default_rng(SEED)
    chosen = []
    for code in LANGUAGES:
        of_language = [pair for pair in texts if pair[0] == code]
        chosen += [of_language[i] for i in sorted(random.permutation(len(of_language))[:SHIPPED])]
    (SAMPLES / name).write_text(''.join('{}\t{}\n'.format(*pair) for pair in chosen), encoding='utf-8')


def read(name):
    return [line.split('\t') for line in (SAMPLES / name).read_text(encoding='utf-8').splitlines()]


def evaluate():
    with np.load(WEIGHTS) as data:
        weights, bias = data['weights'] * data['scale'], data['bias']
    for name in ('held-out-same-programs.tsv', 'held-out-other-program.tsv', 'prose.tsv'):
        texts = read(name)
        predicted = (matrix([text for _, text in texts]) @ weights + bias).argmax(axis=1)
        wrong = [(language, LANGUAGES[guess]) for (language, _), guess in zip(texts, predicted, strict=True)
                 if language != LANGUAGES[guess]]
        right = len(texts) - len(wrong)
        print('accuracy, {}: {:.2f} % ({} of {})'.format(name, 100 * right / len(texts), right, len(texts)))
        worst = sorted({(wrong.count(pair), pair) for pair in wrong}, reverse=True)[:8]
        print('    most often: ' + ', '.join('{} taken for {} {} times'.format(*pair, n) for n, pair in worst))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--evaluate', action='store_true', help='only evaluate the weights in assets/')
    if not parser.parse_args().evaluate:
        train()
    evaluate()
