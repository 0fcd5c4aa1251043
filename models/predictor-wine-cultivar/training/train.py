"""Train the wine classifier and export it to wine.onnx.

    python training/train.py             train, write the files, print the accuracy
    python training/train.py --evaluate  print the accuracy of the wine.onnx that is there
"""
import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODEL = Path(__file__).resolve().parent.parent
SEED = 1991
# In the order of the data set's classes.
CULTIVARS = ['Barolo', 'Grignolino', 'Barbera']


def split():
    wines = load_wine()
    return train_test_split(wines.data, wines.target, test_size=0.25, stratify=wines.target, random_state=SEED)


def classifier():
    # Layer size and alpha chosen by cross-validation within the training wines.
    return make_pipeline(StandardScaler(), MLPClassifier(
        hidden_layer_sizes=(8,), alpha=1, learning_rate_init=5e-3, max_iter=300, random_state=SEED))


def export(pipeline, fields):
    """The scaler and the two layers as one graph: wines [n, 13] -> probabilities [n, 3]."""
    scaler, network = pipeline[0], pipeline[1]
    arrays = {'mean': scaler.mean_, 'scale': scaler.scale_}
    for i, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        arrays['w{}'.format(i)], arrays['b{}'.format(i)] = weights, bias
    graph = helper.make_graph(
        [helper.make_node('Sub', ['wines', 'mean'], ['centred']),
         helper.make_node('Div', ['centred', 'scale'], ['scaled']),
         helper.make_node('Gemm', ['scaled', 'w0', 'b0'], ['hidden']),
         helper.make_node('Relu', ['hidden'], ['active']),
         helper.make_node('Gemm', ['active', 'w1', 'b1'], ['scores']),
         helper.make_node('Softmax', ['scores'], ['probabilities'], axis=1)],
        'wine',
        [helper.make_tensor_value_info('wines', TensorProto.FLOAT, ['n', len(fields)])],
        [helper.make_tensor_value_info('probabilities', TensorProto.FLOAT, ['n', len(CULTIVARS)])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()])
    # Opset 13 is the first with today's Softmax; every onnxruntime since 1.6 reads it.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=7)
    onnx.checker.check_model(model)
    onnx.save(model, str(MODEL / 'wine.onnx'))


def train():
    wines = load_wine()
    x, held_out, y, held_out_y = split()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ConvergenceWarning)  # the number of rounds is fixed
        folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
        scores = cross_val_score(classifier(), x, y, cv=folds)
        pipeline = classifier().fit(x, y)
    print('cross-validation within the {} training wines: {:.2f} %'.format(len(y), 100 * scores.mean()))
    export(pipeline, wines.feature_names)
    names = [name.replace('/', '_') for name in wines.feature_names]
    (MODEL / 'classes.json').write_text(json.dumps({'cultivars': CULTIVARS, 'fields': names}, indent=2) + '\n')
    samples = {'wines': [dict(zip(names, map(float, held_out[held_out_y == i][0]), strict=True)) for i in range(3)]}
    (MODEL / 'samples' / 'wines.json').write_text(json.dumps(samples, indent=2) + '\n')


def evaluate():
    _, held_out, _, held_out_y = split()
    session = onnxruntime.InferenceSession(str(MODEL / 'wine.onnx'), providers=['CPUExecutionProvider'])
    found = session.run(None, {'wines': held_out.astype(np.float32)})[0].argmax(axis=1)
    right = int((found == held_out_y).sum())
    print('wine.onnx on the held-out wines: {:.2f} % ({} of {})'.format(
        100 * right / len(held_out_y), right, len(held_out_y)))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--evaluate', action='store_true', help='only evaluate the model that is there')
    if not parser.parse_args().evaluate:
        train()
    evaluate()
