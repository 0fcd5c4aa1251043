"""What a function made of its last arguments, for as long as they are small: callers choose them, and one who isn't a
web client may send a megabyte in any of them."""

from sys import getsizeof


def remembered(count, most=400, size=getsizeof):
    """Decorates a function of one argument that can be hashed; ``functools.lru_cache`` counts entries, not bytes.

    count   of values that are kept, before all are forgotten.
    most    bytes of an argument that is kept, by ``size``.
    """

    def of(function):
        return _Memory(function, count, most, size).__getitem__  # which costs no call of Python's where it knows

    return of


def size_of_texts(texts):
    return sum(map(getsizeof, texts))


class _Memory(dict):
    def __init__(self, function, count, most, size):
        dict.__init__(self)
        self._function, self._count, self._most, self._size = function, count, most, size

    def __missing__(self, argument):
        value = self._function(argument)
        if self._size(argument) <= self._most:
            if len(self) >= self._count:
                self.clear()
            self[argument] = value
        return value
