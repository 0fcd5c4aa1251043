from api import ModelMetadataAPI, ModelPredictAPI
from config import API_DESC, API_TITLE, API_VERSION
from maxfw.core import MAXApp

max = MAXApp(API_TITLE, API_DESC, API_VERSION)
max.add_api(ModelMetadataAPI, '/metadata')
max.add_api(ModelPredictAPI, '/predict')
max.run()
