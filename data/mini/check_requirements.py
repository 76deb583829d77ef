"""Compares the installed Python packages with requirements.txt and names the command that repairs a difference."""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

listed = Path(__file__).parent / "requirements.txt"
wrong = []
for line in listed.read_text().split():
    name, wanted = line.split("==")
    try:
        found = version(name).split("+")[0]  # torch's wheels carry a suffix such as +cpu
    except PackageNotFoundError:
        found = "nothing"
    if found != wanted:
        wrong.append(f"  {name}: {wanted} wanted, {found} found")
if wrong:
    sys.exit("\n".join(["Python packages differ:", *wrong, "run:", f"{sys.executable} -m pip install -r {listed}"]))
