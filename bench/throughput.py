#!/usr/bin/env python3
"""PyTorch CPU throughput of one value-and-gradient evaluation, for a few small models.

    python throughput.py --threads 2 --rows mlp,lenet,gpt --rounds 20 [--compile]
    python throughput.py --serve [--compile] [--spread 1]   # then lines "row threads" on stdin

One evaluation is the forward pass, the loss (mean cross-entropy; for `mlp` the sum of a Gaussian
log-likelihood) and its gradient in every parameter, in float32, on fixed random inputs. Each row
runs in a process of its own, so that its peak memory is its own, and prints one line of JSON.
With --compile it also runs under torch.compile, in another process, and the faster is printed.

--serve answers each line with the time of ONE evaluation, so that another program can interleave
these measurements with its own. Models are built and warmed up when first asked for, then kept.
Works with torch 1.13 and later; torch.compile needs 2.0 and a C++ compiler.
"""
import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time

# Parameters of each row; every model is checked against its count when it is built.
PARAMETERS = {"mlp": 10 * 722, "lenet": 61_706, "resnet7": 428_272, "resnet18": 11_178_782, "vit": 22_032_522,
              "gpt-small": 418_688, "gpt": 10_770_048}


def build(row):
    """The model of a row and its batch; model(*batch) is the scalar to differentiate."""
    # torch is imported late because a process inherits the peak memory of the one starting it.
    import torch
    from torch import nn
    F, Seq, Conv, Linear, ones, zeros = nn.functional, nn.Sequential, nn.Conv2d, nn.Linear, torch.ones, torch.zeros
    gelu = nn.GELU(approximate="tanh")  # has no state, so one serves every layer

    class Layer(nn.Module):
        """A layer of the given parts (tensors become parameters) and a function of them and the inputs."""
        def __init__(self, function, **parts):
            super().__init__()
            self.function = function
            for name, part in parts.items():
                setattr(self, name, nn.Parameter(part) if torch.is_tensor(part) else part)

        def forward(self, *inputs):
            return self.function(self, *inputs)

    def classifier(*layers):
        return Layer(lambda s, x, y: F.cross_entropy(s.net(x).flatten(0, -2), y.flatten()), net=Seq(*layers))
    def skip(*layers):
        return Layer(lambda s, x: x + s.net(x), net=Seq(*layers))

    def chain_mlp(chains=10, sizes=(8, 16, 16, 16, 2)):  # evaluated together; outputs mean and log sd
        def log_likelihood(s, x, y):
            for layer, (w, b) in enumerate(zip(s.weights, s.biases)):
                x = torch.baddbmm(b, x.relu() if layer else x, w.transpose(1, 2))
            mean, log_sd = x.unbind(-1)
            return (-0.5 * ((y - mean) * torch.exp(-log_sd))**2 - log_sd - 0.5 * math.log(2 * math.pi)).sum()
        weights = [nn.Parameter(torch.randn(chains, o, i) / math.sqrt(i)) for i, o in zip(sizes, sizes[1:])]
        biases = [nn.Parameter(zeros(chains, 1, o)) for o in sizes[1:]]
        return Layer(log_likelihood, weights=nn.ParameterList(weights), biases=nn.ParameterList(biases))

    def lenet():
        return classifier(Conv(1, 6, 5, padding=2), gelu, nn.AvgPool2d(2), Conv(6, 16, 5), gelu, nn.AvgPool2d(2),
                          nn.Flatten(), Linear(400, 120), gelu, Linear(120, 84), gelu, Linear(84, 10))

    def frn(o):  # filter response normalization, thresholded linear unit
        def apply(s, x):
            x = x * torch.rsqrt((x * x).mean((2, 3), keepdim=True) + s.eps.abs())
            return torch.maximum(s.gamma * x + s.beta, s.tau)
        return Layer(apply, gamma=ones(o, 1, 1), beta=zeros(o, 1, 1), tau=zeros(o, 1, 1), eps=torch.tensor(1e-6))
    def conv_frn(i, o, k=3, stride=1, bias=True):
        return Seq(Conv(i, o, k, stride, k // 2, bias=bias), frn(o))
    def resnet7():
        return classifier(conv_frn(3, 32), conv_frn(32, 64), nn.MaxPool2d(2), conv_frn(64, 64), conv_frn(64, 128),
                          nn.MaxPool2d(2), conv_frn(128, 128), nn.MaxPool2d(2), skip(conv_frn(128, 128)),
                          Layer(lambda s, x: x.mean((2, 3))), Linear(128, 10))

    def resnet18():
        def block(i, o):
            stride = 1 if i == o else 2
            main = Seq(conv_frn(i, o, 3, stride, False), Conv(o, o, 3, padding=1, bias=False))
            short = nn.Identity() if i == o else conv_frn(i, o, 1, stride, False)
            return Layer(lambda s, x: s.after(s.main(x) + s.short(x)), main=main, short=short, after=frn(o))
        widths = (64, 64, 64, 128, 128, 256, 256, 512, 512)
        return classifier(conv_frn(3, 64, bias=False), nn.MaxPool2d(3, 2, 1), *map(block, widths, widths[1:]),
                          Layer(lambda s, x: x.mean((2, 3))), Linear(512, 10))

    def norm(width, bias):
        return Layer(lambda s, x: F.layer_norm(x, (width,), s.scale, s.bias),
                     scale=ones(width), bias=zeros(width) if bias else None)

    def attention(width, heads, bias, causal):
        def apply(s, x):
            b, n, d = x.shape
            q, k, v = s.qkv(x).view(b, n, 3, heads, d // heads).permute(2, 0, 3, 1, 4).unbind(0)
            if hasattr(F, "scaled_dot_product_attention"):
                x = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
            else:
                scores = q @ k.transpose(-2, -1) / math.sqrt(d // heads)
                hidden = ones(n, n, dtype=torch.bool).triu(1) & causal
                x = scores.masked_fill(hidden, -math.inf).softmax(-1) @ v
            return s.out(x.transpose(1, 2).reshape(b, n, d))
        return Layer(apply, qkv=Linear(width, 3 * width, bias=bias), out=Linear(width, width, bias=bias))
    def mlp(width, bias):
        return Seq(Linear(width, 4 * width, bias=bias), gelu, Linear(4 * width, width, bias=bias))

    def vit(w=384, heads=8, blocks=12):
        def embed(s, x):
            x = s.patch(x).flatten(2).transpose(1, 2)
            return torch.cat([s.cls.expand(len(x), -1, -1), x], 1) + s.position
        layers = [Layer(embed, patch=Conv(3, w, 16, stride=16), cls=zeros(1, 1, w), position=zeros(101, w))]
        for _ in range(blocks):
            layers += [skip(norm(w, True), attention(w, heads, True, False)), skip(norm(w, True), mlp(w, True))]
        return classifier(*layers, Layer(lambda s, x: x[:, 0]), Linear(w, 1024), gelu, Linear(1024, 10))

    def gpt(w, blocks, heads, context, symbols=65):  # the residual stream is itself normalized
        layers = [nn.Embedding(symbols, w), Layer(lambda s, x: x + s.position, position=zeros(context, w))]
        for _ in range(blocks):
            layers += [norm(w, False), skip(attention(w, heads, False, True)), norm(w, False), skip(mlp(w, False))]
        return classifier(*layers, norm(w, False), Linear(w, symbols, bias=False))

    torch.manual_seed(0)
    randn, randint = torch.randn, torch.randint
    model, batch = {
        "mlp": lambda: (chain_mlp(), (randn(10, 256, 8), randn(10, 256))),
        "lenet": lambda: (lenet(), (randn(512, 1, 28, 28), randint(10, (512,)))),
        "resnet7": lambda: (resnet7(), (randn(64, 3, 32, 32), randint(10, (64,)))),
        "resnet18": lambda: (resnet18(), (randn(64, 3, 32, 32), randint(10, (64,)))),
        "vit": lambda: (vit(), (randn(8, 3, 160, 160), randint(10, (8,)))),
        "gpt-small": lambda: (gpt(128, 2, 4, 64), randint(65, (2, 16, 64))),
        "gpt": lambda: (gpt(384, 6, 6, 256), randint(65, (2, 4, 256))),
    }[row]()
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[row], row
    return model, batch


def evaluator(model, batch, compiled):
    """A function that does one evaluation and returns its milliseconds, warmed up."""
    import torch
    parameters = list(model.parameters())
    assert math.isfinite(model(*batch).item()), "the loss is not finite"
    if compiled:  # --serve compiles every row for every number of threads
        torch._dynamo.config.cache_size_limit = 64
    loss = torch.compile(model, fullgraph=True, dynamic=False) if compiled else model  # wholly compiled, or fail

    def evaluate():
        start = time.perf_counter()
        value = loss(*batch)
        torch.autograd.grad(value, parameters)
        return 1e3 * (time.perf_counter() - start)

    evaluate()  # compiles, and fills caches and pools
    end = time.perf_counter() + 0.3
    while evaluate() and time.perf_counter() < end:
        pass
    return evaluate


def measure(row, threads, rounds, mode):
    """In the child process: one row in one mode."""
    import torch
    if mode == "compiled" and not hasattr(torch, "compile"):
        sys.exit(1)
    torch.set_num_threads(threads)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in KiB on Linux; a compiler will count too
    evaluate = evaluator(*build(row), mode == "compiled")
    ms = statistics.median(evaluate() for _ in range(rounds))
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"row": row, "threads": threads, "ms": round(ms, 4), "mode": mode, "parameters": PARAMETERS[row],
            "peakMiB": round(growth, 1), "torch": torch.__version__}


def run_child(row, threads, rounds, mode):
    options = [f"--threads={threads}", f"--rows={row}", f"--rounds={rounds}", f"--child={mode}"]
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))  # for a BLAS with threads of its own
    child = subprocess.run([sys.executable, __file__, *options], env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(child.stdout) if child.returncode == 0 else None


def serve(compiling, spread):
    import torch
    models, kept = {}, {}

    def prepare(row):
        if row not in models:
            models[row] = build(row)
            for parameter in models[row][0].parameters():
                parameter.data.mul_(spread)
        candidates = [evaluator(*models[row], False)]
        if compiling and hasattr(torch, "compile"):
            try:
                candidates.append(evaluator(*models[row], True))
            except Exception as error:  # no compiler, or an operation it cannot compile
                print(f"{row}: torch.compile failed: {error}", file=sys.stderr)
        return min(candidates, key=lambda f: statistics.median(f() for _ in range(5)))

    for line in sys.stdin:
        try:
            row, threads = line.split()[0], int(line.split()[1])
            torch.set_num_threads(threads)
            if (row, threads) not in kept:
                kept[row, threads] = prepare(row)
            answer = {"row": row, "ms": round(kept[row, threads](), 4)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", default=",".join(PARAMETERS), help="comma-separated, of: %(default)s")
    parser.add_argument("--rounds", type=int, default=10, help="timed evaluations; their median is printed")
    parser.add_argument("--compile", action="store_true", help="also try torch.compile; print the faster")
    parser.add_argument("--serve", action="store_true", help="answer requests from stdin")
    parser.add_argument("--spread", type=float, default=1, help="with --serve, a factor of all initial parameters")
    parser.add_argument("--child", choices=["eager", "compiled"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve(args.compile, args.spread)
    if args.child:
        return print(json.dumps(measure(args.rows, args.threads, args.rounds, args.child)))
    for row in args.rows.split(","):
        modes = ["eager", "compiled"] if args.compile else ["eager"]
        results = [r for r in (run_child(row, args.threads, args.rounds, m) for m in modes) if r]
        if not results:
            return f"{row} could not be measured"
        print(json.dumps(min(results, key=lambda r: r["ms"])), flush=True)


if __name__ == "__main__":
    sys.exit(main())
