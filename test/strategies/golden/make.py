"""Writes golden.jsonl beside this file, a case a line: what each strategy makes of small updates, from the papers' formulas.

Independent of the TypeScript: decimal arithmetic with 80 digits, a client's delta at a time, nothing in tiles. Run it with
any Python 3, `python3 make.py`; it needs no packages. The tests only read the file.
"""

import itertools
import json
import pathlib
from decimal import Decimal as D
from decimal import getcontext

getcontext().prec = 80


def mean(values):
    return sum(values, D(0)) / len(values)


def columns(updates):
    return list(zip(*updates))


def norm2(vector):
    return sum((x * x for x in vector), D(0))


def minus(a, b):
    return [x - y for x, y in zip(a, b)]


# ── running ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def deltas(clients, base, p):
    result = []
    for client in clients:
        delta = minus(client["values"], base)
        length = norm2(delta).sqrt()
        if p.get("clipNorm") is not None and length > p["clipNorm"]:
            delta = [x * p["clipNorm"] / length for x in delta]
        result.append(delta)
    return result


def pseudo_gradient(clients, base, p):
    if all(client["n"] == 0 for client in clients):
        clients = [{**client, "n": D(1)} for client in clients]
    total = sum(client["n"] for client in clients)
    shares = [client["n"] / total for client in clients]
    return [sum(s * x for s, x in zip(shares, column)) for column in columns(deltas(clients, base, p))]


def fedavg(clients, base, p, state):
    return [b + d for b, d in zip(base, pseudo_gradient(clients, base, p))], state


def fedavgm(clients, base, p, state):
    v = state or [D(0)] * len(base)
    v = [p["momentum"] * a + d for a, d in zip(v, pseudo_gradient(clients, base, p))]
    return [b + p["serverLearningRate"] * a for b, a in zip(base, v)], v


def adaptive(second):
    def step(clients, base, p, state):
        m, v = state or ([D(0)] * len(base), [p["tau"] ** 2] * len(base))
        delta = pseudo_gradient(clients, base, p)
        m = [p["beta1"] * a + (1 - p["beta1"]) * d for a, d in zip(m, delta)]
        v = [second(a, d * d, p) for a, d in zip(v, delta)]
        return [
            b + p["serverLearningRate"] * a / (c.sqrt() + p["tau"]) for b, a, c in zip(base, m, v)
        ], (m, v)

    return step


def sign(x):
    return D(1) if x > 0 else D(-1) if x < 0 else D(0)


fedadagrad = adaptive(lambda v, s, p: v + s)
fedadam = adaptive(lambda v, s, p: p["beta2"] * v + (1 - p["beta2"]) * s)
fedyogi = adaptive(lambda v, s, p: v - (1 - p["beta2"]) * s * sign(v - s))


def q_fedavg(clients, base, p, state):
    steep = 1 / p["clientLearningRate"]
    top, bottom = [D(0)] * len(base), D(0)
    for client, delta in zip(clients, deltas(clients, base, p)):
        share = client["n"] if p.get("weighting", "examples") == "examples" else D(1)
        loss = client["metrics"]["loss"] + D("1e-10")
        scaled = [steep * x for x in delta]
        top = [t + share * loss ** p["q"] * x for t, x in zip(top, scaled)]
        bottom += share * (p["q"] * loss ** (p["q"] - 1) * norm2(scaled) + steep * loss ** p["q"])
    return [b + t / bottom for b, t in zip(base, top)], state


def fednova(clients, base, p, state):
    total = sum(client["n"] for client in clients)
    rho = p.get("localMomentum", D(0))
    next_model, effective = [D(0)] * len(base), D(0)
    for client, delta in zip(clients, deltas(clients, base, p)):
        steps = int(client["metrics"]["local_steps"])
        # What each of the steps' gradients adds up to, one after another.
        vector = [sum((rho**j if j else D(1) for j in range(steps - k)), D(0)) for k in range(steps)]
        length, share = sum(vector), client["n"] / total
        effective += share * length
        next_model = [t + share * x / length for t, x in zip(next_model, delta)]
    return [b + effective * t for b, t in zip(base, next_model)], state


def fedasync(clients, base, p, state):
    made = []
    for client, delta in zip(clients, deltas(clients, base, p)):
        alpha = p["mixing"] * client["staleness"]
        trained = [b + d for b, d in zip(base, delta)]
        made.append([(1 - alpha) * b + alpha * w for b, w in zip(base, trained)])
    return [mean(column) for column in columns(made)], state


# ── gathering ────────────────────────────────────────────────────────────────────────────────────────────────────────


def vectors(clients):
    return [client["values"] for client in clients]


def fedmedian(clients, base, p, state):
    result = []
    for column in columns(vectors(clients)):
        s, n = sorted(column), len(column)
        result.append(s[n // 2] if n % 2 else (s[n // 2 - 1] + s[n // 2]) / 2)
    return result, state


def trimmed_mean(clients, base, p, state):
    t = int(p["trimCount"])
    return [mean(sorted(column)[t : len(column) - t]) for column in columns(vectors(clients))], state


def scores(updates, f):
    result = []
    for i, a in enumerate(updates):
        near = sorted(norm2(minus(a, b)) for j, b in enumerate(updates) if j != i)
        result.append(sum(near[: max(1, len(updates) - f - 2)], D(0)))
    return result


def krum(clients, base, p, state):
    updates = vectors(clients)
    s = scores(updates, int(p["byzantineMax"]))
    return updates[s.index(min(s))], state


def multi_krum(clients, base, p, state):
    updates = vectors(clients)
    s = scores(updates, int(p["byzantineMax"]))
    best = sorted(range(len(updates)), key=lambda i: (s[i], i))[: int(p["keepCount"])]
    return [mean(column) for column in columns([updates[i] for i in best])], state


def bulyan(clients, base, p, state):
    f, left, chosen = int(p["byzantineMax"]), vectors(clients), []
    theta = len(left) - 2 * f
    while len(chosen) < theta:
        # Of those that are nearest to one another, and so score alike, the one nearer to all the others.
        spreads = [sum((norm2(minus(a, b)) for b in left), D(0)) for a in left]
        ranks = list(zip(scores(left, f), spreads))
        chosen.append(left.pop(ranks.index(min(ranks))))
    result = []
    for column in columns(chosen):
        s, n = sorted(column), len(column)
        median = s[n // 2] if n % 2 else (s[n // 2 - 1] + s[n // 2]) / 2
        keep = theta - 2 * f
        # Those closest to the median; of two equally close the lower one, so that what is kept is a stretch of s.
        closest = sorted(s, key=lambda x: (abs(x - median), x))[:keep]
        result.append(mean(closest))
    return result, state


def rfa(clients, base, p, state):
    updates = vectors(clients)
    alphas = [client["n"] if p.get("weighting") == "examples" else D(1) for client in clients]
    betas = alphas
    centre = lambda: [sum(b * x for b, x in zip(betas, column)) / sum(betas) for column in columns(updates)]
    for _ in range(int(p["iterations"])):
        z = centre()
        betas = [a / max(p["smoothing"], norm2(minus(u, z)).sqrt()) for a, u in zip(alphas, updates)]
    return centre(), state


# ── cases ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def noise(seed):
    """Multiples of 1/64 between −4 and 4: float32 holds them, and so does half precision."""
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield ((seed >> 16) % 513 - 256) / 64


def clients(count, size, seed, examples=None):
    values = noise(seed)
    examples = examples or [3, 1, 10, 4, 7, 2, 5, 9, 6, 8, 11]
    return [
        {
            "numExamples": examples[i % len(examples)],
            "metrics": {"loss": (1 + i % 5) / 4, "local_steps": 1 + (3 * i) % 7},
            "values": list(itertools.islice(values, size)),
        }
        for i in range(count)
    ]


def like(values, **changes):
    return {"numExamples": 1, "metrics": {"loss": 0.5, "local_steps": 2}, "values": values, **changes}


HUGE, TINY = 2.0**120, 2.0**-120
optimisers = {
    "fedavgm": (fedavgm, {"momentum": 0.9, "serverLearningRate": 0.5}),
    "fedadagrad": (fedadagrad, {"serverLearningRate": 0.1, "beta1": 0.0, "tau": 0.001}),
    "fedadam": (fedadam, {"serverLearningRate": 0.1, "beta1": 0.9, "beta2": 0.99, "tau": 0.001}),
    "fedyogi": (fedyogi, {"serverLearningRate": 0.1, "beta1": 0.9, "beta2": 0.99, "tau": 0.001}),
}
means = {
    "fedavg": (fedavg, {}),
    "fedprox": (fedavg, {"mu": 0.1}),
    "q-fedavg": (q_fedavg, {"q": 2.0, "clientLearningRate": 0.5}),
    "fednova": (fednova, {}),
    "fedasync": (fedasync, {"mixing": 0.5}),
}
robust = {
    "fedmedian": (fedmedian, {}),
    "trimmed-mean": (trimmed_mean, {"trimCount": 1}),
    "krum": (krum, {"byzantineMax": 1}),
    "multi-krum": (multi_krum, {"byzantineMax": 1, "keepCount": 3}),
    "bulyan": (bulyan, {"byzantineMax": 1}),
    "rfa": (rfa, {"iterations": 3, "smoothing": 1e-6}),
}

cases = []


def case(about, name, function, parameters, rounds, size):
    """Each round's clients start from what the last round made; the state goes along."""
    base = list(itertools.islice(noise(5), size))
    exact = {k: D(v) if isinstance(v, (int, float)) else v for k, v in parameters.items()}
    state, model, expected = None, [D(x) for x in base], []
    for participants in rounds:
        known = [
            {
                "n": D(c["numExamples"]),
                "metrics": {k: D(v) for k, v in c["metrics"].items()},
                "values": [D(x) for x in c["values"]],
                "staleness": D(c.get("staleness", 1)),
            }
            for c in participants
        ]
        model, state = function(known, model, exact, state)
        expected.append([float(x) for x in model])
        model = [D(float(x)) for x in model]
    cases.append(
        {
            "about": about,
            "strategy": name,
            "parameters": parameters,
            "base": base,
            "rounds": rounds,
            "expected": expected,
        }
    )


for name, (function, parameters) in {**means, **robust}.items():
    case("updates of any kind", name, function, parameters, [clients(9, 6, 1)], 6)
    case("equal updates", name, function, parameters, [[like([1.5, -2.0, 0.0])] * 8], 3)
    case("a scalar", name, function, parameters, [clients(8, 1, 2)], 1)
    case("an empty tensor", name, function, parameters, [clients(8, 0, 3)], 0)
    ties = [[1.0, 2.0], [1.0, 3.0], [2.0, 2.0], [2.0, 3.0], [1.0, 2.0], [3.0, 2.0], [1.0, 1.0]]
    case("ties", name, function, parameters, [[like(x) for x in ties]], 2)
for name, (function, parameters) in {**means, "fedmedian": robust["fedmedian"], "rfa": robust["rfa"]}.items():
    case("one contribution", name, function, parameters, [clients(1, 3, 4)], 3)
    case("two contributions", name, function, parameters, [clients(2, 3, 5)], 3)
for name, (function, parameters) in optimisers.items():
    case("four rounds", name, function, parameters, [clients(5, 4, seed) for seed in (11, 12, 13, 14)], 4)
    case("one contribution a round", name, function, parameters, [clients(1, 3, seed) for seed in (15, 16)], 3)
    clipped = {**parameters, "clipNorm": 1.5}
    case("clipped", name, function, clipped, [clients(4, 4, seed) for seed in (17, 18)], 4)
for name, (function, parameters) in means.items():
    case("clipped", name, function, {**parameters, "clipNorm": 1.5}, [clients(5, 4, 6)], 4)
case("zero weight beside weight", "fedavg", fedavg, {}, [clients(4, 3, 7, [0, 2, 0, 5])], 3)
case("zero weight only", "fedavg", fedavg, {}, [clients(4, 3, 8, [0])], 3)
case("q = 0 is FedAvg", "q-fedavg", fedavg, {"q": 0.0}, [clients(5, 3, 9)], 3)
case(
    "equal weighting",
    "q-fedavg",
    q_fedavg,
    {"q": 1.0, "clientLearningRate": 0.1, "weighting": "equal"},
    [clients(5, 3, 10)],
    3,
)
case("local momentum", "fednova", fednova, {"localMomentum": 0.5}, [clients(6, 3, 19)], 3)
case("weighed by examples", "rfa", rfa, {"iterations": 4, "smoothing": 1e-3, "weighting": "examples"}, [clients(6, 3, 20)], 3)
case("two at each end", "trimmed-mean", trimmed_mean, {"trimCount": 2}, [clients(11, 5, 21)], 5)
case("an even number", "fedmedian", fedmedian, {}, [clients(10, 5, 22)], 5)
case("two hostile", "bulyan", bulyan, {"byzantineMax": 2}, [clients(11, 5, 23)], 5)
# By hand, the first value: at the age of 3, α = 0.5 · 4^−0.5 = 0.25, and 0.75 · −1.078125 + 0.25 · 2.59375 = −0.16015625.
aged = [[{**clients(1, 3, seed)[0], "staleness": (1 + age) ** -0.5}] for seed, age in ((1, 3), (26, 0), (27, 8), (28, 2))]
case("an update a version, of any age", "fedasync", fedasync, {"mixing": 0.5}, aged, 3)
several = [{**client, "staleness": (1 + age) ** -1.0} for age, client in enumerate(clients(4, 3, 29))]
case("several of any age", "fedasync", fedasync, {"mixing": 0.9}, [several], 3)
case("fresh, and mixed in whole", "fedasync", fedasync, {"mixing": 1.0}, [clients(1, 3, 30)], 3)
for name, (function, parameters) in {**robust, "fedavg": means["fedavg"]}.items():
    wild = clients(8, 3, 24) + [like([HUGE, -HUGE, TINY])]
    case("one huge update", name, function, parameters, [wild], 3)
    small = [like([x * TINY for x in c["values"]]) for c in clients(8, 3, 25)]
    case("tiny updates", name, function, {**parameters, **({"smoothing": 1e-45} if name == "rfa" else {})}, [small], 3)

target = pathlib.Path(__file__).with_name("golden.jsonl")
target.write_text("".join(json.dumps(c) + "\n" for c in cases))
print(f"{len(cases)} cases")
