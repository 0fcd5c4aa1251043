from core.model import ModelWrapper
from flask import abort
from maxfw.core import MAX_API, PredictAPI

try:  # where both are installed it is restplus that maxfw uses, and X-Fields masks know only its own fields
    from flask_restplus import fields
except ImportError:
    from flask_restx import fields

input_parser = MAX_API.model('ModelInput', {
    'text': fields.List(fields.String, required=True, description='Texts, each in one language'),
})

alternative = MAX_API.model('Alternative', {
    'language': fields.String(required=True, description='Language code (ISO 639-1)'),
    'probability': fields.Float(required=True, description='Predicted probability of the language'),
})

language_prediction = MAX_API.model('LanguagePrediction', {
    'language': fields.String(required=True, description='Language code (ISO 639-1); und for a text without letters'),
    'name': fields.String(required=True, description='English name of the language'),
    'probability': fields.Float(required=True, description='Predicted probability of the language'),
    'alternatives': fields.List(fields.Nested(alternative), description='The two next likeliest languages'),
})

predict_response = MAX_API.model('ModelPredictResponse', {
    'status': fields.String(required=True, description='Response status message'),
    'predictions': fields.List(fields.Nested(language_prediction), description='One prediction for each text'),
})


class ModelPredictAPI(PredictAPI):

    model_wrapper = ModelWrapper()

    @MAX_API.doc('predict')
    @MAX_API.expect(input_parser)
    @MAX_API.marshal_with(predict_response)
    def post(self):
        """Make a prediction given input data"""
        result = {'status': 'error'}

        payload = MAX_API.payload
        texts = payload.get('text') if isinstance(payload, dict) else None
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            abort(400, "Invalid input, please supply a JSON object with a 'text' field: a list of strings.")

        result['predictions'] = self.model_wrapper.predict(texts)
        result['status'] = 'ok'
        return result
