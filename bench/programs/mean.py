"""The weighted mean of a round in numpy, over arrays that are in memory already: one line of ms per line read."""

import sys
import time

import numpy

clients, parameters = int(sys.argv[1]), int(sys.argv[2])
updates = [numpy.full(parameters, client + 0.5, dtype=numpy.float32) for client in range(clients)]
weight = 7
print(f"numpy {numpy.__version__}", flush=True)
for _ in sys.stdin:
    started_at = time.perf_counter()
    acc = numpy.zeros(parameters, dtype=numpy.float64)
    total = 0
    for x in updates:
        acc += weight * x
        total += weight
    mean = (acc / total).astype(numpy.float32)
    print((time.perf_counter() - started_at) * 1000, flush=True)
