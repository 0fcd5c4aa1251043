"""Trains the network, writes weights.npz and prints the accuracy on the pictures that were held out.

    pip install -r requirements-train.txt
    python train.py
"""
import io

import numpy as np
from model import DigitModel, PictureError, normalise, read
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import train_test_split

SEED = 11
COPIES = 14   # of each training picture, as other hands would have drawn it
CENTRES = 600
GAMMA = 0.25


def drawn(digit, side, margin, resample):
    """One of scikit-learn's grids, 0 (paper) to 16 (ink), as ink on white paper."""
    ink = Image.fromarray((255 - digit * (255 / 16)).round().astype(np.uint8))
    paper = Image.new("L", (side + 2 * margin,) * 2, 255)
    paper.paste(ink.resize((side, side), resample), (margin, margin))
    return paper


def by_another_hand(digit, random):
    picture = drawn(digit, int(random.integers(32, 112)), 24, Image.BICUBIC)
    slant, width = random.normal(0, 0.1), np.exp(random.normal(0, 0.08))
    middle = picture.width / 2
    shift = middle - middle / width - slant * middle
    picture = picture.transform(picture.size, Image.AFFINE, (1 / width, slant, shift, 0, 1, 0), Image.BILINEAR,
                                fillcolor=255)
    return picture.rotate(random.normal(0, 6), Image.BILINEAR, fillcolor=255)


def as_uploaded(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return normalise(read(file.getvalue()))


def main():
    data = load_digits()
    images, held_out, labels, held_out_labels = train_test_split(
        data.images, data.target, test_size=0.2, stratify=data.target, random_state=SEED)
    random = np.random.default_rng(SEED)
    inputs, targets = [], []
    for image, label in zip(images, labels, strict=True):
        pictures = [drawn(image, 8, 0, Image.NEAREST)] + [by_another_hand(image, random) for _ in range(COPIES)]
        for picture in pictures:
            try:
                inputs.append(as_uploaded(picture).reshape(-1))
            except PictureError:
                continue
            targets.append(label)
    inputs, targets = np.array(inputs), np.array(targets)

    centres = KMeans(CENTRES, n_init=1, random_state=SEED).fit(inputs).cluster_centers_
    network = LogisticRegression(C=10, max_iter=400).fit(rbf_kernel(inputs, centres, GAMMA), targets)
    np.savez_compressed("weights.npz", gamma=GAMMA, centres=centres.astype(np.float16),
                        coefficients=network.coef_.astype(np.float16), intercepts=network.intercept_.astype(np.float16))

    model = DigitModel("weights.npz")
    for title, side, margin, resample in (("8x8 pixels, as they are", 8, 0, Image.NEAREST),
                                          ("128x128 pixels with a margin", 96, 16, Image.BICUBIC)):
        uploads = [as_uploaded(drawn(image, side, margin, resample)) for image in held_out]
        guesses = [model.probabilities(upload).argmax() for upload in uploads]
        right = int((np.array(guesses) == held_out_labels).sum())
        print("%s: %.2f %% (%d of %d)" % (title, 100 * right / len(guesses), right, len(guesses)))


if __name__ == "__main__":
    main()
