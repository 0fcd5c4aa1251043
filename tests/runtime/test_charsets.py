import codecs
import encodings
import pkgutil
from encodings.aliases import aliases

import pytest
from modelproxy.charsets import codec_of

MODULES = [module.name for module in pkgutil.iter_modules(encodings.__path__)]
# Of names and of source; for the first two a megabyte takes Python 19 seconds.
NO_CHARSETS = ("idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined")


def python_s(name):
    """The codec that Python has, None for none."""
    try:
        return codecs.lookup(name).name if name else None
    except LookupError:
        return None


@pytest.mark.parametrize("name", sorted(set(MODULES) | set(aliases)))
def test_each_codec_of_python_s_by_each_of_its_names(name):
    for written in (name, name.upper(), name.replace("_", "-"), name.replace("_", " "), name + "_"):
        assert python_s(codec_of(written)) == (None if name in NO_CHARSETS else python_s(written))


@pytest.mark.parametrize(
    "name", ["", "-", "no-such", "a.b", "utf.9", "os.path", "../utf_8", "utf-8\n", "\u00fctf-8", "u" * 41]
)
def test_what_is_no_charset(name):
    assert codec_of(name) == ""


def test_python_is_asked_by_its_own_names_alone():
    for count in range(50):
        assert codec_of("utf" + "-" * (count % 30) + "8") == "utf_8"
        assert codec_of("no-such-%d" % count) == ""
    assert set(map(codec_of, ("latin-1", "ISO-8859-1", "iso8859 1", "ISO_8859-1:1987", "l1"))) == {"latin_1"}
