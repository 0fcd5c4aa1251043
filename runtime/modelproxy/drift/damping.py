"""The few directions in which the training inputs differ most count less, so that differences in others are seen.

The member ``damping.npy`` has a row for each such direction: its unit vector times the root of the part of it that is
to be taken away. The tool chooses them (modelwhisk/drift/damping.py), and stores vectors that are damped already.
"""

from operator import mul

DAMPING = "damping.npy"


def of(reference):
    """A function that damps a vector as the stored ones are, None where they aren't."""
    if not reference.has(DAMPING):
        return None
    try:
        import numpy
    except ImportError:
        return _without_numpy(reference)
    rows = numpy.array(reference.array(DAMPING))

    def damped(vector):
        vector = numpy.asarray(vector, "f4")
        return vector - rows.dot(vector).dot(rows)

    return damped


def _without_numpy(reference):
    from .plain_search import Rows

    stored = Rows(reference, DAMPING)
    rows = [list(stored[place]) for place in range(stored.count)]

    def damped(vector):
        result = list(vector)
        for row in rows:
            part = sum(map(mul, row, vector))
            result = [number - part * weight for number, weight in zip(result, row)]
        return result

    return damped
