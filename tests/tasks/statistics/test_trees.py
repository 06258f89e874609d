import pytest

from tasks.statistics.trees import nodes


@pytest.mark.parametrize(
    ("branching", "depth", "size"), [(10, 3, 1110), (3, 2, 12), (2, 4, 30), (1, 5, 5), (7, 1, 7)]
)
def test_a_tree_has_this_many_nodes_below_its_root(branching, depth, size):
    assert nodes(branching, depth) == size
    assert branching == 1 or size == (branching ** (depth + 1) - branching) // (branching - 1)
