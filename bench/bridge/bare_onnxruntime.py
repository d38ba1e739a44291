"""The loop that nothing can beat: onnxruntime over windows in memory, one after the other.

bare_onnxruntime.py MODEL.onnx WINDOWS.f32 SAMPLES_PER_WINDOW THREADS
Reads a JSON list of window numbers per line and answers with the seconds that each took.
"""

import json
import sys
import time

import numpy as np
import onnxruntime as ort

model, file, samples, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
windows = np.fromfile(file, "<f4").reshape(-1, samples)
options = ort.SessionOptions()
options.intra_op_num_threads = threads
options.inter_op_num_threads = 1
options.log_severity_level = 3
# As the server has it: threads that spin while they wait would slow the other side of the comparison.
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
for _ in range(3):
    session.run(["features"], {"pcm": windows[:1]})
print("ready", flush=True)
for line in sys.stdin:
    seconds = []
    for number in json.loads(line):
        began = time.perf_counter()
        session.run(["features"], {"pcm": windows[number : number + 1]})
        seconds.append(time.perf_counter() - began)
    print(json.dumps(seconds), flush=True)
