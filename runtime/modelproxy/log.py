"""What the proxy writes to the container's two streams: its own lines, and the markers that end an activation's log.

Lines go straight to the file descriptors, so neither the image's locale nor a model that replaces ``sys.stdout``
matters.
"""

import os
import sys

# docs/actions-new.md, "Activation logs": each stream ends with this line after each activation.
_WORD = b"XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
MARKER = _WORD + b"\n"

# What would let a value from outside start a line of its own in the log, or steer the terminal that shows it.
_CONTROLS = {code: "\\x%02x" % code for code in list(range(32)) + list(range(127, 160))}
_VISIBLE = bytes(range(32, 127))
_CONTROLS_IN_LINES = {code: escape for code, escape in _CONTROLS.items() if code != 10}

# Characters: a megabyte, of a caller's words, may be more than the platform keeps of a log (contract A9).
LONGEST_PATH = 2000
_LONGEST = 8000  # of a line, or of one exception's text
_LONGEST_TRACEBACK = 64000


def beginning(path):
    """Of a path that is longer than that."""
    return "%s[and_%d_characters_more]" % (path[:LONGEST_PATH], len(path) - LONGEST_PATH)


def bounded(text, most=_LONGEST):
    """Of a text that is longer, the beginning and the end."""
    over, rest = len(text) - most, most // 4
    return text if over <= 0 else "%s[%d characters left out]%s" % (text[: most - rest], over, text[-rest:])


def own_line(text):
    """The bytes of one line with the proxy's name, whatever characters ``text`` has, and of any length."""
    if len(text) > _LONGEST:
        text = bounded(text)
    data = text.encode("utf-8", "backslashreplace")
    if data.translate(None, _VISIBLE) and not text.isprintable():  # the latter looks each character up
        data = text.translate(_CONTROLS).encode("utf-8", "backslashreplace")
    return b"modelproxy: %b\n" % data


def line(text):
    """Writes one line of the proxy's own to stdout."""
    _flush()
    write(1, unmarked(own_line(text)))


def trouble(text):
    """Writes several lines to stderr, without control characters."""
    text = bounded(text, _LONGEST_TRACEBACK)
    _flush()
    write(2, unmarked(text.translate(_CONTROLS_IN_LINES).encode("utf-8", "backslashreplace")))


def traceback_of(error):
    """Writes the traceback of an exception to stderr."""
    from .tracebacks import pieces_of

    trouble("".join(pieces_of(error)))


def markers(closing=b""):
    """Ends the activation's log on both streams; ``closing`` is written to stdout before the marker."""
    _flush()
    write(1, unmarked(closing) + MARKER)
    write(2, MARKER)


def unmarked(data):
    """Log lines in which no caller's word ends the activation's log: the platform takes any line that has the marker
    somewhere in it for its end (DockerContainer.scala, ``containsSlice``)."""
    return data.replace(_WORD, b"XXX-THE-END-OF-A-WHISK-ACTIVATION-XXX")


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # closed, or something of the model's in its place: there is nothing to wait for
            continue


def write(descriptor, data):
    """Writes bytes to a descriptor, all of them unless it is closed."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            import select

            select.select((), (descriptor,), (), 1)
        except OSError:
            return  # the stream is closed: an answer matters more than a log that nobody can read
