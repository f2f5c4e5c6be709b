#!/usr/bin/env python3
"""growth.py FOLIO MODEL [LLAMA_BENCH] - how cost grows with a document's length.

Runs `folio bench` at 1K to 7.5K tokens (and llama-bench, when its path is given,
with the same model and two threads, run by run in turn with folio), prints a
Markdown table of the medians and writes growth.svg beside this script."""
import json
import os
import statistics
import subprocess
import sys

LENGTHS = [1000, 2000, 4000, 7500]
RUNS = 5


def folio(program, model, what, depth, runs=RUNS):
    out = subprocess.run([program, "bench", what, "--model", model, "--adapter", "none", "--depth", str(depth), "--runs", str(runs),
                          "--budget", "1/8", "--threads", "2", "--json", "--quiet"], capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def llama(program, model, *args, runs=RUNS):
    out = subprocess.run([program, "-m", model, "-fa", "1", "-t", "2", "-r", str(runs), "-o", "jsonl", *args],
                         capture_output=True, text=True, check=True).stdout
    return [statistics.median(json.loads(line)["samples_ts"]) for line in out.splitlines()]


def measure(program, model, bench):
    rows = []
    for n in LENGTHS:
        row, own, theirs = {"n": n}, [], []
        for _ in range(RUNS):
            own += folio(program, model, "prefill", n, 1)
            if bench:
                theirs += llama(bench, model, "-p", str(n), "-n", "0", runs=1)
        row["prefill"] = statistics.median(r["median"] for r in own)
        cluster, write = folio(program, model, "cluster", n)
        row["cluster"], row["write"] = cluster["median"] / 1000, write["median"] / 1000
        row["share"] = 100 * (row["cluster"] + row["write"]) * row["prefill"] / n
        row["disk"], row["memory"] = write["disk_mb"], write["peak_mb"]
        for what in ("question", "decode"):
            whole, eighth = folio(program, model, what, n)
            row[what], row[what + "8"] = whole["median"], eighth["median"]
        if bench:
            row["llama_prefill"] = statistics.median(theirs)
            row["llama_question"], row["llama_decode"] = llama(bench, model, "-p", "50", "-n", "64", "-d", str(n))
        rows.append(row)
        print(json.dumps(row), file=sys.stderr)
    return rows


COLUMNS = [("prefill", "reading", "{:.0f}"), ("llama_prefill", "llama.cpp", "{:.0f}"), ("cluster", "clustering, s", "{:.2f}"),
           ("write", "writing, s", "{:.2f}"), ("share", "of reading", "{:.0f} %"),
           ("question", "question, budget 1", "{:.0f}"), ("question8", "1/8", "{:.0f}"), ("llama_question", "llama.cpp", "{:.0f}"),
           ("decode", "answer, budget 1", "{:.0f}"), ("decode8", "1/8", "{:.0f}"), ("llama_decode", "llama.cpp", "{:.0f}"),
           ("disk", "disk, MiB", "{:.0f}"), ("memory", "peak memory, MB", "{:.0f}")]


def table(rows):
    used = [c for c in COLUMNS if c[0] in rows[0]]
    print("| tokens | " + " | ".join(title for _, title, _ in used) + " |")
    print("|" + "---|" * (len(used) + 1))
    for row in rows:
        print(f"| {row['n']:,} | " + " | ".join(form.format(row[key]) for key, _, form in used) + " |")


def line(rows, key, x, y, colour, dash=""):
    points = " ".join(f"{x(r['n']):.1f},{y(r[key]):.1f}" for r in rows)
    last = rows[-1]
    return (f'<polyline fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" points="{points}"/>',
            x(last["n"]) + 4, y(last[key]) + 4)


def panel(rows, left, title, series):
    high = max(r[k] for r in rows for k, _, _ in series if k in r)
    x = lambda n: left + 40 + 220 * n / LENGTHS[-1]
    y = lambda v: 230 - 190 * v / high
    out = [f'<text x="{left + 40}" y="22" font-weight="bold">{title}</text>',
           f'<path d="M{left + 40} 40V230H{left + 260}" fill="none" stroke="#888"/>']
    for n in LENGTHS:
        out.append(f'<text x="{x(n):.0f}" y="246" text-anchor="middle" font-size="11">{n // 1000 if n != 7500 else 7.5}K</text>')
    for v in (0, high / 2, high):
        out.append(f'<text x="{left + 36}" y="{y(v) + 4:.0f}" text-anchor="end" font-size="11">{v:.0f}</text>')
    for key, name, colour in series:
        if key in rows[0]:
            drawn, tx, ty = line(rows, key, x, y, colour)
            out += [drawn, f'<text x="{tx:.0f}" y="{ty:.0f}" font-size="11" fill="{colour}">{name}</text>']
    return out


def picture(rows):
    body = panel(rows, 0, "reading, tokens/s", [("prefill", "folio", "#06c"), ("llama_prefill", "llama.cpp", "#c60")])
    body += panel(rows, 350, "reading a question, tokens/s", [("question8", "folio, 1/8", "#06c"), ("question", "folio, 1", "#093"),
                                                               ("llama_question", "llama.cpp", "#c60")])
    body += panel(rows, 700, "answering, tokens/s", [("decode8", "folio, 1/8", "#06c"), ("decode", "folio, 1", "#093"),
                                                      ("llama_decode", "llama.cpp", "#c60")])
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "growth.svg"), "w", encoding="utf-8") as f:
        f.write('<svg xmlns="http://www.w3.org/2000/svg" width="1060" height="260" font-family="sans-serif" font-size="13">\n'
                '<rect width="1060" height="260" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    rows = measure(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
    table(rows)
    picture(rows)


if __name__ == "__main__":
    main()
