import io

from core.model import ModelWrapper
from core.picture import PictureError, read_picture
from flask import abort, make_response
from maxfw.core import MAX_API, PredictAPI
from werkzeug.datastructures import FileStorage

input_parser = MAX_API.parser()
input_parser.add_argument('image', type=FileStorage, location='files', required=True,
                          help='A noisy picture of one handwritten digit, PNG or JPEG.')


class ModelPredictAPI(PredictAPI):

    model_wrapper = ModelWrapper()

    @MAX_API.doc('predict', produces=['image/png'])
    @MAX_API.expect(input_parser)
    def post(self):
        """Make a prediction given input data"""
        args = input_parser.parse_args()
        try:
            restored = self.model_wrapper.predict(read_picture(args['image'].read()))
        except PictureError as e:
            abort(400, str(e))

        file = io.BytesIO()
        restored.save(file, 'PNG')
        # send_file() takes the name under a keyword that was renamed in Flask 2
        response = make_response(file.getvalue())
        response.headers.set('Content-Type', 'image/png')
        response.headers.set('Content-Disposition', 'attachment', filename='result.png')
        return response
