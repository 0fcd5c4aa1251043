"""The requests that are measured, and each as a platform sends it: OpenWhisk's /run message, API Gateway's event."""

import base64
import json
import random
import time

MOUNT = "/api/v1/web/guest/default/model"
# What /init and every /run say alike; the key is as long as a real one.
_ACTION = {
    "namespace": "guest",
    "action_name": "/guest/model",
    "action_version": "0.0.1",
    "api_key": "00000000-0000-0000-0000-000000000000:" + "k" * 64,
}
_BOUNDARY = "------------------------f0a1b2c3d4e5f6a7"


class Case(object):
    """One HTTP request to the model: a POST to /model/predict."""

    def __init__(self, name, content_type, body):
        self.name = name
        self.content_type = content_type
        self.body = body

    def headers(self):
        """What a web action gets behind a usual ingress."""
        return {
            "accept": "*/*",
            "accept-encoding": "gzip, deflate, br",
            "content-type": self.content_type,
            "host": "whisk.example",
            "user-agent": "python-requests/2.32.3",
            "x-forwarded-for": "192.0.2.7",
            "x-forwarded-host": "whisk.example",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            "x-real-ip": "192.0.2.7",
            "x-request-id": "3f0c8f0e4a4c2a9b7f6f2a1d0c9b8e7f",
        }

    def run_message(self):
        """The body of /run for ``--web raw``, with an hour until the deadline."""
        value = {
            "__ow_method": "post",
            "__ow_query": "",
            "__ow_body": base64.b64encode(self.body).decode("ascii"),
            "__ow_headers": self.headers(),
            "__ow_path": "",
        }
        return _compact(dict(_activation("5c1e2f7a9b3d4c6e8f0a1b2c3d4e5f60"), value=value)).encode("utf-8")

    def gateway_event(self):
        """The same request as an event of AWS's API Gateway, payload format 2.0."""
        return _compact(
            {
                "version": "2.0",
                "routeKey": "$default",
                "rawPath": "/model/predict",
                "rawQueryString": "",
                "headers": self.headers(),
                "requestContext": {
                    "accountId": "123456789012",
                    "apiId": "abcdefghij",
                    "domainName": "whisk.example",
                    "http": {
                        "method": "POST",
                        "path": "/model/predict",
                        "protocol": "HTTP/1.1",
                        "sourceIp": "192.0.2.7",
                        "userAgent": "python-requests/2.32.3",
                    },
                    "requestId": "JKJaXmPLvHcESHA=",
                    "stage": "$default",
                    "time": "12/Mar/2024:19:03:58 +0000",
                    "timeEpoch": 1710270238000,
                },
                "body": base64.b64encode(self.body).decode("ascii"),
                "isBase64Encoded": True,
            }
        )


def init_value():
    """The ``value`` of /init: its ``env`` has what a /run says, of the activation that made the container start."""
    env = {"__OW_" + key.upper(): text for key, text in _activation("0f9e8d7c6b5a49382716050403020100").items()}
    env["__OW_API_HOST"] = "https://whisk.example:443"
    return {"name": "model", "main": "main", "binary": False, "code": "", "env": env}


def _activation(identity):
    return dict(
        _ACTION,
        activation_id=identity,
        transaction_id="uV6r0yR1hH2pQ7nB3mK9sD4tF5gJ8wXz",
        deadline=str(int((time.time() + 3600) * 1000)),
    )


def _compact(message):
    return json.dumps(message, separators=(",", ":"))


def _json_case(name, answer, size=0):
    body = {"answer": answer}
    if size:
        body["text"] = ""
        body["text"] = "x" * (size - len(_compact(body)))
    return Case(name, "application/json", _compact(body).encode("ascii"))


def upload_case(name, size):
    data = random.Random(3).getrandbits(8 * size).to_bytes(size, "little")
    lines = (
        "--" + _BOUNDARY,
        'Content-Disposition: form-data; name="image"; filename="baby.jpg"',
        "Content-Type: image/jpeg",
        "",
        "",
    )
    body = "\r\n".join(lines).encode("ascii") + data + ("\r\n--" + _BOUNDARY + "--\r\n").encode("ascii")
    return Case(name, "multipart/form-data; boundary=" + _BOUNDARY, body)


CASES = (
    _json_case("200 B JSON in", "label", 200),
    upload_case("20 kB upload in", 20 * 1000),
    upload_case("200 kB upload in", 200 * 1000),
    upload_case("700 kB upload in", 700 * 1000),
    _json_case("2 kB JSON out", "20 labels"),
    _json_case("200 kB JSON out", "2000 labels"),
    _json_case("250 kB JSON out", "labels"),
    _json_case("750 kB PNG out", "picture"),
)
