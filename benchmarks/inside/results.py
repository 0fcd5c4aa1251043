"""Reads results as their platforms would, as far as the cases need it."""

import base64
import json


def answer_of_action(result):
    """(status, media type, body) of the response that OpenWhisk makes of a web action's result (WebActions.scala)."""
    result = json.loads(bytes(result).decode("utf-8"))
    content_type = {name.lower(): value for name, value in result["headers"].items()}["content-type"]
    body = result["body"]
    is_text = content_type == "application/json" and body[:1] in ("{", "[")
    return result["statusCode"], content_type, body.encode("utf-8") if is_text else base64.b64decode(body)


def answer_of_gateway(result):
    """The same of what a function answers to AWS's API Gateway."""
    result = json.loads(result)
    body = base64.b64decode(result["body"]) if result["isBase64Encoded"] else result["body"].encode("utf-8")
    return result["statusCode"], result["headers"]["content-type"], body
