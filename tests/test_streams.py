"""Random streams: equal exactly where all their keys are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.streams import stream

KEYS = st.lists(st.one_of(st.text(max_size=4), st.integers(-200, 200)), max_size=4)


def state(*keys):
    return stream(*keys).bit_generator.state["state"]["state"]


@given(KEYS, KEYS)
def test_streams_are_equal_exactly_where_keys_are(one, other):
    same = [(type(key), key) for key in one] == [(type(key), key) for key in other]
    assert (state(3, *one) == state(3, *other)) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, "ab", "c"), (0, "a", "bc")),
        ((0, 1), (0, "1")),
        ((0, 12, 3), (0, 1, 23)),
        ((0, 1), (1, 0)),
        ((0, "i1:1"), (0, 1)),
        ((0,), (0, "")),
    ],
)
def test_named_collisions(one, other):
    assert state(*one) != state(*other)


def test_types_of_keys():
    assert state(np.int64(5), np.int32(2)) == state(5, 2)
    for wrong in (1.0, None, ("a",)):
        with pytest.raises(TypeError):
            stream(0, wrong)
