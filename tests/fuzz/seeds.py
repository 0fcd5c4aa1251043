"""Well-formed inputs for each target to begin with."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import Any

from PIL import Image


def _zip(names: dict[str, bytes], method: int) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as opened:
        for name, content in names.items():
            opened.writestr(zipfile.ZipInfo(name), content, method)
    return archive.getvalue()


def _picture(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """Lies on its side, where the format can say so."""
    image = Image.frombytes(mode, (9, 8), bytes(level % 256 for level in range(72 * Image.getmodebands(mode))))
    image.getexif()[0x0112] = 6
    file = io.BytesIO()
    image.save(file, kind, exif=image.getexif(), **options)
    return file.getvalue()


_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="a"; filename="b.png"\r\n'
    b"Content-Type: image/png\r\n\r\nx\r\n--b--\r\n"
)
_WEB = (
    b'{"__ow_method": "post", "__ow_headers": {"content-type": "image/png", "x-a": "b"}, "__ow_path": "/a%2F", '
    b'"__ow_query": "a=b", "__ow_body": "AAECAw=="}'
)
_INFERENCE = (
    b'{"id": "1", "inputs": [{"name": "a", "datatype": "FP32", "shape": [1, 2], "data": [[1, 2.5]]}, '
    b'{"name": "b", "datatype": "BYTES", "shape": [1], "data": ["x"]}], "outputs": [{"name": "y"}]}'
)
_BINARY = b'{"inputs":[{"name":"a","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]}'

SEEDS: dict[str, list[bytes]] = {
    "http1_in_pieces": [
        b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}GET / HTTP/1.0\r\n\r\n",
        b"PUT /a?b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        b"3;a=b\r\nabc\r\n0\r\nA: b\r\n\r\n",
    ],
    "web_action_value": [
        _WEB,
        _WEB.replace(b'"__ow_query": "a=b", ', b'"a": [1], '),
        b'{"__ow_method": "put", "__ow_headers": {"content-type": "application/json", "x-forwarded-proto": "https"}, '
        b'"a": 1}',
    ],
    "web_action_response": [
        b"200\0text/html; charset=latin-1\0X-A: b\0caf\xe9",
        b"503\0application/json\0Content-Encoding: identity\0{}",
        b"200\0text/plain\0Content-Encoding: gzip\0" + gzip.compress(b"x", mtime=0),
        b"200\0image/png\0Accept: image/*;q=0.1, text/html\0\x89PNG" + bytes(2000),
    ],
    "multipart_form": [_FORM, _FORM.replace(b"b.png", b"%22\\") + b"epilogue", b"preamble\r\n" + _FORM],
    "content_types": [
        b'multipart/form-data; boundary="a b"; charset=utf-8',
        b"application/hal+json; charset=utf-8; a=b",
    ],
    "data_urls": [b"data:image/png;base64,AAEC", b"data:text/plain;charset=utf-8;a=b,%E2%82%AC", b"data:,x"],
    "plain_call": [
        b'{"image": "data:image/png;base64,AAEC", "file": ["AAEC", "data:,x"], "top": 3, "a": "b"}',
        b'["data:text/plain;base64,eA=="]',
    ],
    "open_inference_request": [b"\0" + _INFERENCE, b"%d\0" % len(_BINARY) + _BINARY + bytes(8), b"0\0" + bytes(16)],
    "msgpack_value": [
        b"\x82\xa1a\x93\x01\xc0\xc3\xa1b\xcb" + bytes(8),
        b"\xdc\x00\x02\xd9\x01x\xc4\x01y",
        b"\x95\xc7\x00\x05\xd6\xff\x00\x00\x00\x01\xcf"
        + b"\xff" * 8
        + b"\xd3"
        + b"\x80"
        + bytes(7)
        + b"\xca"
        + bytes(4),
    ],
    "zip_archive": [
        _zip({"a/b.py": b"x", "c": b"y"}, zipfile.ZIP_STORED),
        _zip({"a": b"x" * 99, "d/": b""}, zipfile.ZIP_DEFLATED),
    ],
    "picture": [
        _picture("PNG"),
        _picture("PNG", "P", transparency=3),
        _picture("JPEG"),
        _picture("JPEG", "L", progressive=True, comment=b"x"),
        _picture("JPEG", "CMYK"),
        _picture("TIFF", "YCbCr", compression="jpeg"),
        _picture("GIF", "P", transparency=3, comment=b"x"),
        _picture("BMP", "L"),
        _picture("WEBP"),
        _picture("WEBP", lossless=True),
        _picture("TIFF"),
        *(_picture("TIFF", "L", compression=way) for way in ("tiff_lzw", "jpeg", "packbits", "tiff_adobe_deflate")),
        _picture("PPM"),
    ],
}
