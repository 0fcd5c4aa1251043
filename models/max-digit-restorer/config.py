# Flask settings
DEBUG = False

# Flask-restplus and Flask-restx settings
RESTPLUS_MASK_SWAGGER = False
RESTX_MASK_SWAGGER = False

# API metadata
API_TITLE = 'MAX Digit Restorer'
API_DESC = 'Takes the noise out of a picture of a handwritten digit'
API_VERSION = '1.0.0'

# Default model
MODEL_NAME = 'max-digit-restorer'
MODEL_ID = MODEL_NAME
DEFAULT_MODEL_PATH = 'assets/{}.npz'.format(MODEL_NAME)
MODEL_LICENSE = 'Apache-2.0'

MODEL_META_DATA = {
    'id': MODEL_ID,
    'name': 'MAX Digit Restorer',
    'description': 'A denoising autoencoder on 16x16 pictures, '
                   'trained on the UCI optical recognition of handwritten digits',
    'type': 'Image-To-Image Translation',
    'source': 'https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits',
    'license': MODEL_LICENSE,
}
