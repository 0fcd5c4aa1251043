# -*- coding: utf-8 -*-

# -- stdlib --
import json as jsonlib

# -- third party --
import numpy as np
import openbayes_serving as serv


# -- code --
class Predictor:
    def __init__(self, onnx):
        self.onnx = onnx
        with open('classes.json') as f:
            classes = jsonlib.load(f)
        self.cultivars = classes['cultivars']
        self.fields = classes['fields']

    def preprocess(self, wine):
        missing = [field for field in self.fields if field not in wine]
        if missing:
            return None, 'missing: {}'.format(', '.join(missing))
        try:
            return [float(wine[field]) for field in self.fields], None
        except (TypeError, ValueError) as e:
            return None, str(e)

    def postprocess(self, odds):
        return {
            'cultivar': self.cultivars[odds.argmax()],
            'probabilities': {self.cultivars[i]: round(float(p), 4) for i, p in enumerate(odds)},
        }

    def predict(self, json, params):
        """
        json: {"wines": [{"alcohol": 13.2, ...}, ...]}, or the list alone
        params: ?as=csv for text, ?as=float32 for bytes
        """
        wines = json if isinstance(json, list) else json['wines']
        rows = [self.preprocess(wine) for wine in wines]

        good = np.array([row for row, error in rows if not error], dtype=np.float32).reshape(-1, len(self.fields))
        odds = self.onnx.run(None, {'wines': good})[0]

        if params.get('as') == 'float32':
            return odds.tobytes()

        found = iter(odds)
        results = [{'error': error} if error else self.postprocess(next(found)) for _, error in rows]
        if params.get('as') == 'csv':
            return ''.join('{}\n'.format(r.get('cultivar', '')) for r in results)
        return {'predictions': results}


if __name__ == '__main__':
    serv.run(Predictor)
