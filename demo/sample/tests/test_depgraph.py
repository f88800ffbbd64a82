"""What depgraph promises."""

import unittest

from depgraph.graph import CycleError, Graph, find_cycle
from depgraph.order import build_order, layers, rebuild
from depgraph.reader import FormatError, read

SHOP = """
checkout: basket, payment
basket: catalogue, money
payment: money   # needed twice on the way to checkout
catalogue: storage
"""


class Reading(unittest.TestCase):
    def test_parts_and_needs(self) -> None:
        graph = read(SHOP.splitlines())
        self.assertEqual(len(graph), 6)
        self.assertEqual(graph.needs("payment"), ["money"])
        self.assertEqual(graph.needed_by("money"), ["basket", "payment"])

    def test_a_bad_line_is_named(self) -> None:
        with self.assertRaises(FormatError) as caught:
            read(["a: b", "no colon here"])
        self.assertEqual(caught.exception.number, 2)


class Cycles(unittest.TestCase):
    def test_none_in_a_chain(self) -> None:
        self.assertIsNone(find_cycle(read(["a: b", "b: c"])))

    def test_a_circle_is_found(self) -> None:
        self.assertEqual(find_cycle(read(["a: b", "b: c", "c: a"])), ["a", "b", "c", "a"])

    def test_a_diamond_is_no_circle(self) -> None:
        self.assertIsNone(find_cycle(read(["top: left, right", "left: base", "right: base"])))

    def test_order_refuses_a_circle(self) -> None:
        with self.assertRaises(CycleError):
            build_order(read(["a: b", "b: a"]))


class Order(unittest.TestCase):
    def test_needs_come_first(self) -> None:
        self.assertEqual(build_order(read(["a: b", "b: c"])), ["c", "b", "a"])

    def test_layers_of_the_shop(self) -> None:
        self.assertEqual(
            layers(read(SHOP.splitlines())),
            [["money", "storage"], ["catalogue", "payment"], ["basket"], ["checkout"]],
        )

    def test_only_users_are_built_again(self) -> None:
        self.assertEqual(rebuild(read(["a: b", "b: c", "d: c"]), "b"), ["b", "a"])

    def test_an_empty_graph(self) -> None:
        self.assertEqual(layers(Graph()), [])


if __name__ == "__main__":
    unittest.main()
