# Flask settings
DEBUG = False

# Flask-restplus and Flask-restx settings
RESTPLUS_MASK_SWAGGER = False
RESTX_MASK_SWAGGER = False

# API metadata
API_TITLE = 'MAX Language Identifier'
API_DESC = 'Tells which of 38 languages a text is written in'
API_VERSION = '1.0.0'

# Default model
MODEL_NAME = 'max-language-identifier'
MODEL_ID = MODEL_NAME
DEFAULT_MODEL_PATH = 'assets/{}.npz'.format(MODEL_NAME)
DEFAULT_LABELS_PATH = 'assets/labels.txt'
MODEL_LICENSE = 'Apache-2.0'

MODEL_META_DATA = {
    'id': MODEL_ID,
    'name': 'MAX Language Identifier',
    'description': 'A multinomial logistic regression on hashed character n-grams, '
                   'trained on the message catalogues of Django and Sphinx',
    'type': 'Text Classification',
    'source': 'https://github.com/django/django',
    'license': MODEL_LICENSE,
}
