# Flask settings
DEBUG = False

# Flask-restplus and Flask-restx settings
RESTPLUS_MASK_SWAGGER = False
RESTX_MASK_SWAGGER = False

# API metadata
API_TITLE = 'MAX Digit Classifier'
API_DESC = 'Tells which handwritten digit a picture shows'
API_VERSION = '1.0.0'

# Default model
MODEL_NAME = 'max-digit-classifier'
MODEL_ID = MODEL_NAME
DEFAULT_MODEL_PATH = 'assets/{}.npz'.format(MODEL_NAME)
DEFAULT_LABELS_PATH = 'assets/labels.txt'
MODEL_LICENSE = 'Apache-2.0'

MODEL_META_DATA = {
    'id': MODEL_ID,
    'name': 'MAX Digit Classifier',
    'description': 'A perceptron with one hidden layer on 8x8 pictures, '
                   'trained on the UCI optical recognition of handwritten digits',
    'type': 'Image Classification',
    'source': 'https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits',
    'license': MODEL_LICENSE,
}
