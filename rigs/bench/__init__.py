"""``make bench``: what colearner costs, each figure against a floor that is measured in the same run.

A measurement is a function in a module of this package, registered with :func:`~rigs.bench.registry.measurement`; every
module here is found by itself. It yields :class:`~rigs.bench.figures.Figure`\\ s for the promises it was registered with.

How to add one, in a new module ``rigs/bench/<subject>.py``::

    from rigs.bench.figures import Figure, Promise, at_most_ratio
    from rigs.bench.registry import Bench, measurement

    VERSION = Promise("cli-version", "colearner --version, cold", "ms", at_most_ratio(2.0), floor="python -c pass")

    @measurement(VERSION)
    def version(bench: Bench) -> Iterator[Figure]:
        taken = bench.interleaved({"ours": run_ours, "floor": run_floor}, rounds=30)  # functions that return ms
        yield VERSION.paired(taken["ours"], taken["floor"])

Times of programs are taken with ``bench.environment()``: no settings of ours, and .pyc files as a user has them. A new
promise also needs a row in docs/performance.md (``tests/rigs/test_bench_docs.py``).
"""
