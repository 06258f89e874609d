import math

import pytest

from tasks.statistics.spread import entropy, largest_share


def test_entropy_and_largest_share_in_closed_form():
    assert entropy("abcd") == pytest.approx(math.log(4))
    assert entropy("aabc") == pytest.approx(1.5 * math.log(2))
    assert (entropy("aaa"), entropy(""), math.copysign(1, entropy("aaa"))) == (0, 0, 1)
    assert (largest_share("aabc"), largest_share("")) == (0.5, 0)
