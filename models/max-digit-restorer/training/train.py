"""Train the digit restorer and write assets/, the held-out pictures and the samples.

    python training/train.py             train, print the held-out figures, write the files
    python training/train.py --evaluate  print the held-out figures of the weights that are there
"""
import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from noise import damage, render
from PIL import Image, ImageFilter
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

MODEL = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(MODEL))

from core.network import load, restore  # noqa: E402
from core.picture import to_grid  # noqa: E402

SEED = 2018
COPIES = 40  # damaged pictures made of each training picture
HIDDEN = 288
WEIGHTS = MODEL / 'assets' / 'max-digit-restorer.npz'
HELD_OUT = MODEL / 'samples' / 'held-out.npz'


def grid(grey):
    return to_grid(grey)[0].reshape(-1)


def split():
    digits = load_digits()
    return train_test_split(digits.images, digits.target, test_size=0.2, stratify=digits.target, random_state=SEED)


def train():
    images, held_out_images, _, held_out_labels = split()
    random = np.random.default_rng(SEED)
    damaged, clean = [], []
    for image in images:
        for _ in range(COPIES):
            side = int(random.integers(80, 112))
            left, top = random.integers(0, 128 - side + 1, 2)
            grey = render(image, side, int(left), int(top))
            clean.append(grid(grey))
            damaged.append(grid(damage(grey, random)))

    model = MLPRegressor(hidden_layer_sizes=(HIDDEN,), alpha=1e-5, batch_size=128, learning_rate_init=1e-3, max_iter=50,
                         tol=0, n_iter_no_change=50, random_state=SEED)
    # One thread: sums in another order would give other weights.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter('ignore', ConvergenceWarning)  # the number of rounds is fixed
        model.fit(np.array(damaged), np.array(clean))
    (w0, w1), (b0, b1) = model.coefs_, model.intercepts_
    np.savez_compressed(WEIGHTS, **{name: array.astype(np.float16)
                                    for name, array in (('w0', w0), ('b0', b0), ('w1', w1), ('b1', b1))})
    np.savez_compressed(HELD_OUT, images=held_out_images.astype(np.uint8), labels=held_out_labels.astype(np.uint8))
    for digit in (3, 5, 8):
        first = held_out_images[np.flatnonzero(held_out_labels == digit)[0]]
        noisy = damage(render(first), np.random.default_rng(SEED + digit))
        Image.fromarray(noisy.astype(np.uint8)).save(MODEL / 'samples' / 'noisy-{}.png'.format(digit))


def error(pictures, originals):
    """Peak signal-to-noise ratio, in dB: the higher the better."""
    return 10 * np.log10(1 / np.mean((np.array(pictures) - np.array(originals)) ** 2))


def smooth(grey, size):
    return np.asarray(Image.fromarray(grey.astype(np.uint8)).filter(ImageFilter.MedianFilter(size)), dtype=np.float32)


def evaluate():
    with np.load(HELD_OUT) as data:
        images, labels = data['images'].astype(float), data['labels']
    random = np.random.default_rng(SEED + 1)
    greys = [render(image) for image in images]
    damaged_greys = [damage(grey, random) for grey in greys]
    clean = np.array([grid(grey) for grey in greys])
    damaged = np.array([grid(grey) for grey in damaged_greys])
    # What a picture editor offers, with the size that does best here.
    smoothed = max((np.array([grid(smooth(grey, size)) for grey in damaged_greys]) for size in (3, 5, 7, 9, 11)),
                   key=lambda grids: error(grids, clean))
    restored = restore(load(WEIGHTS), damaged)

    # The judge has seen clean pictures only, none of them held out.
    training_images, _, training_labels, _ = split()
    judge = SVC(C=10).fit(np.array([grid(render(image)) for image in training_images]), training_labels)
    print('held-out pictures: {}'.format(len(labels)))
    for title, grids in (('as they were', clean), ('damaged', damaged), ('damaged, median filter', smoothed),
                         ('damaged, restored', restored)):
        ratio = '' if grids is clean else ', signal to noise {:.1f} dB'.format(error(grids, clean))
        print('{}: {:.1f} % recognised{}'.format(title, 100 * judge.score(grids, labels), ratio))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--evaluate', action='store_true', help='only evaluate the weights in assets/')
    if not parser.parse_args().evaluate:
        train()
    evaluate()
