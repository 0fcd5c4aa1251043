"""Serves a folder with one ONNX file and no code, through onnxruntime. What it answers is in ``onnx_service``."""

import os
import re

from . import Unloadable

_QUOTA = "/sys/fs/cgroup/cpu.max"  # cgroup v2
_QUOTA_V1 = ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us")


class Host:
    default_path = "/"

    def __init__(self, settings):
        self._file = settings.target
        self._service = None

    def load(self):
        """Raises ``Unloadable`` where there is no model, no onnxruntime, or a model that it can't run."""
        file = self._file or _only_model()
        session = _session(file)

        from .onnx_service import Service, body_of  # imports numpy, which comes with onnxruntime

        self.content_of = body_of
        self._service = Service(session, name_of(file))

    def handle(self, request):
        return self._service.answer(request)

    def describe(self, mount, path):
        return self._service.inputs_of(path)

    def close(self):
        self._service = None


def name_of(file):
    """The model's name in paths: the file's, without what would have to be escaped."""
    stem = os.path.splitext(os.path.basename(file))[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem) or "model"


def _only_model():
    models = sorted(name for name in os.listdir(".") if name.endswith(".onnx"))
    if len(models) != 1:
        found = "there are %s" % ", ".join(models) if models else "there is no *.onnx"
        raise Unloadable("%s in %s; MODELPROXY_TARGET names the one to serve" % (found, os.getcwd()))
    return models[0]


def _session(file):
    if not os.path.isfile(file):
        raise Unloadable("there is no file %s in %s" % (file, os.getcwd()))
    with open(file, "rb") as model:
        if model.read(40).startswith(b"version https://git-lfs"):
            raise Unloadable("%s is not the model but Git LFS's stand-in for it; run git lfs pull" % file)
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise Unloadable("%s needs onnxruntime; add it to requirements.txt, or to the image" % file) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cpus()
    # Threads that wait by spinning use up a container's share of the processor.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # at 3 it tells why a run failed, with what was sent; so does the exception
    known = onnxruntime.get_available_providers()
    providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in known]
    try:
        return onnxruntime.InferenceSession(file, options, providers=providers)
    except Exception as error:  # its exceptions have no common class, and the text is all that they hold
        raise Unloadable("onnxruntime %s can't load %s: %s" % (onnxruntime.__version__, file, error)) from error


def cpus():
    """How many processors this container may keep busy: onnxruntime itself counts the machine's."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _words_of(_QUOTA) if os.path.exists(_QUOTA) else map(_first_word_of, _QUOTA_V1)
        allowed = -(-int(quota) // int(period))
    except (OSError, ValueError):  # "max", or no cgroups
        return count
    return min(count, allowed) if allowed > 0 else count


def _words_of(path):
    with open(path) as file:
        return file.read().split()


def _first_word_of(path):
    return _words_of(path)[0]
