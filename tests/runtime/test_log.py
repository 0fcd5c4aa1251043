import os
import threading
import time

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
