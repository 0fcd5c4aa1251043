"""Writes models/catalogue.tsv from a survey of the MAX models: ``python scripts/build/catalogue.py SURVEY.json``.

The survey is a list of objects with ``name``, ``image_in_readme``, ``memory_note``, ``predict`` (absent where nothing
is served) and ``routes``. What the catalogue says is what build.sh reads; change it by hand or by changing the survey.
"""

import json
import re
import sys
from pathlib import Path

OUT = Path(__file__).parents[2] / "models" / "catalogue.tsv"
DEFAULT_PATH = "/model/predict"

# Its README names the image of its sibling, the language classifier; one of its own isn't known.
WRONG_IMAGE = {"MAX-CodeNet-Code-Complexity"}

HEADER = """\
# The published models of the Model Asset eXchange, for MODELS=all and for the advice that build.sh gives.
# Columns, parted by tabs; - where there is nothing to say:
#   name    what to give in MODELS; also the name of the wrapper
#   image   the image that the model's README names; - where none is published (build it from its repository first)
#   path    the path that answers by default, where it isn't /model/predict
#   memory  MB that the README recommends for a container
"""


def row(model: dict) -> str:
    name = model["name"]
    image = "-" if name in WRONG_IMAGE else model["image_in_readme"][0]
    path = next(route.split()[1] for route in model["routes"] if route.endswith("/predict"))
    memory = re.match(r"(\d+) Gi?B", model["memory_note"])
    return "\t".join(
        [
            name.lower(),
            image,
            "-" if path == DEFAULT_PATH else path,
            str(int(memory[1]) * 1024) if memory else "-",
        ]
    )


def main(survey: str) -> None:
    models = [model for model in json.loads(Path(survey).read_text()) if "predict" in model]
    OUT.write_text(HEADER + "\n".join(sorted(map(row, models))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
