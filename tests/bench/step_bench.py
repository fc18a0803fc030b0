#!/usr/bin/env python3
"""Training steps of this program beside eager PyTorch on the same LibTorch: how many times faster they are.

    .venv/bin/python tests/bench/step_bench.py [--build build] [--model resnet50] [--sides 88 176] [--batch 32] [--rounds 7]
        [--threads N] [--variants NAME ...]

Every variant is a process that waits for its turn. In a round each makes one step, so that a slow moment of the machine meets all of
them; a table for each side has the median over the rounds of (seconds of eager / seconds of the variant) against each eager variant, of
the wall clock and of the processors' time, and images per second. Threads are bound to cores in all of them: two threads on one core, which
OpenMP may choose otherwise, make every comparison false. Steps of the first two rounds, which allocate memory and choose kernels, do not
count. The eager net is torchvision's, written out here, since torchvision need not be installed.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

WARM_UP = 2  # rounds

EAGER = {"eager fp32 NCHW": ("fp32", "nchw"), "eager fp32 NHWC": ("fp32", "nhwc"), "eager bf16 NHWC": ("bf16", "nhwc")}
OURS = {
    "ours fp32": ["precision=fp32"],
    "ours fp32, not fused": ["precision=fp32", "fused_layers=false"],
    "ours bf16": ["precision=amp_bf16"],
    "ours bf16, not fused": ["precision=amp_bf16", "fused_layers=false"],
}


# ---- the eager side: a worker process


def make_net(name):
    import torch
    from torch import nn

    kind, depths = {"resnet18": (2, (2, 2, 2, 2)), "resnet34": (2, (3, 4, 6, 3)), "resnet50": (3, (3, 4, 6, 3)),
                    "resnet101": (3, (3, 4, 23, 3)), "resnet152": (3, (3, 8, 36, 3))}[name]

    class Block(nn.Module):
        def __init__(self, inputs, planes, stride):
            super().__init__()
            out = planes * 4 if kind == 3 else planes
            shapes = [(inputs, planes, 1, 1), (planes, planes, 3, stride), (planes, out, 1, 1)]
            if kind == 2:
                shapes = [(inputs, planes, 3, stride), (planes, planes, 3, 1)]
            self.convs = nn.ModuleList(nn.Conv2d(i, o, k, s, k // 2, bias=False) for i, o, k, s in shapes)
            self.norms = nn.ModuleList(nn.BatchNorm2d(o) for _, o, _, _ in shapes)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride != 1 or inputs != out:
                self.downsample = nn.Sequential(nn.Conv2d(inputs, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x):
            z = x
            for i, (conv, norm) in enumerate(zip(self.convs, self.norms)):
                z = norm(conv(z))
                if i + 1 < len(self.convs):
                    z = self.relu(z)
            z += x if self.downsample is None else self.downsample(x)
            return self.relu(z)

    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for stage, depth in enumerate(depths):
        for i in range(depth):
            layers.append(Block(inputs, 64 << stage, 2 if stage > 0 and i == 0 else 1))
            inputs = (64 << stage) * (4 if kind == 3 else 1)
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000))
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            torch.nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
    return net


def serve_eager(model, side, batch, precision, layout):
    import torch

    torch.manual_seed(1)
    net = make_net(model)
    images, labels = torch.randn(batch, 3, side, side), torch.randint(1000, (batch,))
    if layout == "nhwc":
        net, images = net.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-5, foreach=True)
    print(f"ready: {torch.get_num_threads()} threads", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = torch.nn.functional.cross_entropy(net(images).float(), labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        value = loss.item()
        print(time.perf_counter() - wall, time.process_time() - cpu, value, flush=True)


# ---- the comparison


class Variant:
    def __init__(self, name, options, side):
        size = [f"model={options.model}", f"side={side}", f"batch={options.batch}"]
        if name in EAGER:
            command = [sys.executable, __file__, "--worker", options.model, str(side), str(options.batch), *EAGER[name]]
        else:
            command = [f"{options.build}/bench/step_bench", *size, *OURS[name]]
        environment = {**os.environ, "OMP_PROC_BIND": "true", "OMP_PLACES": "cores", "OMP_NUM_THREADS": str(options.threads)}
        self.name, self.wall, self.cpu = name, [], []
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline().strip()
        if ready != f"ready: {options.threads} threads":
            sys.exit(f"{name}: got '{ready}', expected {options.threads} threads")

    def step(self):
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        wall, cpu, self.loss = (float(x) for x in self.process.stdout.readline().split())
        self.wall.append(wall)
        self.cpu.append(cpu)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def median_ratio(slow, fast):
    return statistics.median(a / b for a, b in zip(slow[WARM_UP:], fast[WARM_UP:]))


def compare(side, options):
    variants = [Variant(name, options, side) for name in options.variants]
    for _ in range(WARM_UP + options.rounds):
        for variant in variants:
            variant.step()
    eager = [v for v in variants if v.name in EAGER]
    print(f"\n{options.model}, {side} px, batch {options.batch}, {options.threads} threads, medians of {options.rounds} rounds\n")
    print("| | images/s |" + "".join(f" wall, against {e.name} | CPU |" for e in eager))
    print("|---|---|" + "---|---|" * len(eager))
    for v in variants:
        ratios = "".join(f" {median_ratio(e.wall, v.wall):.2f} | {median_ratio(e.cpu, v.cpu):.2f} |" for e in eager)
        print(f"| {v.name} | {options.batch / statistics.median(v.wall[WARM_UP:]):.1f} |{ratios}", flush=True)
        v.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=pathlib.Path(__file__).parents[2] / "build")
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--sides", type=int, nargs="+", default=[88, 176])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--variants", nargs="+", choices=[*EAGER, *OURS], default=[*EAGER, *OURS])
    options = parser.parse_args()
    for side in options.sides:
        compare(side, options)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        serve_eager(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
    else:
        main()
