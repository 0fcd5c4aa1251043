"""Small model folders, laid out as MAX images are, for the maxfw and Flask that are installed."""

CONFIG = """
API_TITLE = "Test model"
API_DESC = "Tells what it got"
API_VERSION = "1.0.0"
"""

API = '''
import os
import sys
import time

from flask import Response, request
from maxfw.core import MAX_API, MetadataAPI, PredictAPI


class ModelMetadataAPI(MetadataAPI):
    @MAX_API.doc("get_metadata")
    def get(self):
        return {"id": "test"}


class ModelPredictAPI(PredictAPI):
    @MAX_API.doc("predict")
    def post(self):
        """Predict."""
        what = request.args.get("do", "")
        if what == "raise":
            raise ValueError("no secret for clients")
        if what == "exit":
            sys.exit(1)
        if what == "print":
            print("printed without a flush", end="")
        if what.startswith("sleep"):
            time.sleep(float(what[5:]))
        if what == "png":
            headers = {"Content-Disposition": "attachment; filename=r.png"}
            return Response(b"\\x89PNG", mimetype="image/png", headers=headers)
        return {
            "files": {name: [file.filename, file.mimetype, len(file.read())] for name, file in request.files.items()},
            "form": request.form.to_dict(flat=False), "query": request.args.to_dict(flat=False),
            "json": request.get_json(silent=True), "x-fields": request.headers.get("X-Fields"),
            "activation": os.environ.get("__OW_ACTIVATION_ID"),
        }
'''

APP = """
import os
import sys
import queue  # one of the folder's own, which comes first on the path

from maxfw.core import MAXApp
from api import ModelMetadataAPI, ModelPredictAPI
from config import API_DESC, API_TITLE, API_VERSION

print("app.py is %s in %s with %s, first on the path %s, %s, of ours %s, level %s" % (
    __name__, os.getcwd(), sys.argv, sys.path[0], sys.modules["__main__"].__name__,
    sorted(name for name in os.environ if name.startswith("MODELPROXY")), os.environ.get("LEVEL")))
max_app = MAXApp(API_TITLE, API_DESC, API_VERSION)
max_app.add_api(ModelMetadataAPI, "/metadata")
max_app.add_api(ModelPredictAPI, "/predict")
max_app.app.config["OWN"] = queue.NAME


@max_app.app.route("/page")
def page():
    return "<p>%s</p>" % max_app.app.config["OWN"]


max_app.run()
print("never reached")
"""


def write(folder, **files):
    """A MAX model's folder; ``app``, ``config`` and ``api`` may be given as other text, others are added."""
    texts = dict({"app": APP, "config": CONFIG, "queue": "NAME = 'the model has a queue.py'\n"}, **files)
    folder.joinpath("api").mkdir()
    folder.joinpath("api", "__init__.py").write_text(texts.pop("api", API))
    for name, text in texts.items():
        folder.joinpath(name + ".py").write_text(text)
    return folder


FLASK_APP = """
from flask import Flask, jsonify, request

app = Flask(__name__)


@app.route("/model/predict", methods=["GET", "POST"])
def predict():
    return jsonify(size=len(request.get_data()))


if __name__ == "__main__":
    app.run(host="0.0.0.0")
"""


FORKING_APP = """
import multiprocessing
import os
import sys
import threading
import time

from flask import Flask, jsonify

app = Flask(__name__)
threading.Thread(target=time.sleep, args=(60,)).start()  # one that the interpreter would wait for at its end


def square(number):
    return number * number


@app.route("/terminate")
def terminate():
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    if sys.version_info < (3, 7):
        time.sleep(0.5)
    child.terminate()
    child.join(10)
    code = child.exitcode
    if code is None:
        os.kill(child.pid, 9)
    return jsonify(code)


@app.route("/leave")
def leave():
    child = os.fork()
    if not child:
        sys.exit(3)
    return jsonify(os.waitpid(child, 0)[1])


@app.route("/background")
def background():
    if not os.fork():
        time.sleep(5)
        os._exit(0)
    return jsonify(0)


@app.route("/spawn")
def spawn():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return jsonify(pool.map(square, [1, 2, 3]))


@app.route("/sleep")
def sleep():
    time.sleep(1)
    return jsonify(0)


if __name__ == "__main__":
    app.run(host="0.0.0.0")
"""
