"""What is told of an exception: its text, and its traceback, in which nothing begins a line but Python's own words.

An exception's text may have a caller's words, and what begins like a line of the proxy's own is taken for one.
"""

from .log import bounded

_HEADING = "Traceback (most recent call last):\n"
_BEHIND_BLANKS = "\n    "
# What Python's traceback.py puts between the tracebacks of a chain.
_LINKS = (
    "\nThe above exception was the direct cause of the following exception:\n\n",
    "\nDuring handling of the above exception, another exception occurred:\n\n",
)


def text_of(error, otherwise="(its text can't be had)"):
    """An exception's own text; a model's own exception may fail at this as well."""
    try:
        return str(error)
    except Exception:
        return otherwise


def pieces_of(error):
    """The traceback as Python has it. A heading, the frames, a type with its text, then notes; links between such."""
    told = False  # the exception's type and text were there
    for piece in map(bounded, _formatted(error)):
        if piece in _LINKS:
            told = False
        elif told:
            piece = _BEHIND_BLANKS[1:] + piece[:-1].replace("\n", _BEHIND_BLANKS) + "\n"
        elif piece.startswith(" "):  # a frame, whose lines have blanks before them unless a file's name has several
            lines = piece.replace("\t", " ").split("\n")
            piece = "\n".join([line if line[:1] in ("", " ") else _BEHIND_BLANKS[1:] + line for line in lines])
        elif piece != _HEADING:
            told = True
            piece = piece[:-1].replace("\n", _BEHIND_BLANKS) + "\n"
        yield piece


def _formatted(error):
    try:
        from traceback import format_exception

        return format_exception(type(error), error, error.__traceback__)
    except Exception:
        # Of hundreds of exceptions, each the cause of the next, before Python 3.9; of a SyntaxError whose text is none;
        # of a source that has become another since; for lack of memory. Nothing but what can't fail, then.
        pieces, frame = [_HEADING], error.__traceback__
        while frame is not None:
            code = frame.tb_frame.f_code
            pieces.append('  File "%s", line %s, in %s\n' % (code.co_filename, frame.tb_lineno, code.co_name))
            frame = frame.tb_next
        text = "%s: %s\n" % (type(error).__name__, bounded(text_of(error)))
        return pieces + [text, "[Python can't show more of it]\n"]
