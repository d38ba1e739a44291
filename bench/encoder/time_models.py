"""Times ONNX encoders on windows of one second, in turn, so that a busy machine slows all of them alike.

    python time_models.py THREADS ROUNDS FILE…

Prints the median milliseconds of each as JSON, with one thread or with so many, whichever is better for it.
"""

import json
import statistics
import sys
import time

import numpy as np
import onnxruntime


def open_model(file: str, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])


most_threads, rounds = int(sys.argv[1]), int(sys.argv[2])
pcm = (np.random.default_rng(1).standard_normal((1, 16_000)) * 0.1).astype(np.float32)
best = [float("inf")] * (len(sys.argv) - 3)
for threads in sorted({1, most_threads}):
    sessions = [open_model(file, threads) for file in sys.argv[3:]]
    taken: list[list[float]] = [[] for _ in sessions]
    for number in range(rounds + 2):
        for session, times in zip(sessions, taken, strict=True):
            start = time.perf_counter()
            session.run(["features"], {"pcm": pcm})
            if number >= 2:  # The first runs still allocate.
                times.append((time.perf_counter() - start) * 1000)
    best = [min(before, statistics.median(times)) for before, times in zip(best, taken, strict=True)]
print(json.dumps(best))
