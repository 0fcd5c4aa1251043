"""A model over many inputs: `inputs` says which, `runner` sends them, `results` keeps each answer, `summary` counts."""
