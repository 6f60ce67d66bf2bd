"""Measures how fast the synthetic dataset is generated, on one core, and prints it as JSON.

Run it with ``OMP_NUM_THREADS=1 python benchmarks/generator_speed.py [clips] [rounds]``.
"""

import json
import sys
import time

import numpy as np

from har.data.generator import GeneratorSpec, generate


def measure(clips: int, rounds: int) -> dict[str, float]:
    """Time ``rounds`` generations of ``clips`` clips, after a warm-up."""
    spec = GeneratorSpec(clips=clips)
    numbers = np.arange(clips)
    generate(numbers[:64], spec)
    wall, cpu = [], []
    for _ in range(rounds):
        start, start_cpu = time.perf_counter(), time.process_time()
        generate(numbers, spec)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return {
        "clips": clips,
        "frames_per_clip": spec.frames,
        "clips_per_second_median": round(clips / float(np.median(wall)), 1),
        "clips_per_second_best": round(clips / min(wall), 1),
        "clips_per_cpu_second_median": round(clips / float(np.median(cpu)), 1),
    }


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:3]]
    print(json.dumps(measure(*(arguments + [1280, 5][len(arguments) :]))))
