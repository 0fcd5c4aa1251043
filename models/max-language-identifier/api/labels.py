from config import DEFAULT_LABELS_PATH
from core.model import read_labels
from maxfw.core import MAX_API, MetadataAPI

try:  # where both are installed it is restplus that maxfw uses, and X-Fields masks know only its own fields
    from flask_restplus import fields
except ImportError:
    from flask_restx import fields

model_label = MAX_API.model('ModelLabel', {
    'id': fields.String(required=True, description='Language code (ISO 639-1)'),
    'name': fields.String(required=True, description='English name of the language'),
})

labels_response = MAX_API.model('LabelsResponse', {
    'count': fields.Integer(required=True, description='Number of labels returned'),
    'labels': fields.List(fields.Nested(model_label), description='Languages that the model can tell'),
})


# MetadataAPI and not CustomMAXAPI, which maxfw 1.0.0 doesn't have yet
class ModelLabelsAPI(MetadataAPI):

    labels = read_labels(DEFAULT_LABELS_PATH)

    @MAX_API.doc('labels')
    @MAX_API.marshal_with(labels_response)
    def get(self):
        """Return the list of labels that can be predicted by the model"""
        return {
            'count': len(self.labels),
            'labels': [{'id': code, 'name': name} for code, name in self.labels],
        }
