"""The generative model: a mean word and the directions in which voices differ, for each of the ten words."""
import numpy as np

from .speech import FRAMES, PARAMETERS, synthesise

# Voices are drawn a little nearer to the mean than the training voices lie, which keeps clear of the oddest.
TEMPERATURE = 0.8


def load(path):
    with np.load(path) as weights:
        # Stored with 16 bits each.
        return {name: weights[name].astype(np.float64) for name in weights.files}


def generate(weights, word, seed):
    """A word in a new voice, as a waveform. RandomState, since its numbers are the same with every numpy."""
    random = np.random.RandomState(seed)
    components = weights['components'][word]
    latent = TEMPERATURE * random.standard_normal(len(components))
    vector = weights['mean'][word] + latent.dot(components)
    frames = vector[:-1].reshape(FRAMES, PARAMETERS) * weights['scale']
    return synthesise(frames, np.exp(vector[-1]), random)
