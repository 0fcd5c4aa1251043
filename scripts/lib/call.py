"""The little of curl that demo.sh needs, where there is no curl: call.py BODY_FILE [-F|-H|-d VALUE]... URL

Prints the status, the seconds and the content type, as demo.sh has curl print them.
"""

from __future__ import annotations

import mimetypes
import pathlib
import sys
import time

import urllib3  # which the package's docker client brings


def main(body_file: str, *arguments: str) -> None:
    fields, headers, data = {}, {}, None
    for option, value in zip(arguments[:-1:2], arguments[1::2], strict=True):
        if option == "-F":
            name, _, content = value.partition("=")
            path = pathlib.Path(content.removeprefix("@"))
            content_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
            fields[name] = (path.name, path.read_bytes(), content_type) if content.startswith("@") else content
        elif option == "-H":
            name, _, text = value.partition(":")
            headers[name] = text.strip()
        else:
            data = pathlib.Path(value.removeprefix("@")).read_bytes()
    method = "POST" if fields or data is not None else "GET"
    sent = {"fields": fields} if fields else {"body": data}
    start = time.monotonic()
    # As curl does, it follows no redirect: an image has no way to this machine's loopback, to which one may lead. And
    # it undoes no coding: a few bytes of an image's may become gigabytes.
    options = {"redirect": False, "retries": False, "timeout": 300, "preload_content": False, "decode_content": False}
    with urllib3.PoolManager() as pool, pathlib.Path(body_file).open("wb") as body:
        answer = pool.request(method, arguments[-1], headers=headers, **sent, **options)
        body.writelines(answer.stream(65_536))
    print(answer.status, f"{time.monotonic() - start:.6f}", answer.headers.get("Content-Type", ""), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
