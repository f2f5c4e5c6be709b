"""A llama-architecture GGUF model in PyTorch with frozen weights and trainable low-rank factors (LoRA, Hu et al. 2021)."""
import math

import gguf
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

TARGETS = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]


def tokenizer(reader):
    field = lambda name: reader.fields["tokenizer.ggml." + name].contents()
    if field("model") != "gpt2" or field("pre") != "smollm":
        raise SystemExit("this program builds the smollm pre-tokeniser only; add yours to model.py")
    tokens, kinds = field("tokens"), field("token_type")
    tok = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)},
                               merges=[tuple(m.split(" ", 1)) for m in field("merges")]))
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, kinds) if k in (3, 4)])
    return tok


def rope(x, cos, sin):
    """GGUF's llama layout: neighbouring elements are a pair. x [n, heads, head_dim]; cos, sin [n, 1, head_dim / 2]."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


def norm(x, w, eps):
    y = x.float()
    return (y * torch.rsqrt((y * y).mean(-1, keepdim=True) + eps) * w).to(x.dtype)


class Reader(nn.Module):
    def __init__(self, path, rank, device, dtype):
        super().__init__()
        reader = gguf.GGUFReader(path)
        meta = lambda k: reader.fields["llama." + k].contents()
        self.layers, self.dim = meta("block_count"), meta("embedding_length")
        self.heads, self.kv = meta("attention.head_count"), meta("attention.head_count_kv")
        self.hd, self.eps = self.dim // self.heads, meta("attention.layer_norm_rms_epsilon")
        self.rank, self.alpha, self.dtype = rank, 2 * rank, dtype
        self.inv_freq = (meta("rope.freq_base") ** (-torch.arange(0, self.hd, 2).double() / self.hd)).to(device)
        self.w = {}
        for t in reader.tensors:
            value = torch.tensor(gguf.dequantize(t.data, t.tensor_type).astype(np.float32))
            self.w[t.name] = value.to(device, torch.float32 if "norm" in t.name else dtype)
        self.before, self.after = before, after
        self.A, self.B = nn.ParameterDict(), nn.ParameterDict()
        for l in range(self.layers):
            for n in TARGETS:
                out, inp = self.w[f"blk.{l}.{n}.weight"].shape
                self.A[f"{l}_{n}"] = nn.Parameter(torch.randn(rank, inp, device=device) / math.sqrt(inp))
                self.B[f"{l}_{n}"] = nn.Parameter(torch.zeros(out, rank, device=device))

    def maps(self, l, names):
        """(weight, A, B) of layer l's linear maps."""
        return [(self.w[f"blk.{l}.{n}.weight"], self.A[f"{l}_{n}"], self.B[f"{l}_{n}"]) for n in names]

    def hidden(self, ids, pos, attend, on=1.0, keep=None):
        """[n, dim] before the output matrix. on: 0 leaves the adapter out; keep: {layer: None}, becomes {layer: (q, k)}."""
        # The first layer too gets an input that wants a gradient: one more compilation would cost more than that.
        x = self.w["token_embd.weight"][ids].requires_grad_(torch.is_grad_enabled())
        angle = torch.outer(pos.double(), self.inv_freq)
        cos, sin = (t[:, None].to(self.dtype) for t in (angle.cos(), angle.sin()))
        scale = torch.tensor(self.alpha / self.rank * on, device=x.device)
        for l in range(self.layers):
            q, k, v = self.before(x, self.w[f"blk.{l}.attn_norm.weight"], self.maps(l, TARGETS[:3]), scale, cos, sin, self.hd, self.eps)
            if keep and l in keep:
                keep[l] = q, k
            x = self.after(x, attend(q, k, v), self.w[f"blk.{l}.ffn_norm.weight"], self.maps(l, TARGETS[3:]), scale, self.eps)
        return norm(x, self.w["output_norm.weight"], self.eps)

    def logits(self, hidden):
        return F.linear(hidden, self.w.get("output.weight", self.w["token_embd.weight"])).float()

    def save(self, path, name, refusal, least, question):
        """alpha / rank is folded into B."""
        of = lambda key: "blk.{}.{}.weight".format(*key.split("_", 1))
        write(path, name, {of(k): (self.A[k], self.B[k] * (self.alpha / self.rank)) for k in self.A}, self.rank, refusal, least, question)

    def load(self, path):
        """The factors of an adapter made before."""
        with torch.no_grad():
            for name, (a, b) in read(path).items():
                _, l, n, _ = name.split(".")
                self.A[f"{l}_{n}"].copy_(a)
                self.B[f"{l}_{n}"].copy_(b / (self.alpha / self.rank))


def read(path):
    """An adapter's {map: (A, B)}, alpha / rank folded into B."""
    reader = gguf.GGUFReader(path)
    alpha = reader.fields["adapter.lora.alpha"].contents()
    value = {t.name: torch.tensor(gguf.dequantize(t.data, t.tensor_type).astype(np.float32)) for t in reader.tensors}
    return {n.removesuffix(".lora_a"): (a, value[n[:-1] + "b"] * (alpha / len(a))) for n, a in value.items() if n.endswith(".lora_a")}


def write(path, name, factors, rank, refusal, least, question=None):
    """An adapter {map: (A, B)} in Q8_0: half of f16's size, and folio maps it as it is. refusal: what it says when the text
    does not answer; least: the probability from which on folio gives that; question: where folio shall read passages with the
    question before them, what else holds there: {"least": ...}, which may be missing."""
    w = gguf.GGUFWriter(path, "llama")
    w.add_type("adapter")
    w.add_string("adapter.type", "lora")
    w.add_float32("adapter.lora.alpha", float(rank))
    w.add_name(name)
    w.add_string("folio.refusal.text", refusal)
    w.add_float32("folio.refusal.least", least)
    w.add_bool("folio.question.first", question is not None)
    for key, value in (question or {}).items():
        w.add_float32("folio.question." + key, value)
    for key, pair in factors.items():
        for side, value in zip("ab", pair):
            value = np.ascontiguousarray(value.detach().float().cpu().numpy())
            kind = gguf.GGMLQuantizationType.F16 if value.shape[1] % 32 else gguf.GGMLQuantizationType.Q8_0
            w.add_tensor(f"{key}.lora_{side}", gguf.quants.quantize(value, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def linear(x, m, scale):
    w, a, b = m
    return F.linear(x, w) + F.linear(F.linear(x, a.to(x.dtype)), (b * scale).to(x.dtype))


def before(x, w, maps, scale, cos, sin, hd, eps):
    """Of a layer, all up to the attention: q [n, heads, hd], k and v [n, kv heads, hd]."""
    h = norm(x, w, eps)
    q, k, v = (linear(h, m, scale).view(x.shape[0], -1, hd) for m in maps)
    return rope(q, cos, sin), rope(k, cos, sin), v


def after(x, o, w, maps, scale, eps):
    """The rest of it: o is what the attention gave."""
    x = x + linear(o.reshape(x.shape[0], -1), maps[0], scale)
    h = norm(x, w, eps)
    return x + linear(F.silu(linear(h, maps[1], scale)) * linear(h, maps[2], scale), maps[3], scale)


class Blocks:
    """Attention on a GPU: flex attention over the packed sequence, blocks that no pair needs left out."""

    def __init__(self):
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention
        self.mask = create_block_mask
        self.flex = torch.compile(flex_attention, dynamic=False)

    def __call__(self, number, seg, heads, kv):
        def seen(b, h, i, j):
            return (j <= i) & (number[i] == number[j]) & ((seg[j] == 0) | (seg[j] == seg[i]))

        n = len(number)
        mask = self.mask(seen, None, None, n, n, device=number.device, _compile=True)

        def attend(q, k, v):
            q, k, v = (t.transpose(0, 1)[None] for t in (q, k, v))
            return self.flex(q, k, v, block_mask=mask, enable_gqa=True)[0].transpose(0, 1)
        return attend


def attend_plain(number, seg, heads, kv):
    """On a CPU: for each document flash attention over itself, then its questions over it and themselves."""
    spans = []
    for one in range(int(number.max()) + 1):
        at = (number == one).nonzero()[:, 0]
        doc = int((seg[at] == 0).sum())
        i = torch.arange(len(at))
        s = seg[at]
        ok = ((s == 0) | (s == s[doc:, None])) & (i <= i[doc:, None])
        spans.append((int(at[0]), doc, len(at), ok))

    def attend(q, k, v):
        k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
        q, k, v = (t.transpose(0, 1) for t in (q, k, v))
        out = torch.zeros_like(q)
        for at, doc, n, ok in spans:
            a, b, end = at, at + doc, at + n
            out[:, a:b] = F.scaled_dot_product_attention(q[None, :, a:b], k[None, :, a:b], v[None, :, a:b], is_causal=True)[0]
            out[:, b:end] = F.scaled_dot_product_attention(q[None, :, b:end], k[None, :, a:end], v[None, :, a:end], attn_mask=ok)[0]
        return out.transpose(0, 1)
    return attend
