"""Prints reference values of PyTorch, in double precision, as JSON.

python3 test/src/memory/neural/pytorch.py > test/src/memory/neural/pytorch-values.json
(Debian: apt-get install python3-torch; made with PyTorch 1.13.1)

Attention with several heads and the optimizer are PyTorch's own modules. The other layers are not in
PyTorch: they are written here from the equations of their papers, over dense matrices with masks, and
their gradients come from autograd.
"""
import json
import math
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
cases = {}


def numbers(rows, columns, seed, scale=1.0):
    flat = [scale * math.sin(seed + 1.7 * k + 0.3 * k * k) for k in range(rows * columns)]
    return torch.tensor(flat).reshape(rows, columns).round(decimals=3).requires_grad_()


def case(name, tensors, run):
    """The loss is the output times fixed numbers, so that each output has another slope."""
    output = run(**tensors)
    extra = None
    if isinstance(output, tuple):
        output, extra = output
    slopes = numbers(*output.shape, seed=0.5).detach()
    loss = (output * slopes).sum()
    if extra is not None:
        loss = loss + extra
    loss.backward()
    cases[name] = {
        "inputs": {key: tensor.tolist() for key, tensor in tensors.items()},
        "output": output.tolist(),
        "slopes": slopes.tolist(),
        "gradients": {key: tensor.grad.tolist() for key, tensor in tensors.items()},
    }


def multi_head(rows, query, key, value, out):
    module = torch.nn.MultiheadAttention(4, 2, bias=False, batch_first=True)
    weights = {"in_proj_weight": torch.cat([query, key, value]), "out_proj.weight": out}
    functional = torch.nn.utils.stateless.functional_call
    x = rows.unsqueeze(0)
    return functional(module, weights, (x, x, x), {"need_weights": False})[0].squeeze(0)


case("multiHead", {
    "rows": numbers(3, 4, 1), "query": numbers(4, 4, 2), "key": numbers(4, 4, 3),
    "value": numbers(4, 4, 4), "out": numbers(4, 4, 5),
}, multi_head)

qkv = lambda scale=1.0: {
    "queries": numbers(3, 2, 1, scale), "keys": numbers(5, 2, 2, scale), "values": numbers(5, 3, 3, scale),
}
case("dotProduct", qkv(), lambda queries, keys, values:
     torch.softmax(queries @ keys.T / math.sqrt(2), dim=1) @ values)


def linear(queries, keys, values):
    q, k = F.elu(queries) + 1, F.elu(keys) + 1
    parts = q @ k.T
    return parts / parts.sum(dim=1, keepdim=True) @ values


case("linear", qkv(), linear)


def hyperbolic(queries, keys, values):
    def hyperboloid(u):
        r = u.norm(dim=1, keepdim=True)
        return torch.cat([torch.sinh(r) * u / r, torch.cosh(r)], dim=1)
    q, k, v = hyperboloid(queries), hyperboloid(keys), hyperboloid(values)
    lorentz = q[:, -1:] @ k[:, -1:].T - q[:, :-1] @ k[:, :-1].T
    alpha = torch.exp(-1.5 * torch.acosh(lorentz))
    klein = v[:, :-1] / v[:, -1:]
    gamma = 1 / torch.sqrt(1 - (klein ** 2).sum(dim=1))
    weights = alpha * gamma
    midpoint = weights @ klein / weights.sum(dim=1, keepdim=True)
    r = midpoint.norm(dim=1, keepdim=True)
    return torch.atanh(r) * midpoint / r


case("hyperbolic", qkv(0.9), hyperbolic)


def experts(rows, gate, key, value, query0, out0, query1, out1, query2, out2):
    scores = rows @ gate.T
    top = scores.topk(2, dim=1)
    gates = torch.zeros_like(scores).scatter(1, top.indices, torch.softmax(top.values, dim=1))
    keys, values = rows @ key.T, rows @ value.T
    output = 0
    for at, (query, out) in enumerate([(query0, out0), (query1, out1), (query2, out2)]):
        read = torch.softmax(rows @ query.T @ keys.T / math.sqrt(2), dim=1) @ values
        output = output + gates[:, at:at + 1] * (read @ out.T)
    importance = gates.sum(dim=0)
    imbalance = importance.var(unbiased=False) / importance.mean() ** 2
    return output, 0.01 * imbalance


case("experts", {
    "rows": numbers(5, 4, 1), "gate": numbers(3, 4, 2), "key": numbers(2, 4, 3), "value": numbers(2, 4, 4),
    **{f"{name}{at}": numbers(*shape, 5 + 2 * at + off) for at in range(3)
       for off, (name, shape) in enumerate([("query", (2, 4)), ("out", (4, 2))])},
}, experts)

# A path 0 - 1 - 2 with a triangle 1 2 3, and 4 alone; weights of the edges.
EDGES = [(0, 1, 1.0), (1, 2, 0.5), (1, 3, 0.25), (2, 3, 1.0)]
weights = torch.zeros(5, 5)
for a, b, weight in EDGES:
    weights[a, b] = weights[b, a] = weight
mask = weights > 0


def sage_mean(rows, own, neighbour, bias):
    sums = weights.sum(dim=1, keepdim=True)
    mean = weights / torch.where(sums > 0, sums, torch.ones_like(sums)) @ rows
    return torch.relu(rows @ own.T + mean @ neighbour.T + bias)


case("sageMean", {
    "rows": numbers(5, 3, 1), "own": numbers(4, 3, 2), "neighbour": numbers(4, 3, 3), "bias": numbers(1, 4, 4, 0.1),
}, sage_mean)


def sage_max(rows, own, neighbour, bias, pool, poolBias):
    pooled = torch.relu(rows @ pool.T + poolBias)
    spread = pooled.unsqueeze(0).expand(5, 5, 4).masked_fill(~mask.unsqueeze(2), -math.inf)
    most = spread.max(dim=1).values
    most = torch.where(mask.any(dim=1, keepdim=True), most, torch.zeros_like(most))
    return torch.relu(rows @ own.T + most @ neighbour.T + bias)


case("sageMax", {
    "rows": numbers(5, 3, 1), "own": numbers(4, 3, 2), "neighbour": numbers(4, 4, 3), "bias": numbers(1, 4, 4, 0.1),
    "pool": numbers(4, 3, 5), "poolBias": numbers(1, 4, 6, 0.1),
}, sage_max)

around = mask | torch.eye(5, dtype=torch.bool)


def gat(rows, source, sourceScore, targetScore, bias):
    mapped = (rows @ source.T).reshape(5, 2, 3)
    by_source = torch.einsum("nhw,hw->nh", mapped, sourceScore)
    by_target = torch.einsum("nhw,hw->nh", mapped, targetScore)
    e = F.leaky_relu(by_target.unsqueeze(1) + by_source.unsqueeze(0), 0.2)
    parts = torch.softmax(e.masked_fill(~around.unsqueeze(2), -math.inf), dim=1)
    return torch.einsum("vuh,uhw->vhw", parts, mapped).reshape(5, 6) + bias


case("gat", {
    "rows": numbers(5, 3, 1), "source": numbers(6, 3, 2), "sourceScore": numbers(2, 3, 3),
    "targetScore": numbers(2, 3, 4), "bias": numbers(1, 6, 5, 0.1),
}, gat)


def gat_v2(rows, source, sourceScore, target, bias):
    s, t = (rows @ source.T).reshape(5, 2, 3), (rows @ target.T).reshape(5, 2, 3)
    e = torch.einsum("vuhw,hw->vuh", F.leaky_relu(t.unsqueeze(1) + s.unsqueeze(0), 0.2), sourceScore)
    parts = torch.softmax(e.masked_fill(~around.unsqueeze(2), -math.inf), dim=1)
    return torch.einsum("vuh,uhw->vhw", parts, s).reshape(5, 6) + bias


case("gatV2", {
    "rows": numbers(5, 3, 1), "source": numbers(6, 3, 2), "sourceScore": numbers(2, 3, 3),
    "target": numbers(6, 3, 4), "bias": numbers(1, 6, 5, 0.1),
}, gat_v2)

scores = numbers(1, 5, 1, 3.0)
relevant = torch.tensor([[0.0, 1.0, 0.0, 1.0, 0.0]])


def listwise(scores):
    return F.cross_entropy(scores, relevant / relevant.sum()).reshape(1, 1)


def pairwise(scores):
    pairs = [F.softplus(scores[0, j] - scores[0, i]) for i in (1, 3) for j in (0, 2, 4)]
    return (sum(pairs) / len(pairs)).reshape(1, 1)


case("listwise", {"scores": numbers(1, 5, 1, 3.0)}, listwise)
case("pairwise", {"scores": numbers(1, 5, 1, 3.0)}, pairwise)

weights_before = numbers(2, 3, 1)
trained = torch.nn.Parameter(weights_before.detach().clone())
optimizer = torch.optim.AdamW([trained], lr=0.01, weight_decay=0.1)
after = []
for step in range(4):
    trained.grad = numbers(2, 3, 10 + step).detach()
    optimizer.step()
    after.append(trained.tolist())
adam = {"before": weights_before.tolist(), "slopes": [numbers(2, 3, 10 + s).tolist() for s in range(4)], "after": after}

print(json.dumps({"edges": EDGES, "cases": cases, "adam": adam}))
