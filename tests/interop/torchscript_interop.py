"""Python's torch.jit loads and runs what isomerge wrote. Run by torchscript_test.sh."""

import subprocess
import sys
from pathlib import Path

import torch

isomerge, folder = sys.argv[1], Path(sys.argv[2])


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4, bias=False))
        self.register_buffer("scale", torch.tensor(2.0))

    def forward(self, x):
        return self.scale * self.visual(x)


torch.manual_seed(1)
models = [Encoder() for _ in range(3)]
for index, model in enumerate(models):
    torch.jit.save(torch.jit.script(model), folder / f"{index}.pt")
subprocess.run([isomerge, "merge", "--quiet", "--method", "average", "--base", folder / "0.pt", "--expert", f"a={folder / '1.pt'}",
                "--expert", f"b={folder / '2.pt'}", "--out", folder / "merged.pt"], check=True)  # fmt: skip

mean = Encoder()
mean.load_state_dict({name: (models[1].state_dict()[name] + models[2].state_dict()[name]) / 2 for name in models[0].state_dict()})
x = torch.randn(7, 6)
merged = torch.jit.load(folder / "merged.pt")
assert torch.allclose(merged(x), mean(x), atol=1e-6), (merged(x) - mean(x)).abs().max()
print("torchscript: Python runs the merged module and gets the mean model's features")
