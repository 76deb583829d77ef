"""What a benchmark result must say about the machine, and its rates: memory, GEMM, one SVD."""
import os
import platform
import time

import torch


def best(run, repeats=5):
    """Shortest of some runs, in seconds; one more before them warms up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def rates(threads):
    """Measured with torch at this number of threads: bytes/s read from memory, float32 flop/s of a
    GEMM, and seconds of one thin SVD per flop of 26 r^3 (6 m n^2 + 20 n^3)."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    memory, a = torch.ones(2**26), torch.randn(1536, 1536)
    small = torch.randn(384, 384)
    found = {"read_bytes_per_s": memory.numel() * 4 / best(memory.sum),
             "gemm_flop_per_s": 2 * 1536**3 / best(lambda: a @ a),
             "svd_s_per_flop": best(lambda: torch.linalg.svd(small), 3) / (26 * 384**3)}
    torch.set_num_threads(before)
    return found


def field(path, name, missing=""):
    """Value of the first line `name : value` of a file like /proc/cpuinfo."""
    try:
        with open(path) as file:
            lines = [line.split(":", 1) for line in file if ":" in line]
    except OSError:
        return missing
    return next((value.strip() for key, value in lines if key.strip() == name), missing)


def memory_available():
    """Bytes; without /proc, as if there were enough."""
    text = field("/proc/meminfo", "MemAvailable", "")
    return int(text.split()[0]) * 1024 if text else 2**62


def hardware():
    total = field("/proc/meminfo", "MemTotal", "0 kB").split()[0]
    return {"cpu": field("/proc/cpuinfo", "model name", platform.processor()),
            "cores": os.cpu_count(), "memory_gib": round(int(total) / 2**20, 1),
            "system": f"{platform.system()} {platform.machine()}"}
