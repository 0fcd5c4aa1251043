"""Serves a UbiOps deployment: ``class Deployment`` in deployment.py (model-interfaces.md, section 5).

UbiOps' own way to the code (upload the file, ask for a request with its URI, fetch the result) is replaced by one HTTP
request and its answer:

``POST /``              one request, or a JSON list of them. Structured input is a JSON object or a form, plain input
                        text or a JSON string. ``inputs`` and ``outputs`` have the rules.
``GET /``               what it takes and gives: the specifications.
``GET /openapi.json``   the same for clients (and at /swagger.json).
"""

from .host import Host

__all__ = ["Host"]
