"""The generator's distributions: how many bits, which range, and that different words draw different numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.generator import Stream, stream


@pytest.mark.parametrize("precision", [8, 11, 24, 53])
def test_uniforms_use_the_last_bit_asked_for_and_stay_below_1(precision: int) -> None:
    """One bit fewer would leave every scaled number even."""
    numbers = stream("uniforms").uniforms((200,), precision)
    scaled = numbers * 2.0**precision
    assert (scaled == np.floor(scaled)).all()
    assert (scaled % 2 == 1).any()
    assert numbers.min() >= 0
    assert 0.5 <= numbers.max() < 1


@pytest.mark.parametrize("precision", [8, 11, 24, 53])
def test_full_mantissas_lie_between_1_and_2_with_both_signs(precision: int) -> None:
    numbers = stream("mantissas").full_mantissas((200,), precision)
    assert np.abs(numbers).min() >= 1
    assert np.abs(numbers).max() < 2
    assert set(np.sign(numbers)) == {-1.0, 1.0}


def test_normals_are_sums_of_twelve_uniforms_less_6() -> None:
    """Exactly: so that no library's logarithm or cosine decides a bit."""
    parts = Stream(5)
    total = sum(parts.uniforms((50,), 24) for _ in range(12))
    assert (Stream(5).normals((50,), 24) == total - 6.0).all()


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 100))
def test_signed_numbers_keep_their_magnitude(low: int, span: int, count: int) -> None:
    numbers = stream("signed", low, span, count).signed((count,), low, low + span)
    assert low <= np.abs(numbers).min()
    assert np.abs(numbers).max() <= low + span


def test_the_ends_of_a_range_are_drawn() -> None:
    """A range that forgot an end would never show a 3 or a -3."""
    assert set(stream("ends").integers((200,), -3, 3).tolist()) == set(range(-3, 4))


@pytest.mark.parametrize("position", [0, 2**64 - 1, 2**64 - 2 * 0x9E3779B97F4A7C15 % 2**64])
def test_positions_wrap_around_at_64_bits(position: int) -> None:
    """Held to the published recurrence in Python's own integers, which never wrap by themselves."""
    drawn = Stream(position)
    assert drawn.words(3).tolist() == [splitmix64(position + place * 0x9E3779B97F4A7C15) for place in range(1, 4)]
    assert drawn.position == (position + 3 * 0x9E3779B97F4A7C15) % 2**64


def splitmix64(position: int) -> int:
    """The output of SplitMix64 at this position."""
    state = position % 2**64
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def test_words_are_not_run_together() -> None:
    """Units 1 with seed 11 and units 11 with seed 1 are two questions."""
    spellings = [("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c"), ("abc", "")]
    assert len({stream(*words).position for words in spellings}) == len(spellings)


def test_no_numbers_move_a_stream_nowhere() -> None:
    numbers = Stream(7)
    assert numbers.integers((0, 5), 0, 3).shape == (0, 5)
    assert numbers.position == 7
