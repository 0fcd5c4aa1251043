from core.model import ModelWrapper
from core.picture import PictureError, read_picture
from flask import abort
from maxfw.core import MAX_API, PredictAPI
from werkzeug.datastructures import FileStorage

try:  # where both are installed it is restplus that maxfw uses, and X-Fields masks know only its own fields
    from flask_restplus import fields, inputs
except ImportError:
    from flask_restx import fields, inputs

input_parser = MAX_API.parser()
input_parser.add_argument('image', type=FileStorage, location='files', required=True,
                          help='A picture of one handwritten digit, PNG or JPEG.')
input_parser.add_argument('top', type=inputs.int_range(1, 10), default=3,
                          help='How many of the likeliest digits to return, 1 to 10.')

label_prediction = MAX_API.model('LabelPrediction', {
    'label_id': fields.String(required=False, description='Label identifier'),
    'label': fields.String(required=True, description='Digit, as a word'),
    'probability': fields.Float(required=True, description='Predicted probability of the digit'),
})

predict_response = MAX_API.model('ModelPredictResponse', {
    'status': fields.String(required=True, description='Response status message'),
    'predictions': fields.List(fields.Nested(label_prediction), description='Predicted digits, the likeliest first'),
})


class ModelPredictAPI(PredictAPI):

    model_wrapper = ModelWrapper()

    @MAX_API.doc('predict')
    @MAX_API.expect(input_parser)
    @MAX_API.marshal_with(predict_response)
    def post(self):
        """Make a prediction given input data"""
        result = {'status': 'error'}

        args = input_parser.parse_args()
        try:
            picture = read_picture(args['image'].read())
            predictions = self.model_wrapper.predict(picture)
        except PictureError as e:
            abort(400, str(e))

        result['predictions'] = predictions[:args['top']]
        result['status'] = 'ok'
        return result
