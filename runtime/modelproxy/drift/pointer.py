"""A vector in a JSON value, found by a pointer (RFC 6901) that may have ``*`` for "every element". Pure."""


class NotThere(ValueError):
    """The value has no vector at the pointer; the text says what is there."""


def vector_at(value, pointer, by=None):
    """The numbers at ``pointer``, as a list of floats; several rows of numbers are averaged. Raises ``NotThere``.

    by   the key of the elements of a ``*`` by whose value these are put in order first, as labels whose probabilities
         come sorted.
    """
    found = [(value, False)]
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = [pair for one, several in found for pair in _below(one, several, name, by, pointer)]
    is_one = len(found) == 1 and not found[0][1]
    return _as_vector(found[0][0] if is_one else [one for one, _ in found], pointer)


def _below(value, several, name, by, pointer):
    if name == "*":
        elements = _elements(value, pointer)
        if by is not None:
            elements = _in_order(elements, by, pointer)
        return [(element, True) for element in elements]
    if type(value) is dict and name in value:
        return [(value[name], several)]
    if type(value) is list and name.isdecimal() and int(name) < len(value):
        return [(value[int(name)], several)]
    raise NotThere("there is nothing at %r of %s in the answer" % (name[:80], pointer))


def _elements(value, pointer):
    if type(value) is list:
        return value
    if type(value) is dict:
        return [value[key] for key in sorted(value)]
    raise NotThere("what %s calls * is no array or object" % pointer)


def _in_order(elements, by, pointer):
    try:
        return sorted(elements, key=lambda element: element[by])
    except (KeyError, TypeError):
        raise NotThere("what %s calls * can't be put in order by %r" % (pointer, by)) from None


def _as_vector(found, pointer):
    """Numbers as they are, rows of numbers (at any depth) averaged, one number as a vector of one."""
    if _is_number(found):
        found = [found]
    if type(found) is not list or not found:
        raise NotThere("there are no numbers at %s in the answer" % pointer)
    if all(_is_number(number) for number in found):
        return [float(number) for number in found]
    rows = [_as_vector(row, pointer) for row in found]
    if len({len(row) for row in rows}) != 1 or any(_is_number(row) for row in found):
        raise NotThere("the rows at %s in the answer have not all the same length" % pointer)
    return [sum(column) / len(rows) for column in zip(*rows)]


def _is_number(value):
    return type(value) in (int, float)
