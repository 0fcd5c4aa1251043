from config import DEFAULT_MODEL, MODELS
from core.model import ModelWrapper
from flask import make_response
from maxfw.core import MAX_API, MAXAPI

try:  # images from max-base 1.3.2 on have restx, earlier ones only restplus
    from flask_restx import inputs
except ImportError:
    from flask_restplus import inputs

input_parser = MAX_API.parser()
input_parser.add_argument('model', type=str, default=DEFAULT_MODEL, choices=MODELS, location='args',
                          help='The word to say.')
input_parser.add_argument('seed', type=inputs.int_range(0, 2 ** 32 - 1), default=0, location='args',
                          help='Chooses the voice: the same seed gives the same sound.')


# Not PredictAPI: its post() raises, where a method that isn't there should be answered 405
class ModelPredictAPI(MAXAPI):

    model_wrapper = ModelWrapper()

    @MAX_API.doc('predict', produces=['audio/wav'])
    @MAX_API.expect(input_parser)
    def get(self):
        """Make a prediction given input data"""
        args = input_parser.parse_args()

        response = make_response(self.model_wrapper.predict((args['model'], args['seed'])))
        response.headers.set('Content-Type', 'audio/wav')
        response.headers.set('Content-Disposition', 'attachment', filename='result.wav')
        return response
