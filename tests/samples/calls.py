"""What the corpora of the samples are made of. Each ``corpus_<sample>.py`` beside this file, named after the folder in
models/ with ``_`` for ``-``, has

``USUAL``      the command of the sample's own usual server, run in the sample's folder: a list, in which ``{port}``,
               ``{python}`` and ``{here}`` stand for its port, this Python and this folder.
``CALLS``      at least thirty ``Call``.
``same(one, other)``  optional: true where two bodies (bytes) differ only in what may differ, such as a time.
"""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Call:
    """One HTTP request to the sample's usual server, and how it is made elsewhere.

    path    with its query; "" where an action's bare URL is called, which is ``usual_path`` on the usual server.
    cooked  False where `--web true` can't carry it (README, "What the platform takes away").
    plain   the parameters of a plain call (`wsk action invoke -p …`) that must give the same answer; None for none.
    """

    name: str
    method: str = "GET"
    path: str = ""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    cooked: bool = True
    plain: dict[str, Any] | None = None
    usual_path: str = ""


def multipart(
    fields: dict[str, str | tuple[str, bytes, str]], boundary: str = "b0undary"
) -> tuple[dict[str, str], bytes]:
    """Headers and body of a form; a file is (name, content, media type)."""
    parts = []
    for name, value in fields.items():
        if isinstance(value, str):
            head, content = f'Content-Disposition: form-data; name="{name}"', value.encode()
        else:
            file, content, kind = value
            head = f'Content-Disposition: form-data; name="{name}"; filename="{file}"\r\nContent-Type: {kind}'
        parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n")
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body
