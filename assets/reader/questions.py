"""Make questions with answers for articles that have none, or few, and write them as train.py's --made takes them.

The reader learns the other way round too: from a paragraph to an answer in it and the question that asks for it (Alberti et
al. 2019). It then asks of every paragraph, several times, drawing at random; what it does not answer itself with the words
it had in mind when only the question is left, is thrown away.

needs: torch numpy gguf tokenizers, a GPU
usage: questions.py --model M.gguf --start reader.gguf --data a_dev.jsonl,b_dev.jsonl --texts texts.jsonl --out made.jsonl
"""
import argparse, json, math, random, time
from pathlib import Path

import gguf
import torch
import torch.nn as nn
import torch.nn.functional as F

import model as M
import samples as S
from train import encoder, hold_out

HERE = Path(__file__).resolve().parent
ASK = "Ask a question that this document answers."
HOW = "Write the answer as it stands in the document, then the question."


class Asker:
    def __init__(self, o):
        self.o, self.rng = o, random.Random(o.seed)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.m = M.Reader(o.model, o.rank, self.device, torch.bfloat16 if self.device == "cuda" else torch.float32)
        self.m.load(o.start)
        reader = gguf.GGUFReader(o.model)
        self.encode, self.tok = encoder(reader), M.tokenizer(reader)
        self.words = S.Words(o.prompts)
        self.end = self.encode("<|im_end|>")[0]

    # ---- tokens ----

    def document(self, title, text):
        return self.encode(self.words.document.replace("{title}", title).replace("{text}", text))

    def asking(self, title, text):
        return self.document(title, text) + self.encode(self.words.question.replace("{question}", ASK).replace("{instruction}", HOW))

    def answering(self, title, text, q):
        return self.document(title, text) + self.encode(self.words.ask(q, "phrase"))

    # ---- the model over a batch of rows of one length ----

    def rows(self, ids, attend):
        """ids [rows, n], positions from 0: hidden states [rows, n, dim]."""
        b, n = ids.shape
        pos = torch.arange(n, device=self.device).repeat(b)
        return self.m.hidden(ids.flatten(), pos, attend).view(b, n, -1)

    def causal(self, b):
        def attend(q, k, v):
            q, k, v = (t.view(b, -1, *t.shape[1:]).transpose(1, 2) for t in (q, k, v))
            k, v = (t.repeat_interleave(self.m.heads // self.m.kv, 1) for t in (k, v))
            return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(0, 1)
        return attend

    def scored(self, pairs):
        """Of (prompt, answer) tokens: logits and targets of the answers' tokens, and of each which pair it belongs to."""
        n = max(len(p) + len(a) for p, a in pairs)
        ids = torch.tensor([p + a + [self.end] * (n - len(p) - len(a)) for p, a in pairs], device=self.device)
        row = [i for i, (p, a) in enumerate(pairs) for _ in a]
        at = [len(p) - 1 + j for p, a in pairs for j in range(len(a))]
        row, at = (torch.tensor(t, device=self.device) for t in (row, at))
        hidden = self.rows(ids, self.causal(len(pairs)))
        return self.m.logits(hidden[row, at]), ids[row, at + 1], row

    @torch.no_grad()
    def draw(self, prompts, most=64):
        """One random continuation of each prompt, as text, or None where it does not end."""
        b, n, m = len(prompts), max(map(len, prompts)), self.m
        pad = torch.tensor([n - len(p) for p in prompts], device=self.device)
        ids = torch.tensor([[self.end] * (n - len(p)) + p for p in prompts], device=self.device)
        ks, vs = (torch.zeros(m.layers, b, m.heads, n + most, m.hd, dtype=m.dtype, device=self.device) for _ in "kv")
        slot = torch.arange(n + most, device=self.device)
        seen = (slot >= pad[:, None])[:, None, None]
        said = torch.full((b, most), self.end, device=self.device)
        done = torch.zeros(b, dtype=torch.bool, device=self.device)
        at, layer = 0, 0

        def attend(q, k, v):
            nonlocal layer
            q, k, v = (t.view(b, -1, *t.shape[1:]).transpose(1, 2) for t in (q, k, v))
            to = at + q.shape[2]
            ks[layer, :, :, at:to], vs[layer, :, :, at:to] = (t.repeat_interleave(m.heads // m.kv, 1) for t in (k, v))
            mask = seen[..., :to] & (slot[:to] <= at + torch.arange(to - at, device=self.device)[:, None])
            k, v = ks[layer, :, :, :to], vs[layer, :, :, :to]
            layer = (layer + 1) % m.layers
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(0, 1)

        for i in range(most):
            new = ids if not i else said[:, i - 1:i]
            pos = (at + torch.arange(new.shape[1], device=self.device) - pad[:, None]).clamp(min=0).flatten()
            hidden = m.hidden(new.flatten(), pos, attend).view(b, new.shape[1], -1)[:, -1]
            at += new.shape[1]
            logits, order = (m.logits(hidden) / self.o.temperature).topk(64)
            p = logits.softmax(-1)
            p = p.masked_fill(p.cumsum(-1) - p > self.o.top_p, 0)
            token = order.gather(1, torch.multinomial(p, 1))[:, 0]
            said[:, i] = torch.where(done, self.end, token)
            done |= token == self.end
            if i % 8 == 7 and done.all():
                break
        return [self.tok.decode([t for t in row if t != self.end]) if over else None for row, over in zip(said.tolist(), done.tolist())]

    # ---- learning to ask ----

    def lessons(self, docs):
        """(prompt, answer) both ways, for every question of the articles."""
        out = []
        for title, paras, questions in docs:
            for q in questions:
                text, a = paras[q["para"]], min(q["answers"], key=len)
                if a in text and len(text) < 2400 and len(a) < 160:
                    out.append((self.asking(title, text), self.encode(f"{a}\n{q['q']}") + [self.end]))
                    out.append((self.answering(title, text, q["q"]), self.encode(a) + [self.end]))
        return out

    def learn(self, docs):
        lessons = self.lessons(docs)
        opt = torch.optim.AdamW(self.m.parameters(), lr=self.o.lr, betas=(.9, .98), weight_decay=.05)
        began, step, losses = time.time(), 0, []
        batches = []
        while (done := (time.time() - began) / (60 * self.o.minutes)) < 1:
            if not batches:  # of like length, so that little is padding
                some = sorted(self.rng.sample(lessons, min(len(lessons), 512)), key=lambda l: len(l[0]))
                each = max(1, self.o.room // max(len(p) + len(a) for p, a in some))
                batches = [some[i:i + each] for i in range(0, len(some), each)]
                self.rng.shuffle(batches)
            logits, target, _ = self.scored(batches.pop())
            loss = F.cross_entropy(logits, target)
            loss.backward()
            for g in opt.param_groups:
                g["lr"] = self.o.lr * min(1, (step + 1) / 20) * max(.02, .5 + .5 * math.cos(math.pi * done))
            nn.utils.clip_grad_norm_(self.m.parameters(), 1.0)
            opt.step()
            opt.zero_grad(set_to_none=True)
            step += 1
            losses.append(loss.detach())
        print(f"{len(lessons)} lessons, {step} steps, loss {torch.stack(losses[-100:]).mean():.3f}", flush=True)

    # ---- asking ----

    @torch.no_grad()
    def sure(self, asked):
        """Of (title, text, question, answer): whether the answer is what greedy decoding says, or nearly."""
        right = []
        for i in range(0, len(asked), 128):
            pairs = [(self.answering(t, x, q), self.encode(a) + [self.end]) for t, x, q, a in asked[i:i + 128]]
            logits, target, row = self.scored(pairs)
            loss = F.cross_entropy(logits, target, reduction="none")
            worst = torch.zeros(len(pairs), device=self.device).scatter_reduce(0, row, loss, "amax")
            right += (worst < self.o.doubt).tolist()
        return right

    def ask(self, paragraphs):
        """[(title, text)] to [(which, question, answer)]; about o.each a paragraph are tried."""
        order = sorted([i for i in range(len(paragraphs)) for _ in range(self.o.each)], key=lambda i: len(paragraphs[i][1]))
        batches = [order[i:i + self.o.batch] for i in range(0, len(order), self.o.batch)]
        self.rng.shuffle(batches)
        made, tried, began = {}, 0, time.time()
        for batch in batches:
            if time.time() - began > 60 * self.o.ask_minutes:
                print("out of time: some paragraphs were not asked of", flush=True)
                break
            found = []
            for i, said in zip(batch, self.draw([self.asking(*paragraphs[i]) for i in batch])):
                a, _, q = (said or "").partition("\n")
                a, q, text = a.strip(), q.strip(), paragraphs[i][1]
                words = len(q.split())
                if a and a in text and q.endswith("?") and 4 <= words <= 32 and len(a) <= 140 and a.lower() not in q.lower() and "\n" not in q:
                    found.append((i, q, a))
            tried += len(batch)
            for (i, q, a), keep in zip(found, self.sure([(*paragraphs[i], q, a) for i, q, a in found]) if found else []):
                if keep:
                    made.setdefault((i, a), q)
        print(f"{tried} tried, {len(made)} kept", flush=True)
        return [(i, q, a) for (i, a), q in made.items()]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a = p.add_argument
    a("--model", required=True)
    a("--start", required=True, help="a reading adapter to begin with")
    a("--data", required=True, help="jsonl files with questions to learn from, separated by commas")
    a("--texts", required=True, help="jsonl files of articles to ask of, separated by commas; questions in them are left out")
    a("--out", required=True)
    a("--prompts", default=str(HERE.parent / "prompts.ini"))
    a("--rank", type=int, default=32)
    a("--lr", type=float, default=4e-4)
    a("--minutes", type=float, default=1.5, help="of learning")
    a("--ask-minutes", type=float, default=3)
    a("--each", type=int, default=6, help="tries a paragraph")
    a("--most", type=int, default=60, help="paragraphs of an article")
    a("--batch", type=int, default=512, help="tries at a time")
    a("--room", type=int, default=32768, help="tokens a step of learning")
    a("--temperature", type=float, default=.9)
    a("--top-p", type=float, default=.95)
    a("--doubt", type=float, default=1.2, help="largest loss of a token of the answer that is let pass")
    a("--seed", type=int, default=0)
    a("--hold-out", type=int, default=0, help="as in train.py: these articles are not learnt from")
    o = p.parse_args()
    torch.manual_seed(o.seed)
    asker = Asker(o)
    asker.learn(hold_out(S.articles(o.data.split(",")), o.hold_out)[1])
    paragraphs, whose, docs = [], [], S.articles(o.texts.split(","))
    for d, (title, paras, _) in enumerate(docs):
        fit = [x for x in paras if 200 <= len(x) <= 2000]
        for text in asker.rng.sample(fit, min(len(fit), o.most)):
            paragraphs.append((title.replace("_", " "), text))
            whose.append(d)
    questions = {}
    for i, q, answer in asker.ask(paragraphs):
        title, paras, _ = docs[whose[i]]
        before = sum(len(x) + 1 for x in paras[:paras.index(paragraphs[i][1])])
        at = before + paragraphs[i][1].index(answer)
        questions.setdefault(whose[i], []).append({"q": q, "answers": [answer], "answer_char": at})
    with open(o.out, "w", encoding="utf-8") as f:
        for d, found in questions.items():
            f.write(json.dumps({"title": docs[d][0], "text": "\n".join(docs[d][1]), "questions": found}) + "\n")


if __name__ == "__main__":
    main()
