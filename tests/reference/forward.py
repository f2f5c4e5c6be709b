"""A transformer's forward pass in numpy, independent of folio, from a GGUF file or a Hugging Face folder.

needs: numpy, gguf; for folders safetensors
usage: forward.py MODEL IDS_FILE OUT.f32 [--double]      logits [n, vocab] as raw f32
"""
import json, os, sys
import numpy as np


class Gguf:
    half = property(lambda self: self.arch != "llama")  # which elements RoPE pairs

    def __init__(self, path):
        from gguf import GGUFReader, dequantize
        r = GGUFReader(path)
        meta = {k: f.contents() for k, f in r.fields.items() if not k.startswith("tokenizer")}
        self.arch = meta["general.architecture"]
        g = lambda k, d=None: meta.get(f"{self.arch}.{k}", d)
        self.layers, dim, self.heads = g("block_count"), g("embedding_length"), g("attention.head_count")
        self.kv, self.eps = g("attention.head_count_kv", self.heads), g("attention.layer_norm_rms_epsilon")
        self.hd = g("attention.key_length", dim // self.heads)
        self.freq = float(g("rope.freq_base", 10000.0)) ** (-np.arange(0, self.hd, 2) / self.hd)
        self.w = {t.name: dequantize(t.data, t.tensor_type).astype(np.float32) for t in r.tensors}
        if "rope_freqs.weight" in self.w:
            self.freq = self.freq / self.w["rope_freqs.weight"]
        self.embedding, self.norm = self.w["token_embd.weight"], self.w["output_norm.weight"]
        self.output = self.w.get("output.weight", self.embedding)

    def get(self, layer, name):
        return self.w.get(f"blk.{layer}.{name}")

    def adapt(self, path):
        """Add a LoRA adapter's alpha / rank * B A to the weights."""
        from gguf import GGUFReader, dequantize
        r = GGUFReader(path)
        alpha = r.fields["adapter.lora.alpha"].contents()
        t = {x.name: dequantize(x.data, x.tensor_type).astype(np.float32) for x in r.tensors}
        for name in [n[:-len(".lora_a")] for n in t if n.endswith(".lora_a")]:
            a, b = t[name + ".lora_a"], t[name + ".lora_b"]
            self.w[name] = self.w[name] + alpha / a.shape[0] * (b @ a)


class Folder:
    half = True
    names = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
             "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
             "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "ffn_gate": "mlp.gate_proj",
             "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}

    def __init__(self, path):
        from safetensors import safe_open
        c = json.load(open(os.path.join(path, "config.json")))
        self.w = {}
        for f in sorted(os.listdir(path)):
            if f.endswith(".safetensors"):
                with safe_open(os.path.join(path, f), "np") as s:
                    self.w.update({k: s.get_tensor(k).astype(np.float32) for k in s.keys()})
        self.layers, self.heads, self.eps = c["num_hidden_layers"], c["num_attention_heads"], c["rms_norm_eps"]
        self.kv = c.get("num_key_value_heads", self.heads)
        self.hd = c.get("head_dim") or c["hidden_size"] // self.heads
        self.freq = float(c.get("rope_theta", 10000.0)) ** (-np.arange(0, self.hd, 2) / self.hd)
        self.embedding, self.norm = self.w["model.embed_tokens.weight"], self.w["model.norm.weight"]
        self.output = self.embedding if c.get("tie_word_embeddings") else self.w["lm_head.weight"]

    def get(self, layer, name):
        part, kind = name.rsplit(".", 1)
        return self.w.get(f"model.layers.{layer}.{self.names[part]}.{kind}")


def logits(m, ids, real=np.float32):
    n, group = len(ids), m.heads // m.kv
    angle = np.outer(np.arange(n), m.freq)[:, None]
    cos, sin = np.cos(angle).astype(real), np.sin(angle).astype(real)

    def rope(x):
        y, h = np.empty_like(x), m.hd // 2
        a, b = (slice(0, h), slice(h, None)) if m.half else (slice(0, None, 2), slice(1, None, 2))
        y[..., a], y[..., b] = x[..., a] * cos - x[..., b] * sin, x[..., a] * sin + x[..., b] * cos
        return y

    def norm(x, w):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + real(m.eps)) * w.astype(real)

    def linear(x, layer, name):
        bias = m.get(layer, name + ".bias")
        return x @ m.get(layer, name + ".weight").astype(real).T + (0 if bias is None else bias.astype(real))

    x = m.embedding[ids].astype(real)
    mask = np.triu(np.full((n, n), -np.inf, real), 1)
    for l in range(m.layers):
        h = norm(x, m.get(l, "attn_norm.weight"))
        q, k, v = (linear(h, l, f"attn_{c}").reshape(n, -1, m.hd) for c in "qkv")
        if m.get(l, "attn_q_norm.weight") is not None:
            q, k = norm(q, m.get(l, "attn_q_norm.weight")), norm(k, m.get(l, "attn_k_norm.weight"))
        q, k, out = rope(q), rope(k), np.empty((n, m.heads, m.hd), real)
        for i in range(m.heads):
            s = q[:, i] @ k[:, i // group].T / real(np.sqrt(m.hd)) + mask
            e = np.exp(s - s.max(-1, keepdims=True))
            out[:, i] = e / e.sum(-1, keepdims=True) @ v[:, i // group]
        x = x + linear(out.reshape(n, -1), l, "attn_output")
        h = norm(x, m.get(l, "ffn_norm.weight"))
        gate = linear(h, l, "ffn_gate")
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(h, l, "ffn_up"), l, "ffn_down")
    return norm(x, m.norm) @ m.output.astype(real).T


def open_model(path):
    return Folder(path) if os.path.isdir(path) else Gguf(path)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    ids = [int(i) for i in open(sys.argv[2]).read().split()]
    real = np.float64 if "--double" in sys.argv else np.float32
    logits(open_model(sys.argv[1]), ids, real).astype(np.float32).tofile(sys.argv[3])
