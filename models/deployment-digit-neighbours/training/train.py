"""Learns in which sense two digits are alike, and writes neighbours.npz.

    python training/train.py             train, print the accuracy on held-out pictures, write the file
    python training/train.py --evaluate  print the accuracy of the file that is there
"""
import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NeighborhoodComponentsAnalysis

MODEL = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(MODEL / 'libraries'))

from digit_pictures import grid_of  # noqa: E402

SEED = 2021
DIMENSIONS = 20
FILE = MODEL / 'neighbours.npz'


def as_read(digit, margin=16):
    """The grid that the service gets from a picture of one of scikit-learn's 8x8 digits."""
    ink = Image.fromarray((255 - digit * (255 / 16)).round().astype(np.uint8))
    image = Image.new('L', (96 + 2 * margin, 96 + 2 * margin), 255)
    image.paste(ink.resize((96, 96), Image.BICUBIC), (margin, margin))
    return grid_of(image)


def split():
    digits = load_digits()
    grids = np.array([as_read(image) for image in digits.images])
    return train_test_split(grids, digits.target, test_size=0.2, stratify=digits.target, random_state=SEED)


def train(grids, labels):
    stored = (grids * 255).round().astype(np.uint8)
    learnt = NeighborhoodComponentsAnalysis(n_components=DIMENSIONS, init='pca', max_iter=60, random_state=SEED)
    learnt.fit(stored / 255, labels)
    metric = learnt.components_.T.astype(np.float32)
    np.savez_compressed(FILE, metric=metric, grids=stored, labels=labels.astype(np.uint8))


def vote(labels):
    """As deployment.py counts: the nearest has the casting vote."""
    return max(labels, key=lambda label: (labels.count(label), -labels.index(label)))


def evaluate(grids, labels):
    with np.load(FILE) as model:
        metric, known, known_labels = model['metric'].astype(np.float64), model['grids'] / 255, model['labels']
    print('held-out pictures: {}'.format(len(labels)))
    for title, transform in (('as they are', np.eye(64)), ('in the learnt metric', metric)):
        distances = np.linalg.norm((known @ transform)[None] - (grids @ transform)[:, None], axis=2)
        for count in (1, 5):
            nearest = np.argsort(distances, axis=1, kind='stable')[:, :count]
            votes = [vote(list(known_labels[row])) for row in nearest]
            right = int((np.array(votes) == labels).sum())
            print('{} neighbours {}: {:.2f} % ({})'.format(count, title, 100 * right / len(labels), right))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--evaluate', action='store_true', help='only evaluate the file that is there')
    known_grids, held_out_grids, known_labels, held_out_labels = split()
    if not parser.parse_args().evaluate:
        train(known_grids, known_labels)
    evaluate(held_out_grids, held_out_labels)
