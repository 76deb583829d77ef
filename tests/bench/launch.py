"""launch.py COMMAND...: runs a program and prints JSON: wall seconds, peak memory in bytes, exit
code and standard output. In a process of its own that imports next to nothing, because a child's
peak memory starts at the memory of the process that started it."""
import json
import os
import sys
import time

read, write = os.pipe()
start = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ,
                        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
os.close(write)
with os.fdopen(read) as pipe:
    output = pipe.read()
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "peak_rss": usage.ru_maxrss * 1024,
                  "code": os.waitstatus_to_exitcode(status), "output": output}))
