"""The client's own bytes through a raw web action of the emulator: the binary extension's header and body both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import onnxruntime
import pytest
import requests
from client_inputs import DIGITS, digits, given
from running_platform import running
from tritonclient.http import InferenceServerClient, InferRequestedOutput, InferResult

from modelwhisk.local import Action
from modelwhisk.local.actions import web_annotations
from modelwhisk.local.process_container import ProcessFactory


@pytest.fixture(scope="module", params=["raw", "true"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    action = Action("digits", ProcessFactory(DIGITS), annotations=web_annotations(request.param))
    with running(action) as platform:
        yield platform.url + action.web_path


@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("binary_in", [True, False])
def test_inference(url: str, binary_in: bool, binary_out: bool) -> None:
    pictures = digits(7, 2)
    outputs = [InferRequestedOutput(name, binary_data=binary_out) for name in ("digit", "probabilities")]
    body, length = InferenceServerClient.generate_request_body([given(pictures, binary_in)], outputs=outputs)
    headers = {"Content-Type": "application/octet-stream" if length else "application/json"}
    if length:
        headers["Inference-Header-Content-Length"] = str(length)
    answer = requests.post(f"{url}/v2/models/digits/infer", body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    head = answer.headers.get("Inference-Header-Content-Length")
    assert (head is not None) == binary_out
    result = InferResult.from_response_body(answer.content, header_length=int(head) if head else None)
    session = onnxruntime.InferenceSession(DIGITS / "digits.onnx")
    _, expected = session.run(None, {"image": pictures})
    assert result.as_numpy("digit").tolist() == [7, 2]
    assert np.asarray(result.as_numpy("probabilities"), np.float32).tobytes() == expected.tobytes()


def test_health_and_errors(url: str) -> None:
    for path, status in (("/v2/health/live", 200), ("/v2/models/digits/ready", 200), ("/v2/models/letters", 404)):
        answer = requests.get(url + path, timeout=60)
        assert answer.status_code == status
        assert ("error" in answer.json()) == (status == 404)
    refused = requests.post(f"{url}/v2/models/digits/infer", json={"inputs": []}, timeout=60)
    assert refused.status_code == 400
    assert json.loads(refused.text)["error"].startswith("The input 'image' is missing")
