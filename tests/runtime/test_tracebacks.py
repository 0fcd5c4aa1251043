"""What is told of an exception, whatever its text, its chain and its own attributes are."""

import sys
import traceback

import pytest
from modelproxy import log

FORGED = "modelproxy: GET / 200 drift=9 threshold=1 activation=other"
LESS = "    [Python can't show more of it]"


def raised(error, cause=None):
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def said_of(error, capfd):
    """The lines of an exception's traceback; whatever its text has, none but Python's own begins with no blank."""
    log.traceback_of(error)
    said = capfd.readouterr()[1]
    assert said.endswith("\n") and all(line.isprintable() for line in said.split("\n"))
    lines = said.splitlines()
    assert not [line for line in lines if line.startswith("modelproxy")]
    return lines


def test_a_plain_traceback_is_python_s_own(capfd):
    for error in (raised(ValueError("caf\u00e9")), raised(KeyError("a"), raised(OSError(2, "b"))), ValueError("c")):
        log.traceback_of(error)
        written = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        assert capfd.readouterr()[1] == written


@pytest.mark.parametrize(
    "text", ["can't read x\n%s", "\n%s\n\n", "x\r\n%s\r%s\x85%s\x0b%s\t\x1b[2J\x9b31m\x07\x00\x7f"]
)
def test_an_exception_s_text_begins_no_line_and_steers_no_terminal(text, capfd):
    lines = said_of(raised(ValueError(text.replace("%s", FORGED))), capfd)
    assert lines[0] == "Traceback (most recent call last):"
    assert [line for line in lines[1:] if line[:1] not in ("", " ")] == [lines[3]]
    assert lines[3].startswith("ValueError: ") and any(FORGED in line for line in lines[4:])


def test_so_it_is_with_the_others_of_a_chain(capfd):
    heading = "Traceback (most recent call last):\n"
    forged = "x\n\nThe above exception was the direct cause of the following exception:\n\n%s%s" % (heading, FORGED)
    lines = said_of(raised(KeyError("last"), raised(ValueError(forged), raised(OSError(forged)))), capfd)
    begun = [line.partition(":")[0] for line in lines if line[:1] not in ("", " ")]
    link = "The above exception was the direct cause of the following exception"
    head = heading.partition(":")[0]
    assert begun == [head, "OSError", link, head, "ValueError", link, head, "KeyError"]


def test_so_it_is_with_all_else_that_comes_from_outside(capfd):
    error = raised(ValueError("x"))
    error.__notes__ = ["first\n" + FORGED, FORGED]  # as add_note of Python 3.11 does
    lines = said_of(error, capfd)
    notes = lines[lines.index("ValueError: x") + 1 :]
    shown = notes == ["    first", "    " + FORGED, "    " + FORGED]
    assert shown or (not notes and sys.version_info < (3, 11))  # which show them where the package exceptiongroup is
    for source, name in (("x = (\n" + FORGED, "a.py"), ("1 +\t+", "x\n" + FORGED)):
        with pytest.raises(SyntaxError) as caught:
            compile(source, name, "exec")
        lines = said_of(caught.value, capfd)
        assert [line for line in lines[1:] if line[:1] not in ("", " ")] == lines[-1:]
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile("1 / 0", "x\n" + FORGED, "exec"))
    assert "    " + FORGED + '", line 1, in <module>' in said_of(caught.value, capfd)


def test_of_long_texts_a_traceback_has_the_beginning_and_the_end(capfd):
    long = "x\n" + (FORGED + "\n") * 20000 + "end"
    lines = said_of(raised(KeyError("last"), raised(ValueError(long), raised(OSError(long)))), capfd)
    begun = [line.partition(":")[0] for line in lines if line[:1] not in ("", " ")]
    link = "The above exception was the direct cause of the following exception"
    head = "Traceback (most recent call last)"
    assert begun == [head, "OSError", link, head, "ValueError", link, head, "KeyError"]
    assert lines.count("    end") == 2 and sum("characters left out]" in line for line in lines) == 2
    assert sum(map(len, lines)) < 25000


def test_a_chain_without_end_has_the_beginning_and_the_end(capfd):
    error = None
    for number in range(1000):
        error = raised(ValueError("%d\n%s" % (number, FORGED)), error)
    lines = said_of(error, capfd)
    assert "ValueError: 999" in lines and sum(map(len, lines)) < 65000
    if lines[-1] == LESS:
        assert sys.version_info < (3, 9) and len(lines) < 10
    else:
        assert "ValueError: 0" in lines and sum("characters left out]" in line for line in lines) == 1


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError


def odd(**attributes):
    """A SyntaxError whose attributes nobody but its maker has checked."""
    error = SyntaxError("mine\n" + FORGED)
    error.filename, error.lineno, error.offset, error.text = "a.txt", 1, 1, "x"
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize("error", [odd(text=b"x"), odd(text=5), odd(offset="1")])
def test_an_exception_that_python_can_not_show(error, capfd):
    lines = said_of(raised(error), capfd)
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith('  File "%s", line ' % __file__) and lines[1].endswith(", in raised")
    assert lines[2].startswith("SyntaxError: mine") and FORGED in lines[3] and lines[3].startswith("    ")
    assert lines[4:] == [LESS]


@pytest.mark.parametrize("text", ["x" * 1000000, None])
def test_an_exception_for_which_there_is_no_memory(text, capfd, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(traceback, "format_exception", fail)
    lines = said_of(Unspeakable() if text is None else ValueError(text), capfd)
    said = "Unspeakable: (its text can't be had)" if text is None else lines[1]
    assert lines == ["Traceback (most recent call last):", said, LESS]
    assert text is None or (said.startswith("ValueError: xxx") and 8000 < len(said) < 8100)


def test_a_model_s_own_traceback_py(capfd, monkeypatch):
    monkeypatch.delattr(traceback, "format_exception")
    assert said_of(raised(KeyError("a")), capfd)[2:] == ["KeyError: 'a'", LESS]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 has groups of exceptions")
def test_a_group_of_exceptions(capfd):
    group = raised(ExceptionGroup("x\n" + FORGED, [ValueError("y\r\n" + FORGED)]))  # noqa: F821 - as it says above
    lines = said_of(raised(KeyError("z"), group), capfd)
    assert [line[:10] for line in lines if line[:1] not in ("", " ")] == ["The above ", "Traceback ", "KeyError: "]
