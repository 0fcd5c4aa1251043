"""How far new inputs lie from those that a model was trained on: `fit` makes a reference, `report` compares."""
