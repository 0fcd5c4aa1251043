import logging

from config import DEFAULT_MODEL_PATH, MODEL_META_DATA
from maxfw.model import MAXModelWrapper

from .network import load, restore
from .picture import to_grid, to_image

logger = logging.getLogger()


class ModelWrapper(MAXModelWrapper):

    MODEL_META_DATA = MODEL_META_DATA

    def __init__(self, path=DEFAULT_MODEL_PATH):
        logger.info('Loading model from: %s...', path)
        self.layers = load(path)
        logger.info('Loaded model')

    def _pre_process(self, inp):
        return to_grid(inp)

    def _predict(self, x):
        grid, dark_paper = x
        return restore(self.layers, grid.reshape(-1)).reshape(grid.shape), dark_paper

    def _post_process(self, result):
        return to_image(*result)
