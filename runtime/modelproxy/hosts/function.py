"""Serves a plain OpenWhisk Python action: ``main(params)`` gets the activation's ``value`` and returns its result.

From the image, or, where the image was built for it, from /init: text or a zip as base64, whose ``virtualenv`` is
activated. What it says and does is what apache/openwhisk-runtime-python does (launcher.py, bin/compile); the module is
called ``main__`` as there, so ``if __name__ == "__main__":`` doesn't run.
"""

import binascii
import json
import linecache
import os
import re
import sys

from .. import log
from ..messages import BadValue, Result, error_response
from ..tracebacks import text_of
from ..web_action import MOST_LEVELS, escaped_mark, is_too_deep, is_web
from . import Unloadable

NO_CODE = "Missing main/no code to execute."
NOT_A_RESULT = "The action did not return a dictionary or array."
EXITED = "command exited"

_MODULE = "main__"
_IN_FOLDER = ("__main__.py", "main.py")
_IN_ZIP = ("__main__.py", "main__.py")  # the second where upstream's own `-compile` made the zip
# Without groups of four: a group takes memory for each time that it matches.
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")
# spray-json refuses a number of more than a hundred characters (JsonParserSettings.scala, maxNumberCharacters).
_LONG_NUMBER = re.compile(r"[-+.0-9eE]{101}")


class NoCode(Unloadable):
    """Neither the image nor /init has a function; upstream's status and sentence."""

    status = 403

    def __init__(self):
        Unloadable.__init__(self, NO_CODE)


class Host:
    default_path = "/"
    unloadable = "Cannot start action. Check logs for details. %s."

    def __init__(self, settings):
        self._settings = settings
        self.takes_code = settings.init_code == "accept"
        self._brought = {}
        self._folder = None  # where a zip was unpacked
        self._main = None
        self._from_init = False

    def take(self, value):
        """The ``value`` of /init, before ``load``, where the image takes code."""
        self._brought = value

    def load(self):
        """Imports the function. Raises what its code raises, ``Unloadable`` for what isn't one; then nothing of it is
        left."""
        _speak_utf_8()
        before = os.getcwd(), list(sys.path), {name: sys.modules.get(name) for name in ("__main__", _MODULE)}
        try:
            self._main = self._found()
        except BaseException as error:
            self._undo(*before)
            if isinstance(error, SystemExit):
                log.trouble("Command exited abruptly during initialization.\n")
            raise
        finally:
            self._brought = {}  # up to 64 MB of it

    def invoke(self, value):
        """The ``Result`` of an activation. The function may do what it likes: the answer is always one."""
        try:
            returned = self._main(value)
        except Exception as error:
            log.traceback_of(error)
            returned = {"error": _text_of(error)}
        except BaseException as error:  # sys.exit, which ended upstream's process
            log.line("the function ended with %s" % type(error).__name__)
            return self._broken(EXITED, value, 400)
        try:
            text = _json(returned)
        except Exception as error:  # a function's own classes may fail at this in any way
            return self._broken("The action's result can't be written as JSON: %s" % _text_of(error), value)
        if text[:1] not in ("{", "["):
            return self._broken(NOT_A_RESULT, value)
        result = Result(escaped_mark(text.encode("utf-8")), shown=_status_shown(returned, is_web(value)))
        if len(result.body) > self._settings.result_limit:
            return _too_large(len(result.body), self._settings.result_limit, is_web(value))
        return result

    def handle(self, request):
        """The same over plain HTTP, as the platform answers for a ``--web true`` action."""
        from ..formats import web_values

        try:
            value = web_values.value_of(request)
        except BadValue as error:
            return error_response(400, str(error))
        returned = self._main(value)
        try:
            result = json.loads(_json(returned))
        except Exception as error:
            return error_response(502, "The action's result can't be written as JSON: %s" % _text_of(error))
        if type(result) not in (dict, list):
            return error_response(502, NOT_A_RESULT)
        return web_values.response_of(result)

    def describe(self, mount, path):
        return None

    def close(self):
        if self._folder is not None:
            import shutil

            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    # --- finding it -----------------------------------------------------------------------------------------------

    def _found(self):
        brought = self._brought
        name = brought.get("main") or "main"
        if not isinstance(name, str):
            raise BadValue("The main of /init must be a string.")
        code = brought.get("code") or ""
        if not isinstance(code, str):
            raise BadValue("The code of /init must be a string.")
        self._from_init = bool(code.strip())
        if not self._from_init:
            return self._of_the_image(name)
        if not brought.get("binary"):
            return _function(_run(code.lstrip("\ufeff"), os.path.join(os.getcwd(), _MODULE + ".py")), name)
        content = _from_base64(code)
        if content.startswith(b"PK"):
            return self._of_zip(content, name)
        return _function(_run(content, os.path.join(os.getcwd(), _MODULE + ".py")), name)  # one file may be base64 too

    def _of_the_image(self, name):
        target, colon, own = self._settings.target.partition(":")
        if name == "main" and colon:
            name = own
        target = target or _only_one_here()
        if not target and self.takes_code:
            raise NoCode
        if not target:
            raise Unloadable("there is no __main__.py, main.py or zip in %s" % os.getcwd())
        if target.endswith(".zip") and os.path.isfile(target):
            with open(target, "rb") as archive:
                return self._of_zip(archive.read(), name)
        if os.path.isdir(target):
            return _of_folder(os.path.abspath(target), _IN_FOLDER, name)
        if not os.path.isfile(target):
            raise Unloadable("there is no %s in %s" % (target, os.getcwd()))
        folder = os.path.dirname(os.path.abspath(target))
        if folder not in sys.path[:1]:
            sys.path.insert(0, folder)
        return _function(_run_file(os.path.abspath(target)), name)

    def _of_zip(self, archive, name):
        import tempfile

        from ..formats import zip_reader

        try:
            self._folder = os.path.realpath(tempfile.mkdtemp(prefix="action-"))
            links = zip_reader.unpack(archive, self._folder, "virtualenv")
        except (zip_reader.BadZip, OSError) as error:
            raise Unloadable("The zip is refused, %s" % error) from None
        if links:
            log.line("left out %d links of the virtualenv: the function runs in the image's Python" % links)
        return _of_folder(self._folder, _IN_ZIP, name)

    def _undo(self, folder, path, modules):
        os.chdir(folder)
        sys.path[:] = path
        for name, module in modules.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
        self.close()

    def _broken(self, sentence, value, status=502):
        """The function isn't one. Upstream says so by a status that costs the container; what the image has loaded may
        be dear, so its own function's container stays (design, decision 8)."""
        log.line(sentence)
        return _result({"error": sentence}, is_web(value), status if self._from_init else 200)


def _only_one_here():
    """The file that is a function's by its name; a lone zip where there is none; "" for nothing."""
    for name in _IN_FOLDER:
        if os.path.isfile(name):
            return name
    archives = sorted(name for name in os.listdir() if name.endswith(".zip"))
    if len(archives) > 1:
        raise Unloadable("there are %s in %s: set MODELPROXY_TARGET to one" % (", ".join(archives), os.getcwd()))
    return archives[0] if archives else ""


def _from_base64(code):
    digits = "".join(code.split())
    if len(digits) % 4 or not _BASE64.match(digits):
        raise BadValue("The code of /init is said to be binary, but isn't base64, or was cut off.")
    return binascii.a2b_base64(digits)


# --- running it -------------------------------------------------------------------------------------------------------


def _of_folder(folder, names, function):
    """The function of a folder, which becomes the working directory, with its virtualenv."""
    for name in names:
        if os.path.isfile(os.path.join(folder, name)):
            break
    else:
        raise Unloadable(_without_main(folder, names))
    os.chdir(folder)
    sys.path.insert(0, folder)
    if os.path.isdir("virtualenv"):
        _activate(os.path.join(folder, "virtualenv"))
    elif os.path.isfile("requirements.txt"):
        log.line("requirements.txt isn't installed here: build its packages into the image, or bring a virtualenv")
    return _function(_run_file(os.path.join(folder, name)), function)


def _without_main(folder, names):
    sentence = "Zip file does not include %s" % names[0]
    log.trouble(sentence + "\n")
    for inner in sorted(os.listdir(folder)):
        if os.path.isfile(os.path.join(folder, inner, names[0])):
            return "%s at its top, but in %s: zip what is in the folder, not the folder" % (sentence, inner)
    return sentence


def _activate(virtualenv):
    """Puts a virtualenv's packages first: by its own activate_this.py as upstream, which ``python -m venv`` doesn't
    write, else by where they lie."""
    for place in ("bin", "Scripts"):
        script = os.path.join(virtualenv, place, "activate_this.py")
        if os.path.isfile(script):
            with open(script, "rb") as source:
                exec(compile(source.read(), script, "exec", dont_inherit=True), {"__file__": script, "__name__": ""})
            return
    import glob
    import site

    found = sorted(glob.glob(os.path.join(glob.escape(virtualenv), "lib", "python3*", "site-packages")))
    if not found:
        sentence = "Invalid virtualenv. Zip file does not include /virtualenv/bin/activate_this.py"
        log.trouble(sentence + "\n")
        raise Unloadable(sentence)
    own = os.path.join("python%d.%d" % sys.version_info[:2], "site-packages")
    packages = ([path for path in found if path.endswith(own)] or found)[-1]
    if not packages.endswith(own):
        log.line("the virtualenv is of another Python (%s): what isn't pure Python won't import" % packages)
    known = list(sys.path)
    site.addsitedir(packages)
    sys.path[:] = [path for path in sys.path if path not in known] + known


def _run_file(path):
    with open(path, "rb") as source:
        return _run(source.read(), path)


def _run(code, path):
    """The module of some source, text or bytes. It is ``__main__`` as well, for pickles of a script's own classes."""
    module = type(sys)(_MODULE)
    module.__file__ = path
    if not os.path.isfile(path):  # for tracebacks, and inspect
        text = code if isinstance(code, str) else code.decode("utf-8", "replace")
        linecache.cache[path] = (len(text), None, text.splitlines(True), path)
    compiled = compile(code, path, "exec", dont_inherit=True)
    sys.modules[_MODULE] = sys.modules["__main__"] = module
    exec(compiled, module.__dict__)
    return module


def _function(module, name):
    function = getattr(module, name, None)
    if not callable(function):
        raise Unloadable("%s has no function %s" % (module.__file__, name))
    return function


def _speak_utf_8():
    """What a function prints is UTF-8, whatever the image's locale: upstream sets PYTHONIOENCODING."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if str(stream.encoding).lower().replace("-", "") != "utf8":
            stream.flush()
            wrapped = open(stream.fileno(), "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115 - it stays
            setattr(sys, name, wrapped)


# --- its result -------------------------------------------------------------------------------------------------------


def _json(returned):
    """The result as JSON that the platform can read. Raises ``ValueError`` or whatever ``json`` raises."""
    text = json.dumps(returned, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text) > 2 * MOST_LEVELS and is_too_deep(text):
        raise ValueError("it is nested too deeply, in more than %d levels" % MOST_LEVELS)
    if _LONG_NUMBER.search(text):
        json.loads(text, parse_int=_short_enough, parse_float=_short_enough)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can say
        return json.dumps(returned, separators=(",", ":"))
    return text


def _short_enough(number):
    if len(number) > 100:
        raise ValueError("a number has %d digits, and the platform takes 100" % len(number))


def _result(error, web, status=200):
    return Result(json.dumps(error).encode("ascii"), status, _status_shown(error, web))


def _too_large(size, limit, web):
    sentence = "The function's result has %d bytes of JSON; OpenWhisk passes on %d." % (size, limit)
    log.line(sentence)
    headers = {"Content-Type": "application/json"}
    body = {"error": sentence, "size": size, "limit": limit}
    return _result({"error": {"statusCode": 500, "headers": headers, "body": body} if web else sentence}, web)


def _status_shown(returned, web):
    """The HTTP status that the caller gets, for the log (contract C2 and D)."""
    failed = isinstance(returned, dict) and "error" in returned
    if not web:
        return 502 if failed else 200
    shown = returned["error"] if failed else returned
    if not isinstance(shown, dict):
        return 400 if failed else 500
    status = str(shown.get("statusCode", 200 if shown.get("body") else 204))
    return int(status) if status.isdecimal() and len(status) < 10 else 400  # of 4300 digits int() fails


def _text_of(error):
    return text_of(error, "") or type(error).__name__
