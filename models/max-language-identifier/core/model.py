import io
import logging

import numpy as np
from config import DEFAULT_LABELS_PATH, DEFAULT_MODEL_PATH, MODEL_META_DATA
from maxfw.model import MAXModelWrapper

from .features import features

logger = logging.getLogger()

UNDETERMINED = {'language': 'und', 'name': 'Undetermined', 'probability': 0.0, 'alternatives': []}


def read_labels(path):
    with io.open(path, encoding='utf-8') as f:
        return [tuple(line.strip().split(' ', 1)) for line in f]


class ModelWrapper(MAXModelWrapper):

    MODEL_META_DATA = MODEL_META_DATA

    def __init__(self, path=DEFAULT_MODEL_PATH):
        logger.info('Loading model from: %s...', path)
        with np.load(path) as weights:
            # Stored as 8 bits with a scale for each language, which costs no accuracy and a quarter of the space.
            self.weights = weights['weights'] * weights['scale']
            self.bias = weights['bias']
        self.labels = read_labels(DEFAULT_LABELS_PATH)
        logger.info('Loaded model')

    def _pre_process(self, inp):
        return [features(text) for text in inp]

    def _predict(self, x):
        return [self._probabilities(buckets, values) if len(buckets) else None for buckets, values in x]

    def _probabilities(self, buckets, values):
        scores = values.dot(self.weights[buckets]) + self.bias
        odds = np.exp(scores - scores.max())
        return odds / odds.sum()

    def _post_process(self, result):
        return [UNDETERMINED if probabilities is None else self._describe(probabilities) for probabilities in result]

    def _describe(self, probabilities):
        first, second, third = np.argsort(-probabilities)[:3]
        code, name = self.labels[first]
        return {
            'language': code,
            'name': name,
            'probability': float(probabilities[first]),
            'alternatives': [{'language': self.labels[i][0], 'probability': float(probabilities[i])}
                             for i in (second, third)],
        }
