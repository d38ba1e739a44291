"""Times ONNX encoders on windows of one second, in turn, so that a busy machine slows all of them alike.

    python time_models.py THREADS ROUNDS FILE…      prints the median milliseconds of each as JSON
"""

import json
import statistics
import sys
import time

import numpy as np
import onnxruntime

threads, rounds = int(sys.argv[1]), int(sys.argv[2])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
options.inter_op_num_threads = 1
sessions = [onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"]) for file in sys.argv[3:]]
pcm = (np.random.default_rng(1).standard_normal((1, 16_000)) * 0.1).astype(np.float32)
taken: list[list[float]] = [[] for _ in sessions]
for round_ in range(rounds + 2):
    for session, times in zip(sessions, taken, strict=True):
        start = time.perf_counter()
        session.run(["features"], {"pcm": pcm})
        if round_ >= 2:  # The first runs still allocate.
            times.append((time.perf_counter() - start) * 1000)
print(json.dumps([statistics.median(times) for times in taken]))
