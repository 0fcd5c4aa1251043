"""What is kept of calls: little, whatever their callers send."""

import gc
import sys
import tracemalloc

import pytest
from modelproxy import http1, media_types, web_action
from modelproxy.messages import Request, Response
from modelproxy.percent import quoted_path
from modelproxy.remembered import remembered, size_of_texts
from modelproxy.wsgi_gateway import call, environ_of


def test_the_last_values_are_kept_until_there_are_too_many():
    made = []
    double = remembered(2)(lambda text: made.append(text) or text + text)
    assert "".join([double(text) for text in ("a", "b", "a", "b", "c", "c", "a", "b")]) == "aabbaabbccccaabb"
    assert made == ["a", "b", "c", "a", "b"]


def test_what_is_large_is_made_anew():
    made = []
    length = remembered(9, 1000, size_of_texts)(lambda texts: made.append(texts) or len(texts))
    for texts in (("a",), ("a", 1000 * "b"), 50 * ("",)):
        assert length(texts) == length(texts) == len(texts)
    assert made == [("a",)] + 2 * [("a", 1000 * "b")] + 2 * [50 * ("",)]


@pytest.mark.parametrize(("size", "times"), [(399, 1), (400, 1), (401, 2)])
def test_an_argument_of_400_bytes_is_kept_and_none_of_more(size, times):
    made = []
    upper = remembered(9)(lambda text: made.append(text) or text.upper())
    text = (size - sys.getsizeof("")) * "a"
    assert upper(text) == upper(text) == text.upper()
    assert (sys.getsizeof(text), len(made)) == (size, times)


def test_what_raised_is_no_value():
    made = []

    @remembered(9)
    def fail(text):
        made.append(text)
        raise KeyError(text)

    for _ in range(2):
        with pytest.raises(KeyError):
            fail("a")
    assert made == ["a", "a"]


def decoded(**changes):
    return web_action.decode(dict({"__ow_method": "get", "__ow_headers": {}, "__ow_query": ""}, **changes))


def parsed(line, field):
    return http1.parse_head(line + b"\r\nHost: x\r\n" + field)


def answered(status, headers):
    def application(environ, start_response):
        start_response(status, headers)
        return [b"x"]

    return web_action.encode(call(application, Request("GET", "/")), Request("GET", "/"))


ASK = (
    quoted_path,
    lambda text: decoded(__ow_path=text),
    lambda text: decoded(__ow_headers={text: "x"}),
    lambda text: decoded(__ow_headers={"%s%d" % (text[-5:], n): "x" for n in range(100)}),
    lambda text: decoded(__ow_headers={"content-type": "a/" + text[-1000:]}),
    lambda text: media_types.parse("text/plain; a=" + text),
    lambda text: web_action.public_path("/guest/" + text),
    lambda text: environ_of(Request("GET", "/" + text)),
    lambda text: environ_of(Request("GET", "/", headers=[(text, "")])),
    lambda text: environ_of(Request("GET", "/", headers=[("host", text)])),
    lambda text: parsed(b"GET /" + text.encode("ascii") + b" HTTP/1.1", b"a: b"),
    lambda text: parsed(b"GET / HTTP/1.1", b"a: " + text[-8000:].encode("ascii")),
    lambda text: answered("200 " + text, []),
    lambda text: answered("200 OK", [("Location", text)]),
    lambda text: web_action.encode(Response(200, [(text, "a")], b"x"), Request("GET", "/")),
)


def kept_of(asked, count, length):
    for ask in asked:
        ask("a")  # what it imports
    gc.disable()  # so that all that is made stays in the youngest generation, which is quick to look through
    tracemalloc.start()
    try:
        for number in range(count):
            for ask in asked:
                ask(length * "a" + "%05d" % number)
        gc.collect(0)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize("ask", ASK)
def test_little_is_kept_of_calls_whose_words_are_long(ask):
    assert kept_of([ask], 33, 30000) < 30000


@pytest.mark.parametrize("length", [95, 300])
def test_a_megabyte_is_never_kept(length):
    assert kept_of(ASK, 257, length) < 1000000
