from .labels import ModelLabelsAPI
from .metadata import ModelMetadataAPI
from .predict import ModelPredictAPI

__all__ = ['ModelLabelsAPI', 'ModelMetadataAPI', 'ModelPredictAPI']
