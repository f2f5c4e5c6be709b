"""Hold folio's logits against forward.py, and optionally against llama.cpp.

needs: numpy, gguf, safetensors; llama-cpp-python for --llama
usage: check.py FOLIO_LOGITS MODEL [--text FILE] [--from BYTE] [--tokens N] [--llama] [--isa NAME] [--adapter FILE]
Without a text, ids are drawn at random. Prints top-1 agreement and the mean KL divergence.
"""
import argparse, subprocess, sys, tempfile, os
import numpy as np
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from forward import logits, open_model


def compare(want, got):
    lsm = lambda x: (x := x - x.max(-1, keepdims=True)) - np.log(np.exp(x).sum(-1, keepdims=True))
    p, q = lsm(want.astype(np.float64)), lsm(got.astype(np.float64))
    kl = (np.exp(p) * (p - q)).sum(-1).mean()
    assert np.isfinite(kl)
    return f"top-1 {np.mean(want.argmax(-1) == got.argmax(-1)):.4f}  mean KL {kl:.2e}  largest log-probability difference {np.abs(p - q).max():.2e}"


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument("program"); a.add_argument("model"); a.add_argument("--text"); a.add_argument("--from", type=int, default=0, dest="start")
    a.add_argument("--tokens", type=int, default=512); a.add_argument("--llama", action="store_true"); a.add_argument("--isa"); a.add_argument("--adapter")
    o = a.parse_args()
    m, llm = open_model(o.model), None
    if o.adapter:
        m.adapt(o.adapter)
    if o.llama:
        from llama_cpp import Llama
        llm = Llama(o.model, n_ctx=o.tokens + 8, logits_all=True, verbose=False, **({"lora_path": o.adapter} if o.adapter else {}))
    if o.text:
        words = open(o.text, "rb").read()[o.start:o.start + 12 * o.tokens]
        program = os.path.join(os.path.dirname(o.program), "folio")
        ids = [int(i) for i in subprocess.run([program, "tokens", "--model", o.model, "-"], input=words, capture_output=True, check=True).stdout.split()]
        ids = ids[:o.tokens]
    else:
        ids = np.random.default_rng(3).integers(0, len(m.embedding), o.tokens).tolist()
    with tempfile.TemporaryDirectory() as d:
        open(d + "/ids", "w").write(" ".join(map(str, ids)))
        subprocess.run([o.program, o.model, d + "/ids", d + "/out"] + (["--isa", o.isa] if o.isa else []) + (["--adapter", o.adapter] if o.adapter else []), check=True)
        got = np.fromfile(d + "/out", np.float32).reshape(len(ids), -1)
    want = logits(m, ids)
    print("folio against float32    :", compare(want, got))
    if llm:
        llm.eval(ids)
        theirs = np.array(llm.scores[:len(ids)], np.float32)
        print("folio against llama.cpp  :", compare(theirs, got))
        print("llama.cpp against float32:", compare(want, theirs))


if __name__ == "__main__":
    main()
