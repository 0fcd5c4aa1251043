"""Train the digit model and write ../digits.onnx.

    python training/train.py             train, write the file, print the held-out accuracy
    python training/train.py --evaluate  print the held-out accuracy of the file that is there
    python training/train.py --samples   write ../samples: pictures for `modelwhisk drift fit`
"""
import argparse
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

FILE = Path(__file__).resolve().parent.parent / 'digits.onnx'
SAMPLES = FILE.parent / 'samples'
SEED = 2024
SIDE = 20
COPIES = 32  # disturbed pictures made of each training picture
HIDDEN = 160


def render(digit, side, margin, resample=Image.BICUBIC):
    """One of scikit-learn's 8x8 grids (0 to 16, ink) as a picture: black on white paper."""
    ink = Image.fromarray((255 - digit * (255 / 16)).round().astype(np.uint8))
    image = Image.new('L', (side + 2 * margin, side + 2 * margin), 255)
    image.paste(ink.resize((side, side), resample), (margin, margin))
    return image


def disturb(digit, random):
    """The same digit, larger or smaller, off the middle, sheared, turned, on grey paper or light on dark."""
    side = 8 if random.random() < 0.3 else int(random.integers(24, 112))
    image = render(digit, side, int(side * max(0, random.uniform(-0.15, 0.35))),
                   random.choice([Image.BILINEAR, Image.BICUBIC]))
    centre = image.width / 2
    shear, stretch = random.normal(0, 0.1), np.exp(random.normal(0, 0.08))
    x, y = random.normal(0, 0.03, 2) * image.width
    image = image.transform(
        image.size, Image.AFFINE, (1 / stretch, shear, centre - centre / stretch - shear * centre + x, 0, 1, y),
        Image.BILINEAR, fillcolor=255)
    pixels = np.asarray(image.rotate(random.normal(0, 6), Image.BILINEAR, fillcolor=255), dtype=np.float32)
    low, high = random.uniform(0, 80), random.uniform(160, 255)
    pixels = low + pixels / 255 * (high - low)
    if random.random() < 0.3:
        pixels = 255 - pixels
    return Image.fromarray(pixels.round().astype(np.uint8))


def as_input(image):
    """What the model's input takes: 0 to 1, [1, SIDE, SIDE]."""
    return np.asarray(image.resize((SIDE, SIDE), Image.BILINEAR), dtype=np.float32)[None] / 255


def ink(inputs):
    """What the graph does before the first layer: how far from the paper's colour, the darkest 1."""
    paper = inputs[:, :, 0, :].mean(axis=2)[:, :, None, None]
    distance = np.abs(inputs - paper)
    return (distance / (distance.max(axis=(1, 2, 3), keepdims=True) + 1e-3)).reshape(len(inputs), -1)


def split():
    digits = load_digits()
    # As models/max-digit-classifier splits them, so that neither has seen what the other is measured by.
    return train_test_split(digits.images, digits.target, test_size=0.2, stratify=digits.target, random_state=2018)


def train():
    images, _, labels, _ = split()
    random = np.random.default_rng(SEED)
    pictures, targets = [], []
    for image, label in zip(images, labels, strict=True):
        pictures += [render(image, 8, 0), render(image, 96, 16)] * 2
        pictures += [disturb(image, random) for _ in range(COPIES)]
        targets += [label] * (COPIES + 4)
    model = MLPClassifier(hidden_layer_sizes=(HIDDEN,), alpha=1e-3, batch_size=128, learning_rate_init=1e-3,
                          max_iter=40, tol=0, n_iter_no_change=40, random_state=SEED)
    # One thread: sums in another order would give other weights.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter('ignore', ConvergenceWarning)  # the number of rounds is fixed
        model.fit(ink(np.stack([as_input(picture) for picture in pictures])), np.array(targets))
    FILE.write_bytes(graph_of(model).SerializeToString())


def graph_of(model):
    """The trained perceptron, with ``ink`` before it and the most probable digit after it."""
    def constant(name, array):
        return numpy_helper.from_array(np.asarray(array), name)

    (w0, w1), (b0, b1) = model.coefs_, model.intercepts_
    nodes = [
        helper.make_node('Gather', ['image', 'first'], ['top'], axis=2),
        helper.make_node('ReduceMean', ['top'], ['paper'], axes=[2, 3], keepdims=1),
        helper.make_node('Sub', ['image', 'paper'], ['difference']),
        helper.make_node('Abs', ['difference'], ['distance']),
        helper.make_node('ReduceMax', ['distance'], ['farthest'], axes=[1, 2, 3], keepdims=1),
        helper.make_node('Add', ['farthest', 'little'], ['scale']),
        helper.make_node('Div', ['distance', 'scale'], ['ink']),
        helper.make_node('Flatten', ['ink'], ['flat'], axis=1),
        helper.make_node('Gemm', ['flat', 'w0', 'b0'], ['hidden']),
        helper.make_node('Relu', ['hidden'], ['active']),
        helper.make_node('Gemm', ['active', 'w1', 'b1'], ['scores']),
        helper.make_node('Softmax', ['scores'], ['probabilities'], axis=1),
        helper.make_node('ArgMax', ['scores'], ['digit'], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes, 'digits',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, ['batch', 1, SIDE, SIDE])],
        [helper.make_tensor_value_info('digit', TensorProto.INT64, ['batch']),
         helper.make_tensor_value_info('probabilities', TensorProto.FLOAT, ['batch', 10])],
        [constant('first', np.array([0])), constant('little', np.float32([1e-3]))]
        + [constant(name, array.astype(np.float32))
           for name, array in (('w0', w0), ('b0', b0), ('w1', w1), ('b1', b1))])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=8, model_version=1,
                             producer_name='train.py', doc_string='Which handwritten digit a picture shows')
    # ONNX's own words for what the pixels are (MetadataProps.md)
    helper.set_model_props(made, {'Image.BitmapPixelFormat': 'Gray8', 'Image.NominalPixelRange': 'Normalized_0_1'})
    onnx.checker.check_model(made, full_check=True)
    return made


def write_samples():
    """Every second training picture, and the held-out ones, with a margin and as small as the model sees them."""
    images, held_out, labels, held_out_labels = split()
    SAMPLES.mkdir(exist_ok=True)
    for name, grids, digits in (('training', images[::2], labels[::2]), ('held-out', held_out, held_out_labels)):
        pictures = [np.asarray(render(grid, 96, 16).resize((SIDE, SIDE), Image.BILINEAR)) for grid in grids]
        np.savez_compressed(SAMPLES / f'{name}.npz', images=np.stack(pictures), digits=digits.astype(np.uint8))


def evaluate():
    session = onnxruntime.InferenceSession(FILE)
    _, images, _, labels = split()
    print(f'held-out pictures: {len(labels)}')
    for title, side, margin in (('8x8 pixels, as they are', 8, 0), ('128x128 pixels with a margin', 96, 16)):
        inputs = np.stack([as_input(render(image, side, margin)) for image in images])
        digits, _ = session.run(['digit', 'probabilities'], {'image': inputs})
        right = int((digits == labels).sum())
        print(f'accuracy, {title}: {100 * right / len(labels):.2f} % ({right} of {len(labels)})')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--evaluate', action='store_true', help='only evaluate the file that is there')
    parser.add_argument('--samples', action='store_true', help='only write the sample pictures')
    options = parser.parse_args()
    if options.samples:
        write_samples()
    else:
        if not options.evaluate:
            train()
        evaluate()
