import io
import logging
import wave

from config import DEFAULT_MODEL_PATH, MODEL_META_DATA, MODELS
from maxfw.model import MAXModelWrapper

from .speech import RATE
from .voice import generate, load

logger = logging.getLogger()


class ModelWrapper(MAXModelWrapper):

    MODEL_META_DATA = MODEL_META_DATA

    def __init__(self, path=DEFAULT_MODEL_PATH):
        logger.info('Loading model from: %s...', path)
        self.weights = load(path)
        logger.info('Loaded model')

    def _predict(self, x):
        word, seed = x
        return generate(self.weights, MODELS.index(word), seed)

    def _post_process(self, result):
        file = io.BytesIO()
        with wave.open(file, 'wb') as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(RATE)
            sound.writeframes((result * 32767).round().astype('<i2').tobytes())
        return file.getvalue()
