"""The weighted mean of several adapters' differences from the model, as one adapter of the same rank (a "soup" of runs that
began at the same adapter; Wortsman et al. 2022), cut to the rank by a singular value decomposition; and, with one adapter,
another probability from which on it refuses.

needs: torch numpy gguf
usage: mix.py OUT [--refuse-at P] [--question-first P] [--rank R] WEIGHT:ADAPTER.gguf ...
"""
import argparse

import torch

import model as M
import samples as S


def mean(parts, rank):
    """(A, B) nearest to the sum of weight * B A, and the shares of its energy kept and in all."""
    a, b = torch.cat([a.double() for _, a, _ in parts]), torch.cat([w * b.double() for w, _, b in parts], 1)
    qa, ra = torch.linalg.qr(a.T)
    qb, rb = torch.linalg.qr(b)
    u, s, v = torch.linalg.svd(rb @ ra.T)
    root = s[:rank].sqrt()
    return (root[:, None] * v[:rank]) @ qa.T, (qb @ u[:, :rank]) * root, (s[:rank] ** 2).sum().item(), (s ** 2).sum().item()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out")
    p.add_argument("parts", nargs="+")
    p.add_argument("--refuse-at", type=float, default=.5)
    p.add_argument("--rank", type=int, default=32)
    p.add_argument("--question-first", type=float, help="folio shall read passages with the question before them, and refuse there from this probability on")
    o = p.parse_args()
    parts = [(float(w), M.read(path)) for w, path in (x.split(":", 1) for x in o.parts)]
    total = sum(w for w, _ in parts)
    mixed, kept, whole = {}, 0, 0
    for name in parts[0][1]:
        a, b, k, e = mean([(w / total, *f[name]) for w, f in parts], o.rank)
        mixed[name] = a, b
        kept, whole = kept + k, whole + e
    question = None if o.question_first is None else {"least": o.question_first}
    M.write(o.out, "folio reader", mixed, o.rank, S.REFUSAL, o.refuse_at, question)
    print(f"{o.out}: {100 * (1 - kept / whole):.2f} % of the energy lost")


if __name__ == "__main__":
    main()
