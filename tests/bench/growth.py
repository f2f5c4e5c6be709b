#!/usr/bin/env python3
"""growth.py FOLIO MODEL [LLAMA_BENCH] - how cost grows with a document's length.

Runs `folio bench` at 1K, 2K, 4K and 8K tokens (and llama-bench, when its path is
given, with the same model and two threads), prints a Markdown table and writes
growth.svg beside it: prefill and decode in tokens/s over the length."""
import csv
import io
import json
import subprocess
import sys

LENGTHS = [1000, 2000, 4000, 7500]
RUNS = 3


def folio(program, model, what, depth, budget):
    out = subprocess.run([program, "bench", what, "--model", model, "--adapter", "none", "--depth", str(depth), "--runs", str(RUNS),
                          "--budget", budget, "--json", "--quiet"], capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def llama(program, model, *args):
    out = subprocess.run([program, "-m", model, "-fa", "1", "-t", "2", "-r", str(RUNS), "-o", "csv", *args],
                         capture_output=True, text=True, check=True).stdout
    return float(list(csv.DictReader(io.StringIO(out)))[-1]["avg_ts"])


def measure(program, model, bench):
    rows = []
    for n in LENGTHS:
        row = {"n": n}
        first = folio(program, model, "prefill", n, "1/8")
        row["prefill"] = first[0]["median"]
        row["memory"] = first[0]["peak_mb"]
        row["cluster"] = folio(program, model, "cluster", n, "1/8")[0]["median"] / 1000
        for what in ("question", "decode"):
            whole, eighth = folio(program, model, what, n, "1/8")
            row[what], row[what + "8"] = whole["median"], eighth["median"]
        if bench:
            row["llama_prefill"] = llama(bench, model, "-p", str(n), "-n", "0")
            row["llama_question"] = llama(bench, model, "-p", "50", "-n", "0", "-d", str(n))
            row["llama_decode"] = llama(bench, model, "-p", "0", "-n", "64", "-d", str(n))
        rows.append(row)
        print(json.dumps(row), file=sys.stderr)
    return rows


COLUMNS = [("prefill", "reading", "{:.0f}"), ("llama_prefill", "llama.cpp", "{:.0f}"), ("cluster", "clustering, s", "{:.2f}"),
           ("question", "question, budget 1", "{:.0f}"), ("question8", "1/8", "{:.0f}"), ("llama_question", "llama.cpp", "{:.0f}"),
           ("decode", "answer, budget 1", "{:.0f}"), ("decode8", "1/8", "{:.0f}"), ("llama_decode", "llama.cpp", "{:.0f}"),
           ("memory", "peak memory, MB", "{:.0f}")]


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
    body += panel(rows, 350, "answering, tokens/s", [("decode8", "folio, 1/8", "#06c"), ("decode", "folio, 1", "#093"),
                                                      ("llama_decode", "llama.cpp", "#c60")])
    with open("growth.svg", "w", encoding="utf-8") as f:
        f.write('<svg xmlns="http://www.w3.org/2000/svg" width="720" height="260" font-family="sans-serif" font-size="13">\n'
                '<rect width="720" height="260" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    rows = measure(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
    table(rows)
    picture(rows)


if __name__ == "__main__":
    main()
