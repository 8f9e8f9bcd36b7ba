"""Trees laid out as lines: the main line first, parents before children, every node once."""

from hypothesis import given
from hypothesis import strategies as st

from recollect.formats.trees import lay_out, line_to


def test_a_line_is_itself():
    assert lay_out([-1, 0, 1], 2) == ([0, 1, 2], 3, set())


def test_other_lines_follow_from_where_they_leave():
    #   0 - 1 - 2 - 3   main
    #       |   `- 4 - 5
    #       `- 6 - 7, 6 - 8
    layout = lay_out([-1, 0, 1, 2, 2, 4, 1, 6, 6], 3)
    assert layout.order == [0, 1, 2, 3, 6, 7, 8, 4, 5]
    assert (layout.main, layout.forks) == (4, {1, 2, 6})


def test_other_roots_are_lines_of_their_own():
    assert lay_out([-1, -1, 1, 0], 3) == ([0, 3, 1, 2], 2, set())


def test_circles_are_cut_open():
    layout = lay_out([1, 2, 0, 2], 3)
    assert sorted(layout.order) == [0, 1, 2, 3]


def test_depth_does_not_matter():
    parents = list(range(-1, 199_999))
    assert lay_out(parents, 199_999).order == list(range(200_000))
    assert lay_out(parents, -1).order == list(range(200_000))


@given(st.data(), st.integers(1, 30))
def test_every_node_once_and_parents_first(data, count):
    parents = [data.draw(st.integers(-1, count - 1)) for _ in range(count)]
    head = data.draw(st.integers(-1, count - 1))
    layout = lay_out(parents, head)
    assert sorted(layout.order) == list(range(count))
    if head >= 0:
        assert layout.order[layout.main - 1] == head
    place = {node: at for at, node in enumerate(layout.order)}
    late = [node for node in range(count) if parents[node] >= 0 and place[parents[node]] > place[node]]
    for node in late:  # only where a circle was cut
        assert _in_circle(parents, node)


def _in_circle(parents, node):
    seen, at = set(), node
    while at >= 0 and at not in seen:
        seen.add(at)
        at = parents[at]
    return at == node


def test_line_to():
    assert line_to([-1, 0, 1], 1) == [0, 1]
