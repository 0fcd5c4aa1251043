"""Train the digit classifier and write assets/, the held-out pictures and the samples.

    python training/train.py             train, print the held-out accuracy, write the files
    python training/train.py --evaluate  print the held-out accuracy of the weights that are there
"""
import argparse
import io
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

MODEL = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(MODEL))

from core.picture import PictureError, read_picture, to_grid  # noqa: E402

SEED = 2018
COPIES = 24  # augmented pictures made of each training picture
HIDDEN = 192
WEIGHTS = MODEL / 'assets' / 'max-digit-classifier.npz'
HELD_OUT = MODEL / 'samples' / 'held-out.npz'


def render(digit, side, resample, margin=0):
    """One of scikit-learn's 8x8 grids (0 to 16, ink) as a person's picture: black on white paper."""
    ink = Image.fromarray((255 - digit * (255 / 16)).round().astype(np.uint8))
    image = Image.new('L', (side + 2 * margin, side + 2 * margin), 255)
    image.paste(ink.resize((side, side), resample), (margin, margin))
    return image


def disturb(digit, random):
    """The same digit as another person might have drawn, photographed or saved it."""
    side = int(random.integers(24, 128))
    image = render(digit, side, random.choice([Image.BILINEAR, Image.BICUBIC]), margin=side // 3)
    shear = random.normal(0, 0.12)
    stretch = np.exp(random.normal(0, 0.1))
    centre = image.width / 2
    image = image.transform(
        image.size, Image.AFFINE, (1 / stretch, shear, centre - centre / stretch - shear * centre, 0, 1, 0),
        Image.BILINEAR, fillcolor=255)
    image = image.rotate(random.normal(0, 7), Image.BILINEAR, fillcolor=255)
    if side > 48:
        stroke = random.integers(3)
        if stroke:
            image = image.filter(ImageFilter.MinFilter(3) if stroke == 1 else ImageFilter.MaxFilter(3))
    return np.asarray(image, dtype=np.float32)


def through_file(image):
    """The grid that the served model gets when the picture is uploaded as a PNG."""
    file = io.BytesIO()
    image.save(file, 'PNG')
    return to_grid(read_picture(file.getvalue())).reshape(-1)


def split():
    digits = load_digits()
    return train_test_split(digits.images, digits.target, test_size=0.2, stratify=digits.target, random_state=SEED)


def train():
    images, held_out_images, labels, held_out_labels = split()
    random = np.random.default_rng(SEED)
    grids, targets = [], []
    for image, label in zip(images, labels, strict=True):
        grids.append(through_file(render(image, 8, Image.NEAREST)))
        targets.append(label)
        for _ in range(COPIES):
            try:
                grids.append(to_grid(disturb(image, random)).reshape(-1))
            except PictureError:
                continue
            targets.append(label)

    model = MLPClassifier(hidden_layer_sizes=(HIDDEN,), alpha=1e-3, batch_size=128, learning_rate_init=2e-3,
                          max_iter=40, tol=0, n_iter_no_change=40, random_state=SEED)
    # One thread: sums in another order would give other weights.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter('ignore', ConvergenceWarning)  # the number of rounds is fixed
        model.fit(np.array(grids), np.array(targets))
    (w0, w1), (b0, b1) = model.coefs_, model.intercepts_
    np.savez_compressed(WEIGHTS, **{name: array.astype(np.float32)
                                    for name, array in (('w0', w0), ('b0', b0), ('w1', w1), ('b1', b1))})
    np.savez_compressed(HELD_OUT, images=held_out_images.astype(np.uint8), labels=held_out_labels.astype(np.uint8))
    # One picture of each digit for people to try: the first of the held-out ones that the model gets right.
    for digit in range(10):
        for image in held_out_images[held_out_labels == digit]:
            sample = render(image, 96, Image.BICUBIC, margin=16)
            if model.predict([through_file(sample)])[0] == digit:
                sample.save(MODEL / 'samples' / 'digit-{}.png'.format(digit))
                break


def evaluate():
    with np.load(WEIGHTS) as weights:
        w0, b0, w1, b1 = (weights[name] for name in ('w0', 'b0', 'w1', 'b1'))
    with np.load(HELD_OUT) as data:
        images, labels = data['images'], data['labels']
    print('held-out pictures: {}'.format(len(labels)))
    for title, side, resample, margin in (('8x8 pixels, as they are', 8, Image.NEAREST, 0),
                                          ('128x128 pixels with a margin', 96, Image.BICUBIC, 16)):
        grids = np.array([through_file(render(image, side, resample, margin)) for image in images])
        scores = np.maximum(grids @ w0 + b0, 0) @ w1 + b1
        right = int((scores.argmax(axis=1) == labels).sum())
        print('accuracy, {}: {:.2f} % ({} of {})'.format(title, 100 * right / len(labels), right, len(labels)))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--evaluate', action='store_true', help='only evaluate the weights in assets/')
    if not parser.parse_args().evaluate:
        train()
    evaluate()
