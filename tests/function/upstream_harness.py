"""What upstream's test harness does with a runtime's container, and how it packs code.

Source: apache/openwhisk, tests/src/test/scala/actionContainers/ActionContainer.scala and ResourceHelpers.scala.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import re
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bed import Running

MARKER = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n"
LOG_PATIENCE = 10.0  # seconds until the engine has passed on what was written
LOOKS_LIKE_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)")


class ActionContainer:
    """One container: `init` and `run` answer with status and JSON, `streams` is what it has written."""

    def __init__(self, running: Running) -> None:
        self.running = running

    def post(self, path: str, message: Any, timeout: float = 30) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(*self.running.address(8080), timeout=timeout)
        try:
            connection.request("POST", path, json.dumps(message), {"Content-Type": "application/json"})
            response = connection.getresponse()
            assert response.getheader("Content-Length") is not None
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def init(self, code: str | None, main: str = "main", env: Mapping[str, str] | None = None) -> tuple[int, Any]:
        binary = code is not None and LOOKS_LIKE_BASE64.fullmatch(code.strip()) is not None
        return self.post("/init", {"value": {"code": code, "main": main, "binary": binary, "env": env}})

    def run(self, value: Any, **other: Any) -> tuple[int, Any]:
        return self.post("/run", {"value": value, **other})

    def streams(self, sentinels: int, awaited: str = "") -> tuple[str, str]:
        """What the function wrote on stdout and stderr: each ends an activation by exactly one sentinel, and the
        proxy's own lines, which say so themselves, are none of the function's. What is `awaited` on stdout tells that
        the engine has passed it on, where no sentinel does."""
        written = []
        for stream, wanted in (({"stderr": False}, awaited), ({"stdout": False}, "")):
            end = time.monotonic() + LOG_PATIENCE
            while True:
                text = bytes(self.running.container.logs(**stream)).decode()
                if text.count(MARKER) >= sentinels and wanted in text:
                    break
                assert time.monotonic() < end, text
                time.sleep(0.02)
            assert text.count(MARKER) == sentinels, text
            lines = text.replace(MARKER, "").splitlines(keepends=True)
            written.append("".join(line for line in lines if not line.startswith("modelproxy: ")).strip())
        return written[0], written[1]


def zipped(files: Mapping[str, str]) -> str:
    """A zip as base64."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return base64.b64encode(content.getvalue()).decode()


def zipped_folder(folder: Path, without: str = "") -> str:
    """A folder's files as base64 of a zip, symbolic links as such: as upstream's `-compile` does."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            if name == without:
                continue
            if path.is_symlink():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = 0o120777 << 16
                archive.writestr(entry, str(path.readlink()))
            elif path.is_file():
                archive.write(path, name)
    return base64.b64encode(content.getvalue()).decode()
