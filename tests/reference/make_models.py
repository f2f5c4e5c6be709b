"""Write small models with random weights in the shapes of the architectures folio runs.

needs: numpy, gguf, safetensors; sentencepiece for the folder
usage: make_models.py FOLDER      qwen2.gguf, qwen3.gguf, llama3.gguf, mistral/
"""
import json, os, sys
import numpy as np
import gguf
from gguf import GGMLQuantizationType as Q

LAYERS, DIM, HEADS, KV, FF, VOCAB = 3, 128, 4, 2, 192, 512
rng = np.random.default_rng(7)


def matrix(out, inp, gain=1.0):
    return (rng.standard_normal((out, inp)) * gain / np.sqrt(inp)).astype(np.float32)


def alphabet():
    """GPT-2's letters for the 256 bytes."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [b for b in range(256) if b not in keep]
    letter = {b: chr(b) for b in keep} | {b: chr(256 + i) for i, b in enumerate(other)}
    return [letter[b] for b in range(256)]


def tensors(hd, bias=False, norms=False):
    t = {"token_embd.weight": matrix(VOCAB, DIM, 6), "output_norm.weight": 1 + 0.1 * matrix(1, DIM)[0],
         "output.weight": matrix(VOCAB, DIM, 2)}
    for l in range(LAYERS):
        p = f"blk.{l}."
        for name, out, inp, gain in (("attn_q", HEADS * hd, DIM, 2), ("attn_k", KV * hd, DIM, 2), ("attn_v", KV * hd, DIM, 1),
                                     ("attn_output", DIM, HEADS * hd, 1), ("ffn_gate", FF, DIM, 1), ("ffn_up", FF, DIM, 1),
                                     ("ffn_down", DIM, FF, 1)):
            t[p + name + ".weight"] = matrix(out, inp, gain)
            if bias and name in ("attn_q", "attn_k", "attn_v"):
                t[p + name + ".bias"] = 0.3 * rng.standard_normal(out).astype(np.float32)
        for name in ("attn_norm", "ffn_norm"):
            t[p + name + ".weight"] = (1 + 0.2 * rng.standard_normal(DIM)).astype(np.float32)
        if norms:
            for name in ("attn_q_norm", "attn_k_norm"):
                t[p + name + ".weight"] = (1 + 0.2 * rng.standard_normal(hd)).astype(np.float32)
    return t


def write_gguf(path, arch, pre, hd, kinds, **more):
    w = gguf.GGUFWriter(path, arch)
    w.add_name(f"random {arch}")
    w.add_block_count(LAYERS); w.add_embedding_length(DIM); w.add_head_count(HEADS); w.add_head_count_kv(KV)
    w.add_feed_forward_length(FF); w.add_context_length(2048); w.add_layer_norm_rms_eps(1e-6)
    w.add_rope_freq_base(500000.0); w.add_rope_dimension_count(hd); w.add_key_length(hd); w.add_value_length(hd)
    letters = alphabet()
    words = letters + [a + b for a in letters[65:81] for b in letters[65:81]][:VOCAB - 258] + ["<|endoftext|>", "<|im_end|>"]
    w.add_tokenizer_model("gpt2"); w.add_tokenizer_pre(pre); w.add_token_list(words)
    w.add_token_types([1] * (VOCAB - 2) + [3, 3]); w.add_token_merges([f"{x[0]} {x[1]}" for x in words[256:VOCAB - 2]])
    w.add_bos_token_id(VOCAB - 2); w.add_eos_token_id(VOCAB - 1)
    t = tensors(hd, **more)
    if arch == "llama":
        t["rope_freqs.weight"] = np.linspace(1, 8, hd // 2).astype(np.float32)
    for i, (name, x) in enumerate(t.items()):
        kind = kinds[i % len(kinds)] if x.ndim == 2 else Q.F32
        w.add_tensor(name, gguf.quantize(x, kind), raw_dtype=kind)
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()


def write_mistral(folder):
    import sentencepiece
    from safetensors.numpy import save_file
    os.makedirs(folder, exist_ok=True)
    words = os.path.join(folder, "words.txt")
    with open(words, "w") as f:
        for i in range(4000):
            f.write(" ".join("".join(rng.choice(list("abcdefghijklmnop"), 4)) for _ in range(6)) + "\n")
    sentencepiece.SentencePieceTrainer.train(input=words, model_prefix=os.path.join(folder, "tokenizer"), vocab_size=VOCAB,
                                             model_type="bpe", byte_fallback=True, minloglevel=2)
    os.remove(words); os.remove(os.path.join(folder, "tokenizer.vocab"))
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from forward import Folder
    t, out = tensors(DIM // HEADS), {}
    for name, x in t.items():
        if name.startswith("blk."):
            _, l, part, kind = name.split(".")
            out[f"model.layers.{l}.{Folder.names[part]}.{kind}"] = x.astype(np.float16)
        else:
            out[{"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
                 "output.weight": "lm_head.weight"}[name]] = x.astype(np.float16)
    keys = sorted(out)
    shards = {"model-00001-of-00002.safetensors": keys[::2], "model-00002-of-00002.safetensors": keys[1::2]}
    for file, part in shards.items():
        save_file({k: out[k] for k in part}, os.path.join(folder, file))
    json.dump({"metadata": {}, "weight_map": {k: f for f, part in shards.items() for k in part}},
              open(os.path.join(folder, "model.safetensors.index.json"), "w"))
    json.dump({"architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_size": DIM, "intermediate_size": FF,
               "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV, "vocab_size": VOCAB,
               "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "sliding_window": None,
               "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2}, open(os.path.join(folder, "config.json"), "w"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.makedirs(sys.argv[1], exist_ok=True)
    at = lambda name: os.path.join(sys.argv[1], name)
    write_gguf(at("qwen2.gguf"), "qwen2", "qwen2", DIM // HEADS, [Q.Q8_0, Q.F16], bias=True)
    write_gguf(at("qwen3.gguf"), "qwen3", "qwen2", 64, [Q.F16, Q.BF16, Q.Q5_1], norms=True)
    write_gguf(at("llama3.gguf"), "llama", "llama-bpe", DIM // HEADS, [Q.Q4_1, Q.Q8_0, Q.Q5_0])
    write_mistral(at("mistral"))
