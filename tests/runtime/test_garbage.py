import gc
import weakref

import pytest
from modelproxy import garbage


class Model:
    """A host whose load does what the test says."""

    def __init__(self, load):
        self.load = load


class Circle:
    """Garbage that only a collection finds."""

    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def _thresholds():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize(("usual", "rare"), [(700, 100000), (0, 0), (200000, 200000)])
def test_collections_are_rare_while_a_model_is_loaded(usual, rare):
    gc.set_threshold(usual, 10, 10)
    seen = []
    garbage.load(Model(lambda: seen.append(gc.get_threshold())))
    assert seen == [(rare, 10, 10)]
    assert gc.get_threshold() == (usual, 10, 10)


def test_thresholds_that_a_model_sets_stay():
    garbage.load(Model(lambda: gc.set_threshold(5000, 5, 5)))
    assert gc.get_threshold() == (5000, 5, 5)


def test_a_load_that_fails_leaves_the_thresholds_as_they_were():
    before = gc.get_threshold()

    def fail():
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        garbage.load(Model(fail))
    assert gc.get_threshold() == before


def test_what_a_load_left_behind_is_collected_later():
    left = []
    garbage.load(Model(lambda: left.append(weakref.ref(Circle()))))
    garbage.settle()
    assert left[0]() is None


def test_what_is_there_once_it_has_settled_is_walked_no_more():
    kept = Circle()
    garbage.settle()
    if hasattr(gc, "freeze"):
        assert gc.get_freeze_count() > 1000
        assert not any(each is kept for each in gc.get_objects())
