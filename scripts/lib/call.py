"""The little of curl that demo.sh needs, where there is no curl: call.py BODY_FILE [-F|-H|-d VALUE]... URL

Prints the status, the seconds and the content type, as demo.sh has curl print them.
"""

from __future__ import annotations

import mimetypes
import pathlib
import sys
import time

import requests  # which the package's docker client brings


def main(body_file: str, *arguments: str) -> None:
    files, headers, data = {}, {}, None
    for option, value in zip(arguments[:-1:2], arguments[1::2], strict=True):
        if option == "-F":
            name, _, path = value.partition("=@")
            content_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
            files[name] = (pathlib.Path(path).name, pathlib.Path(path).read_bytes(), content_type)
        elif option == "-H":
            name, _, text = value.partition(":")
            headers[name] = text.strip()
        else:
            data = pathlib.Path(value.removeprefix("@")).read_bytes()
    with requests.Session() as session:
        session.trust_env = False  # a proxy has no way to this machine's loopback
        method = "POST" if files or data is not None else "GET"
        start = time.monotonic()
        # As curl does, it follows no redirect: an image has no way to this machine's loopback, to which one may lead.
        options = {"files": files, "headers": headers, "data": data, "timeout": 300, "allow_redirects": False}
        answer = session.request(method, arguments[-1], **options)
    pathlib.Path(body_file).write_bytes(answer.content)
    print(answer.status_code, f"{time.monotonic() - start:.6f}", answer.headers.get("Content-Type", ""), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
