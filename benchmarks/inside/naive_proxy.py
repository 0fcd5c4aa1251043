"""The proxy that people paste around a packaged model, written anew for this: Flask's test client inside Flask.

Kinder than most: it sets the status, and passes JSON on as text instead of parsing it.
"""

import base64

from flask import Flask, jsonify, request


def make(model_app):
    proxy = Flask("proxy")

    @proxy.route("/init", methods=["POST"])
    def init():
        return ""

    @proxy.route("/run", methods=["POST"])
    def run():
        value = request.get_json(force=True)["value"]
        data = base64.b64decode(value["__ow_body"])
        with model_app.test_client() as client:
            response = client.post("/model/predict", data=data, headers=value["__ow_headers"])
        content_type = response.headers["Content-Type"]
        if content_type.startswith("image"):
            body = base64.b64encode(response.data).decode("utf-8")
        else:
            body = response.data.decode("utf-8")
        return jsonify({"statusCode": response.status_code, "headers": {"Content-Type": content_type}, "body": body})

    return proxy
