# Flask settings
DEBUG = False

# Flask-restplus and Flask-restx settings
RESTPLUS_MASK_SWAGGER = False
RESTX_MASK_SWAGGER = False

# API metadata
API_TITLE = 'MAX Sound Generator'
API_DESC = 'Makes up voices that say a digit'
API_VERSION = '1.0.0'

# Default model
MODEL_NAME = 'max-sound-generator'
MODEL_ID = MODEL_NAME
DEFAULT_MODEL_PATH = 'assets/{}.npz'.format(MODEL_NAME)
MODEL_LICENSE = 'Apache-2.0'

MODELS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
DEFAULT_MODEL = 'seven'

MODEL_META_DATA = {
    'id': MODEL_ID,
    'name': 'MAX Sound Generator',
    'description': 'A linear Gaussian latent model of linear-predictive speech parameters, one for each of ten words, '
                   'trained on digits spoken by eSpeak NG in many voices',
    'type': 'Audio Modeling',
    'source': 'https://github.com/espeak-ng/espeak-ng',
    'license': MODEL_LICENSE,
}
