"""Train a LoRA reading adapter for a llama-architecture GGUF model and write it in GGUF, as llama.cpp and folio load it.

A training sequence is a document followed by independent questions; each sees the document and itself, and its positions
start right after the document, as in folio's stored contexts. Loss on answers only, and beside it, on plain text and code,
the distance to the model without the adapter, so that what it could do before stays.

needs: torch numpy gguf tokenizers
usage: train.py --model M.gguf --data a_dev.jsonl,b_dev.jsonl --minutes 20 --out reader.gguf [--resume state.pt]
On a GPU a step takes 16 K tokens; on a CPU give --room 1024 --longest 900 and hours.
"""
import argparse, json, math, multiprocessing as mp, random, shutil, time
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import model as M
import samples as S

HERE = Path(__file__).resolve().parent
TYPES = (torch.long, torch.long, torch.int32, torch.long, torch.float32, torch.long, torch.long, torch.int32)


def make(o, docs, seed, out):
    """A process of its own that prepares packed sequences: the GPU must never wait."""
    import gguf
    torch.set_num_threads(1)
    encode = encoder(gguf.GGUFReader(o.model))
    sampler = S.Sampler(docs, encode, S.Words(o.prompts), seed, o.longest, near=o.near, traps=o.traps, first=o.first, second=o.second, earlier=o.earlier)
    while True:
        columns = S.pack(sampler, o.room)
        out.put([np.array(c, dtype=np.float32 if t == torch.float32 else np.int64) for c, t in zip(columns, TYPES)])


def encoder(reader):
    tok = M.tokenizer(reader)
    cache = {}

    def encode(text, where=False):
        if where:
            found = tok.encode(text, add_special_tokens=False)
            return found.ids, [start for start, _ in found.offsets]
        if len(text) > 4000:
            return tok.encode(text, add_special_tokens=False).ids
        if text not in cache:
            if len(cache) > 200000:
                cache.clear()
            cache[text] = tok.encode(text, add_special_tokens=False).ids
        return cache[text]
    return encode


def plain_texts(folder, encode, docs):
    """Token runs of prose, code and Markdown that keep the model what it was."""
    texts = ["\n\n".join(p) for _, p, questions in docs if questions]
    for path in sorted(Path(folder).rglob("*")) if folder else []:
        if path.is_file() and path.stat().st_size < 400_000:
            texts.append(path.read_bytes().decode("utf-8", "replace"))
    return [ids for t in texts if len(ids := encode(t)) >= 2048]


def cut(plain, room, rng):
    """Runs of equal length out of the texts, room tokens in all."""
    each = min(2048, room)
    runs = []
    while len(runs) < room // each:
        ids = rng.choice(plain)
        start = rng.randrange(max(1, len(ids) - each))
        if len(run := ids[start:start + each]) == each:
            runs.append(run)
    return runs


class Trainer:
    def __init__(self, o):
        self.o = o
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        half = self.device == "cuda" or torch.cpu._is_avx512_bf16_supported()
        self.m = M.Reader(o.model, o.rank, self.device, torch.bfloat16 if half else torch.float32)
        if o.start:
            self.m.load(o.start)
        self.opt = torch.optim.AdamW(self.m.parameters(), lr=o.lr, betas=(.9, .98), weight_decay=o.decay, fused=self.device == "cuda")
        self.step, self.spent, self.learning = 0, 0.0, True
        self.attend = M.attend_plain
        if self.device == "cuda":
            self.attend = M.Blocks()
        if self.device == "cuda" or shutil.which("g++"):
            self.m.before, self.m.after = (torch.compile(f, dynamic=False) for f in (M.before, M.after))
        if o.resume and Path(o.resume).exists():
            state = torch.load(o.resume, map_location=self.device)
            self.m.load_state_dict(state["model"])
            self.opt.load_state_dict(state["opt"])
            self.step, self.spent = state["step"], state["spent"]

    def keep(self):
        torch.save({"model": self.m.state_dict(), "opt": self.opt.state_dict(), "step": self.step, "spent": self.spent},
                   self.o.state + ".tmp")
        Path(self.o.state + ".tmp").rename(self.o.state)
        self.write(self.o.out)

    def write(self, path):
        self.m.save(path, "folio reader", S.REFUSAL, self.o.refuse_at, {} if self.o.first > 0 else None)

    def batch(self, columns):
        return [torch.tensor(c).to(self.device, t) for c, t in zip(columns, TYPES)]

    def answers(self, columns):
        """Of the answers' tokens: logits, targets, weights, positions; the sequences; and how far the retrieval heads look away."""
        ids, pos, seg, target, weight, start, end, number = self.batch(columns)
        attend = self.attend(number, seg, self.m.heads, self.m.kv)
        drop = self.o.dropout if self.learning else 0
        keep = {l: None for l, _ in self.o.heads}
        h = self.m.hidden(ids, pos, lambda q, k, v: F.dropout(attend(q, k, v), drop), keep=keep)
        want = (target >= 0).nonzero()[:, 0]
        away = self.away(keep, seg, number, start, end) if keep else torch.zeros((), device=ids.device)
        return self.m.logits(h[want]), target[want], weight[want], want, (number, seg), away

    def away(self, keep, seg, number, start, end):
        """-log of the share of attention that the answer's paragraph gets in the document, its first token left out (a sink),
        in the heads that folio's focus goes by; on some of the positions that look for an answer."""
        rows = (end > start).nonzero()[:, 0]
        rows = rows[torch.randperm(len(rows), device=rows.device)[:768]]
        if not len(rows):
            return torch.zeros((), device=rows.device)
        at = torch.arange(len(seg), device=rows.device)
        inside = (number == number[rows, None]) & (seg == 0) & torch.cat([seg.new_zeros(1), number.diff() == 0]).bool()
        there = (at >= start[rows, None]) & (at < end[rows, None])
        lost = []
        for layer, head in self.o.heads:
            q, k = keep[layer]
            score = (q[rows, head] @ k[:, head // (self.m.heads // self.m.kv)].T).float() / math.sqrt(self.m.hd)
            score = score.masked_fill(~inside, -math.inf)
            lost.append(torch.logsumexp(score, -1) - torch.logsumexp(score.masked_fill(~there, -math.inf), -1))
        return torch.stack(lost).clamp(max=12).mean()

    def drift(self, runs):
        """KL from the model without the adapter to the one with it, over plain text; on some of its positions."""
        ids = torch.tensor(sum(runs, []), device=self.device)
        each = len(runs[0])
        pos = torch.arange(each, device=self.device).repeat(len(runs))
        number = torch.arange(len(runs), dtype=torch.int32, device=self.device).repeat_interleave(each)
        attend = self.attend(number, torch.zeros_like(number), self.m.heads, self.m.kv)
        some = torch.randperm(len(ids), device=self.device)[:2048]
        # Not under no_grad: that would have all layers compiled once more.
        before = F.log_softmax(self.m.logits(self.m.hidden(ids, pos, attend, on=0.0)[some]), -1).detach()
        after = F.log_softmax(self.m.logits(self.m.hidden(ids, pos, attend)[some]), -1)
        return (before.exp() * (before - after)).sum(-1).mean()

    def cycle(self):
        """Which of the schedule's cycles this is and what part of it is done."""
        at = min(self.spent / (self.o.minutes * 60), 1 - 1e-9) * self.o.cycles
        return int(at), at % 1

    def rate(self):
        done = self.cycle()[1]
        return self.o.lr * min(1, (self.step + 1) / 40) * (.49 * (1 + math.cos(math.pi * done)) + .02)


def measure(t, batches):
    """Of held-out questions: loss, and the share answered to the letter (greedy decoding would say the same), by kind."""
    right = {"answer": [], "refusal": []}
    loss, aways = [], []
    t.learning = False
    for columns in batches:
        logits, target, weight, want, _, away = t.answers(columns)
        logits = logits.detach()
        aways.append(away.item())
        loss.append((F.cross_entropy(logits, target, reduction="none") * weight).sum().item() / weight.sum().item())
        hit = (logits.argmax(-1) == target).tolist()
        said = {}
        for i, (w, tk) in enumerate(zip(want.tolist(), target.tolist())):
            # An answer's tokens stand at consecutive positions.
            key = w if not i or want[i - 1].item() != w - 1 else key
            said.setdefault(key, []).append((hit[i], tk))
        for tokens in said.values():
            kind = "refusal" if [k for _, k in tokens] == t.refusal else "answer"
            right[kind].append(all(h for h, _ in tokens))
    t.learning = True
    share = lambda v: sum(v) / max(1, len(v))
    return f"loss {np.mean(loss):.3f} away {np.mean(aways):.3f} exact {share(right['answer']):.3f} of {len(right['answer'])}, " \
           f"refused {share(right['refusal']):.3f} of {len(right['refusal'])}"


def report(t, test):
    for name, batches in test.items():
        print(f"held out, {name}: {measure(t, batches)}", flush=True)


def hold_out(docs, every):
    """Of the articles with questions every n-th, and all others."""
    held = [d for d in docs if d[2]][every - 1::every] if every else []
    return held, [d for d in docs if d not in held]


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a = p.add_argument
    a("--model", required=True)
    a("--data", required=True, help="jsonl files, separated by commas")
    a("--out", required=True, help="the adapter, written again at each checkpoint")
    a("--state", default="reader-state.pt", help="checkpoint to resume from")
    a("--resume")
    a("--start", help="an adapter to begin with")
    a("--plain", help="folder of text, code and Markdown on which the model must stay what it was")
    a("--prompts", default=str(HERE.parent / "prompts.ini"))
    a("--minutes", type=float, default=60, help="of training in all, resumed runs counted together")
    a("--stop-after", type=float, default=1e9, help="minutes after which this run keeps its state and ends")
    a("--room", type=int, default=16384, help="tokens a step")
    a("--longest", type=int, default=7300, help="tokens of a document")
    a("--rank", type=int, default=32)
    a("--lr", type=float, default=5e-4)
    a("--cycles", type=int, default=1, help="times that the rate falls; what each but the last ends with is kept, too, as OUT.1 and so on, for mix.py")
    a("--decay", type=float, default=.05)
    a("--dropout", type=float, default=.1, help="of what attention gives, while training")
    a("--keep-weight", type=float, default=4.0, help="of the distance to the model without the adapter")
    a("--keep-every", type=int, default=3)
    a("--look-weight", type=float, default=.2, help="of the retrieval heads' looking at the answer's paragraph")
    a("--heads", type=json.loads, default=[], help="retrieval heads as in ../profiles.json: [[layer, head], ...]")
    a("--questions", help="more questions for these articles, as samples.py's written() reads them")
    a("--near", type=float, default=.4, help="share of samples that are passages, not long runs")
    a("--traps", type=float, default=.35, help="questions written to have no answer, to one that has an answer")
    a("--refuse-at", type=float, default=.5, help="probability of the refusal from which on folio gives it; choose it on held-out questions")
    a("--first", type=float, default=.3, help="share of samples that are passages read with the question before them, as focus does")
    a("--second", type=float, default=0, help="of those, share of questions asked once more after an answer, right or hasty")
    a("--earlier", type=float, default=0, help="of those, share of questions that come late in a conversation about other things")
    a("--plain-room", type=int, default=0, help="tokens of plain text a step that has some; 0: room")
    a("--seed", type=int, default=0)
    a("--hold-out", type=int, default=0, help="every n-th article is kept for measuring only")
    a("--workers", type=int, default=max(1, mp.cpu_count() - 2))
    a("--report", type=int, default=50)
    a("--measure", type=int, default=500)
    return p.parse_args()


def main():
    o = arguments()
    torch.manual_seed(o.seed)
    torch.set_float32_matmul_precision("high")
    began = time.time()
    held, docs = hold_out(S.articles(o.data.split(","), o.questions), o.hold_out)
    t = Trainer(o)
    import gguf
    encode = encoder(gguf.GGUFReader(o.model))
    t.refusal = encode(S.REFUSAL) + encode("<|im_end|>")
    plain = plain_texts(o.plain, encode, docs)
    rng = random.Random(2 + t.step + o.seed)
    queue = mp.get_context("fork").Queue(4 * o.workers)
    for i in range(o.workers):
        mp.get_context("fork").Process(target=make, args=(o, docs, 1000 * t.step + 100 * o.seed + i, queue), daemon=True).start()
    test = {}
    for name, near, first in ("question first", 1, 1), ("passages", 1, 0), ("long runs", 0, 0):
        if held:
            sampler = S.Sampler(held, encode, S.Words(o.prompts), 5, o.longest, near=near, traps=1 if first else o.traps, first=first)
            test[name] = [S.pack(sampler, o.room) for _ in range(4 if near else 12)]
    losses, drifts, aways, last, waited, first = [], [], [], time.time(), 0.0, t.step
    print(f"{len(docs)} articles, {len(held)} held out, {len(plain)} plain texts; ready after {time.time() - began:.0f} s", flush=True)
    while t.spent < o.minutes * 60 and time.time() - began < o.stop_after * 60:
        for g in t.opt.param_groups:
            g["lr"] = t.rate()
        at = time.time()
        columns = queue.get()
        waited += time.time() - at
        logits, target, weight, _, _, away = t.answers(columns)
        loss = (F.cross_entropy(logits, target, reduction="none") * weight).sum() / weight.sum()
        (loss + o.look_weight * away).backward()
        aways.append(away.detach())
        losses.append(loss.detach())
        if o.keep_weight and t.step % o.keep_every == 0:
            far = t.drift(cut(plain, o.plain_room or o.room, rng))
            (far * o.keep_weight).backward()
            drifts.append(far.detach())
        nn.utils.clip_grad_norm_(t.m.parameters(), 1.0)
        t.opt.step()
        t.opt.zero_grad(set_to_none=True)
        t.step += 1
        now = time.time()
        before = t.cycle()[0]
        t.spent += now - last if t.step - first > 2 else 0  # the steps that compile do not use up the schedule
        if t.cycle()[0] > before:
            t.write(f"{o.out}.{t.cycle()[0]}")
        last = now
        if t.step % o.report == 0:
            mean = lambda v: torch.stack(v[-o.report:]).mean().item() if v else 0
            print(f"step {t.step} loss {mean(losses):.3f} drift {mean(drifts):.4f} away {mean(aways):.3f} minutes {t.spent / 60:.2f} waited {waited:.1f} s", flush=True)
        if test and t.step % o.measure == 0:
            report(t, test)
            last = time.time()
        if t.step % 500 == 0:
            t.keep()
    t.keep()
    report(t, test)
    print(f"{t.step} steps, {t.spent / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
