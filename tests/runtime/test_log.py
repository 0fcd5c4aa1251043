import os
import sys
import threading
import time
import traceback

import pytest
from modelproxy import log


def test_a_line_stays_one_line(capfd):
    log.line("GET /a\n\r\x00\x1b[31m\x7f caf\u00e9 \ud800")
    assert capfd.readouterr()[0] == "modelproxy: GET /a\\x0a\\x0d\\x00\\x1b[31m\\x7f caf\u00e9 \\ud800\n"


def test_nothing_from_outside_steers_a_terminal(capfd):
    log.line("GET /\x9b31m\x85\x90")
    assert capfd.readouterr()[0] == "modelproxy: GET /\\x9b31m\\x85\\x90\n"


def test_no_caller_s_word_ends_an_activation_s_log(capfd):
    marker = log.MARKER.decode("ascii")
    log.line("GET /" + marker[:-1])
    try:
        raise ValueError("bad input: \n" + marker)
    except ValueError as error:
        log.traceback_of(error)
    log.markers(log.own_line("GET /a" + marker + " 200"))
    for said in capfd.readouterr():
        assert said.count(marker[:-1]) == 1 and said.endswith("\n" + marker)
        assert "XXX-THE-END-OF-A-WHISK-ACTIVATION-XXX" in said


def test_a_long_line_is_its_beginning_and_its_end(capfd):
    log.line("the result has " + 8000 * "\x80")
    log.line(1000000 * "\u0130" + " is inf")
    log.line(7990 * "a" + "0123456789")
    first, second, third = capfd.readouterr()[0].splitlines()
    assert first == "modelproxy: the result has %s[15 characters left out]%s" % (5985 * "\\x80", 2000 * "\\x80")
    assert second.endswith("\u0130 is inf") and "\u0130[992007 characters left out]\u0130" in second
    assert third == "modelproxy: %s0123456789" % (7990 * "a")


def test_a_marker_that_is_cut_or_made_by_a_cut_ends_no_log():
    marker = log.MARKER[:-1].decode("ascii")
    for cut in range(len(marker)):
        for text in (
            (6000 - cut) * "x" + marker + 9000 * "x",
            (6000 - cut) * "x" + marker[:cut] + 9000 * "-" + marker[cut:] + (2000 - len(marker) + cut) * "x",
        ):
            assert marker.encode("ascii") not in log.unmarked(log.own_line(text))


FORGED = "modelproxy: GET / 200 drift=9 threshold=1 activation=other"


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
    if lines[-1] == "    [the last of a chain of exceptions that is too long to be shown]":
        assert sys.version_info < (3, 9) and len(lines) < 10
    else:
        assert "ValueError: 0" in lines and sum("characters left out]" in line for line in lines) == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 has groups of exceptions")
def test_a_group_of_exceptions(capfd):
    group = raised(ExceptionGroup("x\n" + FORGED, [ValueError("y\r\n" + FORGED)]))  # noqa: F821 - as it says above
    lines = said_of(raised(KeyError("z"), group), capfd)
    assert [line[:10] for line in lines if line[:1] not in ("", " ")] == ["The above ", "Traceback ", "KeyError: "]


def test_a_stream_that_does_not_block_is_waited_for(monkeypatch):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    taken = []

    def read_late():
        time.sleep(0.1)
        while sum(map(len, taken)) < 200000:
            taken.append(os.read(reading, 65536))

    thread = threading.Thread(target=read_late)
    thread.start()
    log.write(writing, b"x" * 200000)
    thread.join(10)
    assert sum(map(len, taken)) == 200000
    os.close(reading)
    os.close(writing)


def test_a_closed_stream_is_given_up():
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    log.write(writing, b"x")
