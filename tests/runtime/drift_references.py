"""Writes drift references as the tool does, with every detail open to be made wrong."""

import hashlib
import io
import json
import zipfile

import numpy

LEADING = 30


def npy(array):
    buffer = io.BytesIO()
    numpy.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def leading(vectors, mean):
    """``axes.npy`` and ``leading.npy`` of some vectors."""
    away = numpy.asarray(vectors, "f4") - mean
    _, _, axes = numpy.linalg.svd(away.astype("f8"), full_matrices=False)
    axes = axes[:LEADING].astype("f4")
    along = away.dot(axes.T)
    squares = (away * away).sum(axis=1)
    rest = numpy.sqrt(numpy.maximum(0, squares - (along * along).sum(axis=1)))
    return axes, numpy.column_stack([along, rest, squares / 2]).astype("<f4")


def about(vectors, **changes):
    description = {
        "format": "modelwhisk-drift",
        "version": 1,
        "embedding": {"kind": "picture", "version": 1},
        "model": {"digest": "sha256:" + "0" * 64, "files": {}, "name": "model"},
        "metric": "l2",
        "neighbours": 3,
        "dimensions": int(vectors.shape[1]),
        "count": len(vectors),
        "precision": "float32" if vectors.dtype == numpy.dtype("f4") else "float16",
        "thresholds": [{"quantile": 0.99, "distance": 1.0}],
        "threshold": {"quantile": 0.99, "distance": 1.0},
        "index": None,
    }
    description.update(changes)
    return description


def members_of(vectors, with_leading=False):
    mean = numpy.asarray(vectors, "f4").sum(axis=0) / max(1, len(vectors))
    members = {
        "vectors.npy": npy(vectors),
        "mean.npy": npy(mean),
        "names.txt": b"".join([b'"%d"\n' % row for row in range(len(vectors))]),
    }
    if with_leading:
        axes, projected = leading(vectors, mean)
        members.update({"axes.npy": npy(axes), "leading.npy": npy(projected)})
    return members


def write(path, vectors, with_leading=False, extra=(), **changes):
    """A good reference of ``vectors``, but for the ``changes`` of its description. Returns the path."""
    members = members_of(vectors, with_leading)
    members.update(extra)
    return write_members(path, about(vectors, **changes), members)


def write_members(path, description, members, comment=None, compression=zipfile.ZIP_STORED):
    listed = {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in members.items()}
    text = json.dumps(dict({"members": listed}, **description)).encode("ascii")
    with zipfile.ZipFile(str(path), "w", compression) as archive:
        for name, data in [("reference.json", text)] + list(members.items()):
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            pad = -(archive.fp.tell() + 30 + len(name)) % 64
            info.extra = b"" if pad == 0 else b"\x00\x00" + (pad + 60).to_bytes(2, "little") + bytes(pad + 60)
            archive.writestr(info, data)
        archive.comment = b"sha256:" + hashlib.sha256(text).hexdigest().encode() if comment is None else comment
    return str(path)
