"""From a text to the hashed character n-grams that the model weighs. The training script uses the same function."""
import unicodedata
import zlib
from collections import Counter

import numpy as np

BUCKETS = 8192
LONGEST = 4
# More doesn't change the answer, only the time it takes.
MAX_CHARACTERS = 2000


def words(text):
    # Marks stay: in Thai, Hindi and Vietnamese (decomposed) they are vowels and tones, though \w leaves some out.
    text = unicodedata.normalize('NFC', text[:MAX_CHARACTERS]).lower()
    return ''.join(c if c.isalpha() or unicodedata.category(c)[0] == 'M' else ' ' for c in text).split()


def script(character):
    """LATIN, CYRILLIC, CJK …: tells much of a character that the training texts didn't have."""
    return unicodedata.name(character, '?').split()[0]


def grams(text):
    for word in words(text):
        for character in word:
            yield '#' + script(character)
        padded = ' {} '.format(word)
        for length in range(1, LONGEST + 1):
            for start in range(len(padded) - length + 1):
                yield padded[start:start + length]
        yield padded


def features(text):
    """The buckets that the text's n-grams fall into and their weights, a vector of length 1; empty without letters."""
    # crc32: fast, and the same on every machine and Python, as hash() isn't.
    counts = Counter(zlib.crc32(gram.encode('utf-8')) % BUCKETS for gram in grams(text))
    buckets = np.array(sorted(counts), dtype=np.int64)
    values = np.sqrt([counts[bucket] for bucket in buckets])
    return buckets, values / np.linalg.norm(values) if len(values) else values
