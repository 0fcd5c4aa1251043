"""The denoising autoencoder: one hidden layer, by numpy."""
import numpy as np


def load(path):
    with np.load(path) as weights:
        # Stored with 16 bits each, which changes no pixel by more than one in 255.
        return [weights[name].astype(np.float32) for name in ('w0', 'b0', 'w1', 'b1')]


def restore(layers, grids):
    """One flattened grid or many, one in a row."""
    w0, b0, w1, b1 = layers
    return np.clip(np.maximum(grids.dot(w0) + b0, 0).dot(w1) + b1, 0, 1)
