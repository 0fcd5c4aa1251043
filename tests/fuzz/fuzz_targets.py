"""What is fuzzed: each target takes any bytes, and fails where the proxy's code does what it never may.

Every target states more than that nothing crashes: what was read is written again and read as the same, in whatever
pieces the bytes come. Needs nothing but the proxy, so that the corpus is replayed in ordinary tests.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "runtime"))

import numpy
from modelproxy import http1, media_types, plain_action, web_action
from modelproxy.formats import (
    data_url,
    msgpack,
    multipart,
    open_inference,
    picture_file,
    picture_formats,
    tensors,
    zip_reader,
)
from modelproxy.messages import BadValue, Request, Response
from modelproxy.reader import READ_AT_ONCE, Reader, Refused

LIMIT = 2000


def _told(error: Exception, reason: str = "") -> None:
    """A refusal says why."""
    assert str(error)
    assert reason in str(error)


# --- http1 and reader ---------------------------------------------------------------------------------------------


class _Socket:
    """Bytes that come in pieces of one size."""

    def __init__(self, data: bytes, size: int) -> None:
        self._pieces = [data[start : start + size] for start in range(0, len(data), size)]

    def recv_into(self, view: memoryview) -> int:
        piece = self._pieces.pop(0) if self._pieces else b""
        taken = piece[: len(view)]
        view[: len(taken)] = taken
        if len(piece) > len(taken):
            self._pieces.insert(0, piece[len(taken) :])
        return len(taken)

    def send(self, data: bytes, *flags: int) -> int:
        return len(data)


def _requests(data: bytes, size: int) -> list[tuple[Any, ...]]:
    """The requests that a reader finds, and how it ends."""
    reader = Reader(_Socket(data, size), lambda head: None, 10_000, memoryview(bytearray(READ_AT_ONCE)))
    found: list[tuple[Any, ...]] = []
    try:
        while True:
            request = reader.receive() if reader.idle or not found or found[-1] is None else reader.take()
            while request is None:
                request = reader.receive()
            head, body = request
            found.append((head.method, head.target, head.version, head.fields, head.keep_alive, bytes(body)))
    except Refused as refused:
        return [*found, refused.reply.status]  # type: ignore[list-item]
    except EOFError:
        return found


def http1_in_pieces(data: bytes) -> None:
    """The same requests, and the same refusal, however the bytes are cut."""
    whole = _requests(data, max(1, len(data)))
    assert whole == _requests(data, 1) == _requests(data, 7)
    for request in whole:
        if isinstance(request, tuple):
            method, target, version, fields = request[:4]
            lines = [
                f"{method} {target} HTTP/{version[0]}.{version[1]}",
                *(f"{name}: {value}" for name, value in fields),
            ]
            again = http1.parse_head("\r\n".join(lines).encode("latin-1"))
            assert (again.method, again.target, again.fields) == (method, target, fields)


# --- web_action ---------------------------------------------------------------------------------------------------


def web_action_value(data: bytes) -> None:
    """An activation's value becomes a well-formed request or a BadValue."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not web_action.is_web(value):
        return
    try:
        request = web_action.decode(value, default_path="/model/predict?a=b")
    except BadValue as error:
        _told(error)
        return
    assert all("\x21" <= character <= "\x7e" for character in request.path)
    assert all(http1.is_field(name, text) and name == name.lower() for name, text in request.headers)
    assert isinstance(request.body, bytes)


def web_action_response(data: bytes) -> None:
    """Any response becomes a result within the limit that carries its body. NULs end status, type and a header."""
    status, content_type, header, body = ([*data.split(b"\0", 3), b"", b"", b""])[:4]
    text = content_type.decode("latin-1")
    name, _, value = header.decode("latin-1").partition(":")
    response = Response(int(status) if status.isdigit() and len(status) == 3 else 200, [("Content-Type", text)], body)
    response.headers.append((name, value))
    asked = Request("POST", "/", headers=[("accept", value), ("accept-encoding", "gzip" if len(body) % 2 else "")])
    result = web_action.encode(response, asked, LIMIT).result
    assert len(result) <= LIMIT
    told = json.loads(result.decode("utf-8"))
    told = told.get("error", told)
    assert set(told) == {"statusCode", "headers", "body"}
    assert 200 <= told["statusCode"] <= 599
    media_types.ranges(text)


# --- forms and plain calls ----------------------------------------------------------------------------------------


def multipart_form(data: bytes) -> None:
    """The parts of a form, written and read again, are the same, as far as browsers' escapes can tell them."""
    try:
        parts = multipart.read(data, "b")
    except ValueError as error:
        _told(error)
        return
    boundary, body = multipart.write(parts, "----b")
    if any(b"----b" in part.content or "----b" in part.content_type for part in parts):
        return
    texts = [text for part in parts for text in (part.name, part.file_name or "", part.content_type)]
    if any("\\" in text or "%" in text or "\0" in text for text in texts):
        return
    try:
        again = multipart.read(body, boundary)
    except ValueError as error:
        _told(error, "more than 8192 bytes")
        return
    assert [(part.name, part.content, part.file_name) for part in again] == [
        (part.name, part.content, part.file_name) for part in parts
    ]


def content_types(data: bytes) -> None:
    """Headers of forms and of bodies: a value or a refusal."""
    text = data.decode("latin-1")
    with contextlib.suppress(ValueError):
        assert multipart.boundary_of(text)
    parsed = media_types.parse(text)
    if parsed is not None:
        again = media_types.parse(parsed.rendered())
        assert again is not None
        assert (again.name, again.parameters, again.form) == (parsed.name, parsed.parameters, parsed.form)


def data_urls(data: bytes) -> None:
    """What a data: URL says, written and read again, is the same."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        url = data_url.read(text)
    except ValueError as error:
        _told(error)
        return
    again = data_url.read(data_url.write(url.content, url.media_type))
    assert (again.content, again.media_type) == (url.content, url.media_type)


def plain_call(data: bytes) -> None:
    """Parameters of a plain call as a form: what multipart reads of it is what was given."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    inputs = plain_action.Inputs("POST", "/model/predict", "multipart", ["image", "file"], ["top"])
    for wanted in (inputs, None):
        try:
            request = plain_action.request(value, wanted, default_path="/model/predict")
        except BadValue as error:
            _told(error)
            continue
        if wanted is not None:
            parts = multipart.read(request.body, multipart.boundary_of(request.header("content-type")))
            assert {part.name for part in parts if part.file_name is not None} <= {"image", "file"}


# --- tensors, MessagePack, zips -----------------------------------------------------------------------------------

_INPUTS = [
    tensors.Tensor("a", "FP32", [None, 2]),
    tensors.Tensor("b", "BYTES", [None]),
    tensors.Tensor("c", "INT64", [2]),
    tensors.Tensor("d", "BOOL", [None, None]),
]


def open_inference_request(data: bytes) -> None:
    """Up to a NUL the header that says where binary data begins; then the body."""
    length, _, body = data.partition(b"\0")
    for inputs in (_INPUTS, _INPUTS[:1], _INPUTS[1:2]):
        try:
            asked = open_inference.inference(body, length.decode("latin-1"), inputs)
        except BadValue as error:
            _told(error)
            continue
        known = {tensor.name: tensor for tensor in inputs}
        assert set(asked.arrays) <= set(known)
        outputs = [(known[name], array, {}, True) for name, array in asked.arrays.items()]
        _, answer = open_inference.response({"model_name": "x"}, outputs)
        assert answer.startswith(b'{"model_name":"x"')
        assert all(isinstance(array, numpy.ndarray) for array in asked.arrays.values())


def msgpack_value(data: bytes) -> None:
    """A value, written and read again, gives the same bytes when it is written once more."""
    try:
        value = msgpack.read(data)
    except ValueError as error:
        _told(error)
        return
    try:
        written = msgpack.write(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return  # extensions and timestamps are read only
    assert msgpack.write(msgpack.read(written)) == written


def zip_archive(data: bytes) -> None:
    """Everything lies under the folder, as files and folders, or there is a reason."""
    above = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        (above / "folder").mkdir()
        try:
            zip_reader.unpack(data, str(above / "folder"), "virtualenv")
        except zip_reader.BadZip as error:
            _told(error)
        assert [path.name for path in above.iterdir()] == ["folder"]
        assert all(path.is_dir() or path.is_file() for path in above.rglob("*"))
        assert not any(path.is_symlink() for path in above.rglob("*"))
    finally:
        shutil.rmtree(above)


# --- pictures -----------------------------------------------------------------------------------------------------


def picture(data: bytes) -> None:
    """A file is unpacked within the fuzzer's bounds of memory and time, or there is a reason; what Pillow was given of
    it is taken again, as it is."""
    try:
        name, file, _, is_by_rows = picture_formats.bare(data)
    except ValueError as error:
        _told(error)
        return
    _unpacked(data, 20_000, 8)  # for which Pillow is asked to decode a JPEG smaller
    if not _unpacked(data, 10_000_000, 64):
        return
    given = file.read()
    again, file, _, is_still_by_rows = picture_formats.bare(given)
    assert (again, is_still_by_rows) == (name, is_by_rows)
    # A TIFF gets a directory of its own each time.
    assert file.read() == given or name == "Tiff"


def _unpacked(data: bytes, most: int, side: int) -> bool:
    try:
        image = picture_file.opened(data, most, side=side)
    except ValueError as error:
        _told(error)
        return False
    try:
        image.load()
        plain = picture_file.plain(picture_file.upright(image), "RGB")
    except Exception:  # Pillow raises anything on a broken file
        return False
    assert plain.mode == "RGB"
    return True


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        *(http1_in_pieces, web_action_value, web_action_response, multipart_form, content_types, data_urls),
        *(plain_call, open_inference_request, msgpack_value, zip_archive, picture),
    )
}
