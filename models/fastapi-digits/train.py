"""Trains the classifier on scikit-learn's digits, writes digits.npz and prints how well it does.

    pip install -r requirements-train.txt
    python train.py
"""
import io
import warnings

import numpy as np
from digits import WEIGHTS, Classifier, NoDigit, cut_out, grid_of
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

SEED = 7
COPIES = 20  # disturbed copies of each training picture


def picture_of(grid, side, margin, resample=Image.Resampling.BICUBIC):
    """An 8 x 8 grid of 0 to 16 as black ink on white paper."""
    ink = Image.fromarray((255 - grid * (255 / 16)).round().astype(np.uint8)).resize((side, side), resample)
    paper = Image.new("L", (side + 2 * margin, side + 2 * margin), 255)
    paper.paste(ink, (margin, margin))
    return paper


def disturbed(grid, random):
    """The same digit leaning, turned and stretched a little."""
    side = int(random.integers(24, 112))
    picture = picture_of(grid, side, side // 3)
    lean, stretch, middle = random.normal(0, 0.12), np.exp(random.normal(0, 0.1)), picture.width / 2
    affine = (1 / stretch, lean, middle - middle / stretch - lean * middle, 0, 1, 0)
    picture = picture.transform(picture.size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR, fillcolor=255)
    return picture.rotate(random.normal(0, 7), Image.Resampling.BILINEAR, fillcolor=255)


def as_upload(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def train(images, labels):
    random = np.random.default_rng(SEED)
    grids, targets = [], []
    for image, label in zip(images, labels, strict=True):
        for picture in [picture_of(image, 8, 0), *(disturbed(image, random) for _ in range(COPIES))]:
            try:
                grids.append(cut_out(np.asarray(picture, dtype=np.float32)).reshape(-1))
            except NoDigit:
                continue
            targets.append(label)
    network = MLPClassifier((160,), alpha=1e-3, batch_size=128, learning_rate_init=2e-3, max_iter=30, tol=0,
                            n_iter_no_change=30, random_state=SEED)
    with warnings.catch_warnings(), threadpool_limits(1):  # sums in another order would give other weights
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of rounds is fixed
        network.fit(np.array(grids), np.array(targets))
    (w0, w1), (b0, b1) = network.coefs_, network.intercepts_
    weights = {"w0": w0, "b0": b0, "w1": w1, "b1": b1}
    np.savez_compressed(WEIGHTS, **{name: array.astype(np.float32) for name, array in weights.items()})


def evaluate(images, labels):
    classifier = Classifier()
    for title, side, margin in (("8 x 8 pixels", 8, 0), ("128 x 128 pixels with a margin", 96, 16)):
        right = sum(
            classifier(grid_of(as_upload(picture_of(image, side, margin)))).argmax() == label
            for image, label in zip(images, labels, strict=True)
        )
        print(f"{title}: {right} of {len(labels)} right, {100 * right / len(labels):.2f} %")


if __name__ == "__main__":
    data = load_digits()
    train_images, held_out, train_labels, held_out_labels = train_test_split(
        data.images, data.target, test_size=0.2, stratify=data.target, random_state=SEED
    )
    train(train_images, train_labels)
    evaluate(held_out, held_out_labels)
