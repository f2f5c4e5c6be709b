"""Questions kept from training as folio-eval takes them: articles of train.py's --hold-out with people's questions, with the
written ones, or with both, to choose an adapter and its --refuse-at by.

needs: nothing
usage: held.py --data a_dev.jsonl,b_dev.jsonl --questions questions.tsv --titles A,B [--whose people|written|both] > held.jsonl
Then: folio-eval held.jsonl --adapter X --docs 2 --questions 110 --budgets 0.325 --impossible --refuse-at 2 --answers X.jsonl
"""
import argparse, json

import samples as S


def cut(text, most):
    """Whole paragraphs from its beginning, in most bytes."""
    kept = text.encode()[:most].decode(errors="ignore")
    return text if kept == text else kept[:kept.rfind("\n") + 1]


def place(text, paragraph, answer):
    """Byte of the text at which the answer stands in the paragraph."""
    return len(text[:text.index(paragraph) + paragraph.index(answer)].encode())


def asked(article, written, text):
    """Of people and of the written ones: questions that text answers, or that it does not although it was written for it."""
    paras = [p.strip() for p in article["text"].split("\n") if p.strip()]
    people = [q for q in article["questions"] if q["answers"] and 0 <= q.get("answer_char", -1) < len(text)]
    people = [{"q": q["q"], "answers": q["answers"], "answer_byte": len(text[:q["answer_char"]].encode())} for q in people]
    made = [q for q in written if q["para"] < len(paras) and paras[q["para"]] in text]
    made = [{"q": q["q"], "answers": q["answers"], "impossible": not q["answers"],
             "answer_byte": place(text, paras[q["para"]], q["answers"][0]) if q["answers"] else -1} for q in made]
    return people, made


def mixed(a, b):
    """Both, spread evenly, so that any even choice of them has its part of each."""
    at = [((i + .5) / len(x), n, i, q) for n, x in enumerate((a, b)) for i, q in enumerate(x)]
    return [q for *_, q in sorted(at, key=lambda t: t[:3])]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--questions", required=True)
    p.add_argument("--titles", required=True, help="separated by commas")
    p.add_argument("--whose", choices=["people", "written", "both"], default="both")
    p.add_argument("--most-bytes", type=int, default=27000, help="of an article, so that it fits the model's window")
    o = p.parse_args()
    written, titles = S.written(o.questions), o.titles.split(",")
    for path in o.data.split(","):
        for article in map(json.loads, open(path, encoding="utf-8")):
            if article["title"] not in titles:
                continue
            text = cut(article["text"], o.most_bytes)
            people, made = asked(article, written.get(article["title"], []), text)
            questions = {"people": people, "written": made, "both": mixed(people, made)}[o.whose]
            print(json.dumps({"title": article["title"], "text": text, "questions": questions}, ensure_ascii=False))


if __name__ == "__main__":
    main()
