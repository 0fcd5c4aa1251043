import logging

import numpy as np
from config import DEFAULT_LABELS_PATH, DEFAULT_MODEL_PATH, MODEL_META_DATA
from maxfw.model import MAXModelWrapper

from .picture import to_grid

logger = logging.getLogger()


def read_labels(path):
    with open(path) as f:
        return f.read().split()


class ModelWrapper(MAXModelWrapper):

    MODEL_META_DATA = MODEL_META_DATA

    def __init__(self, path=DEFAULT_MODEL_PATH):
        logger.info('Loading model from: %s...', path)
        with np.load(path) as weights:
            self.layers = [(weights['w0'], weights['b0']), (weights['w1'], weights['b1'])]
        self.labels = read_labels(DEFAULT_LABELS_PATH)
        logger.info('Loaded model')

    def _pre_process(self, inp):
        return to_grid(inp).reshape(-1)

    def _predict(self, x):
        (w0, b0), (w1, b1) = self.layers
        scores = np.maximum(x.dot(w0) + b0, 0).dot(w1) + b1
        odds = np.exp(scores - scores.max())
        return odds / odds.sum()

    def _post_process(self, probabilities):
        return [{'label_id': str(i), 'label': self.labels[i], 'probability': float(probabilities[i])}
                for i in np.argsort(-probabilities)]
