"""Training sequences for a reading adapter: a document, then questions about it that see it and themselves only."""
import bisect, configparser, json, math, random, re
from pathlib import Path

REFUSAL = "The document does not say."
OPPOSITE = [("first", "last"), ("north", "south"), ("northern", "southern"), ("east", "west"), ("eastern", "western"),
            ("before", "after"), ("largest", "smallest"), ("highest", "lowest"), ("most", "fewest"), ("oldest", "youngest"),
            ("increase", "decrease"), ("increased", "decreased"), ("more", "less"), ("began", "ended"), ("start", "end"),
            ("won", "lost"), ("win", "lose"), ("born", "buried"), ("early", "late"), ("old", "new"), ("major", "minor"),
            ("male", "female"), ("import", "export"), ("above", "below"), ("inside", "outside"), ("best", "worst")]
SWAP = {a: b for p in OPPOSITE for a, b in (p, p[::-1])}
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
NAME = re.compile(r"(?<![.?!] )(?<!^)\b[A-Z][\w’'-]+(?: (?:of |the |de |van )?[A-Z][\w’'-]+)*")
NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b")
SENTENCE = re.compile(r"[^.!?]*(?:[.!?](?=\S)[^.!?]*|\b(?:[A-Z]|Mr|Mrs|Dr|St|vs|c|No)\.[^.!?]*)*[.!?]+[\"”’)\]]*|[^.!?]+$")


# Of an answer to a question that stood before the text, beside one of the many that share a document.
FIRST_WEIGHT = 3.0


class Words:
    """What stands around a document and a question, from folio's own prompts.ini."""

    def __init__(self, path, family="chatml"):
        ini = configparser.ConfigParser(interpolation=None, comment_prefixes=(";",), inline_comment_prefixes=None)
        ini.read(path, encoding="utf-8")
        get = lambda section, key: ini[section][key].replace("\n", "").replace("\\n", "\n")
        self.document, self.focused, self.question, self.again = (get(family, k) for k in ("document", "focused", "question", "again"))
        self.style = {k: get("instructions", k) for k in ("phrase", "sentence", "free")}

    def ask(self, q, style, first=True):
        return (self.question if first else self.again).replace("{instruction}", self.style[style]).replace("{question}", q)


def written(path):
    """Questions kept apart from the articles, a line each: title, number of the paragraph, question, answer or nothing."""
    out = {}
    for line in open(path, encoding="utf-8") if path else []:
        title, para, q, a = line.rstrip("\n").split("\t")
        out.setdefault(title, []).append({"q": q, "answers": [a] if a else [], "para": int(para)})
    return out


def articles(paths, more=None):
    """[(title, [paragraph], [{q, answers, para}])]; a question's paragraph is where its answer stands, or would stand if the
    text answered it: then there are no answers. Some articles have no questions. more: a file as written() reads it."""
    out, more = [], written(more)
    for path in paths:
        for d in map(json.loads, open(path, encoding="utf-8")):
            paras, at = [], []
            offset = 0
            for p in d["text"].split("\n"):
                if p.strip():
                    paras.append(p.strip())
                    at.append(offset)
                offset += len(p) + 1
            questions = []
            for q in d["questions"]:
                if q["answers"] and not q.get("impossible") and q.get("answer_char", -1) >= 0:
                    para = max((i for i, a in enumerate(at) if a <= q["answer_char"]), default=0)
                    questions.append({"q": q["q"].strip(), "answers": [a.strip() for a in q["answers"] if a.strip()], "para": para})
            questions += [q for q in more.get(d["title"], []) if q["para"] < len(paras) and all(a in paras[q["para"]] for a in q["answers"])]
            if questions or not d["questions"]:
                out.append((d["title"], paras, questions))
    return out


def sentence_with(text, said):
    """The first sentence of the text, neither short nor endless, that holds it, or None."""
    return next((s.strip() for s in SENTENCE.findall(text) if said in s and 20 <= len(s) <= 400), None)


def kind(text):
    return "number" if NUMBER.search(text) else "name" if text[:1].isupper() else "word"


class Sampler:
    def __init__(self, docs, encode, words, seed, longest=7300, most_questions=20, near=.4, traps=.35, first=0, second=0,
                 earlier=0):
        """near: how often, of articles with questions, a sample is made of passages and not of a long run; traps: questions
        without an answer that were written for the text, to one that has an answer; first: how often of articles with
        questions it is made as focus reads passages, the question before them, too; second: how often a question is asked
        there once more after an answer; earlier: how often it comes there late in a conversation about the article."""
        self.rng, self.encode, self.words = random.Random(seed), encode, words
        self.near, self.traps, self.first, self.second, self.earlier = near, traps, first, second, earlier
        self.longest, self.most_questions, self.waiting = longest, most_questions, None
        self.docs, self.weight = docs, self.weights(docs)
        self.names = [n for d in docs for p in d[1] for n in NAME.findall(p)[:3] if 3 < len(n) < 40]
        self.bags = [[set(w.lower() for w in WORD.findall(p)) for p in d[1]] for d in docs]
        self.length = [[len(encode(p + "\n")) for p in d[1]] for d in docs]

    @staticmethod
    def weights(docs):
        # Each question as often: people asked much of few articles.
        weight = [float(len(d[2])) for d in docs]
        bare = sum(not w for w in weight)
        # Articles without questions are an eighth of the samples.
        return [w or (sum(weight) / 7 or 1) / bare for w in weight]

    # ---- which paragraphs ----

    def window(self, d):
        """A run of paragraphs, from a few hundred tokens to the whole window."""
        size, n = self.length[d], len(self.length[d])
        target = math.exp(self.rng.uniform(math.log(250), math.log(self.longest)))
        if self.rng.random() < .55:
            target = self.rng.uniform(self.longest * .35, self.longest)
        first = self.rng.randrange(n)
        if sum(size[first:]) < target:  # long ones must be able to begin early
            first = max(0, min(first, next((i for i in range(n) if sum(size[i:]) <= target), 0)))
        chosen, total = [], 0
        for i in range(first, n):
            if chosen and total + size[i] > min(target * 1.2, self.longest):
                break
            chosen.append(i)
            total += size[i]
        return chosen

    def passages(self, d, others=(0, 1, 2, 2, 3, 3, 4, 5), most=1500):
        """What a search brings: a question's paragraph and others that share its words, in most tokens."""
        q = self.rng.choice(self.docs[d][2])
        bag = set(w.lower() for w in WORD.findall(q["q"]))
        rare = {w: math.log(len(self.bags[d]) / (1 + sum(w in b for b in self.bags[d])) + 1) for w in bag}
        score = [(sum(rare[w] for w in bag & b) * self.rng.uniform(.6, 1.4), i) for i, b in enumerate(self.bags[d])]
        near = [i for _, i in sorted(score, reverse=True) if i != q["para"]]
        chosen, total = {q["para"]}, self.length[d][q["para"]]
        if self.rng.random() < .08:
            chosen, total = set(), 0
        for i in near[:self.rng.choice(others)]:
            if total + self.length[d][i] <= most:
                chosen.add(i)
                total += self.length[d][i]
        order = sorted(chosen) or near[:1]
        if self.rng.random() < .3:
            self.rng.shuffle(order)
        return order

    # ---- what is asked ----

    def rename(self, d, texts, questions):
        """Other names and numbers, the same ones everywhere: what was learnt by heart does not help. The texts and questions
        with them, and what exchanges them in another text."""
        swaps = {}
        answered = [q for q in questions if q["answers"]]
        for q in self.rng.sample(answered, min(len(answered), 6)):
            a = min(q["answers"], key=len)
            if a in swaps or len(a) < 3 or len(a) > 40:
                continue
            if kind(a) == "number":
                new = NUMBER.sub(lambda m: self.digits(m[0]), a)
            elif kind(a) == "name" and NAME.fullmatch("x " + a, 2):
                new = self.rng.choice(self.names)
            else:
                continue
            if new != a and not any(new in t for t in texts):
                swaps[a] = new
        if not swaps:
            return texts, questions, lambda t: t
        find = re.compile("|".join(r"(?<!\w)" + re.escape(a) + r"(?!\w)" for a in sorted(swaps, key=len, reverse=True)))
        fix = lambda t: find.sub(lambda m: swaps[m[0]], t)
        return [fix(t) for t in texts], [{**q, "q": fix(q["q"]), "answers": [fix(a) for a in q["answers"]]} for q in questions], fix

    def digits(self, number):
        fresh = "".join(self.rng.choice("0123456789") if c.isdigit() else c for c in number)
        if re.fullmatch(r"1\d{3}|20\d\d", number):
            fresh = str(self.rng.randrange(1050, 2020))
        return fresh if fresh[0] != "0" or number[0] == "0" else "3" + fresh[1:]

    def spoil(self, q, text):
        """A question near q that the text does not answer, or None."""
        names = [n for n in NAME.findall(q) if len(n) > 3]
        numbers = NUMBER.findall(q)
        ways = ["opposite"] + ["name"] * 3 * bool(names) + ["number"] * 2 * bool(numbers)
        way = self.rng.choice(ways)
        if way == "name":
            old = self.rng.choice(names)
            here = [n for n in NAME.findall(text) if len(n) > 3 and n not in q]
            new = self.rng.choice(here if here and self.rng.random() < .6 else self.names)
            return q.replace(old, new) if new not in q else None
        if way == "number":
            old = self.rng.choice(numbers)
            return q.replace(old, self.digits(old))
        words = [w for w in WORD.findall(q) if w.lower() in SWAP]
        if words:
            w = self.rng.choice(words)
            return re.sub(rf"\b{w}\b", SWAP[w.lower()], q, count=1)
        aux = re.search(r"\b(did|does|do|is|was|were|are|can|could|has|had|would|will)\b (?:the |a )?(\w+)", q)
        return q[:aux.end()] + " not" + q[aux.end():] if aux else None

    def without(self, questions, chosen, texts):
        """Some answers' sentences taken out: (texts, questions that now have no answer here)."""
        where = {p: i for i, p in enumerate(chosen)}
        texts, gone = list(texts), []
        for q in self.rng.sample(questions, len(questions)):
            i = where.get(q["para"])
            if len(gone) == 4 or i is None or len(texts[i]) < 250 or not q["answers"]:
                continue
            kept = "".join(s for s in SENTENCE.findall(texts[i]) if not any(a in s for a in q["answers"])).strip()
            rest = texts[:i] + [kept] + texts[i + 1:]
            if len(kept) > 100 and not any(a in t for a in q["answers"] for t in rest):
                texts, gone = rest, gone + [q]
        return texts, gone

    def blur(self, q):
        """A word or two of the question left out, so that not every one of them must be there."""
        words = q.split()
        for _ in range(self.rng.choice([1, 1, 2])):
            plain = [i for i, w in enumerate(words) if i and w.islower() and w not in ("not", "no")]
            if len(words) > 6 and plain:
                words.pop(self.rng.choice(plain))
        return " ".join(words)

    def cloze(self, text):
        """A question made from a sentence by rule, as (question, answer), or None (Lewis et al. 2019, without the translation)."""
        sentences = [s.strip() for s in SENTENCE.findall(text) if 40 <= len(s) <= 260]
        if not sentences:
            return None
        s = self.rng.choice(sentences).rstrip(".!?;: ")
        spans = [(m, "what year" if re.fullmatch(r"1\d{3}|20\d\d", m[0]) else "what number") for m in NUMBER.finditer(s)]
        spans += [(m, self.rng.choice(["what", "which name", "whom or what"])) for m in NAME.finditer(s) if len(m[0]) > 3 and m.start()]
        if not spans:
            return None
        m, word = self.rng.choice(spans)
        answer = m[0]
        if text.count(answer) > 3:
            return None
        before, after = s[:m.start()].strip(), s[m.end():].strip()
        words = before.split()
        if len(words) > 14:
            before = " ".join(words[-self.rng.randrange(8, 15):])
        after = " ".join(after.split()[:self.rng.randrange(4, 14)])
        q = f"{before} {word} {after}".strip(" ,;:-")
        return q[:1].upper() + q[1:] + "?", answer

    def answer(self, q, text, style):
        short = [a for a in sorted(q["answers"], key=len) if len(a) <= 140] or sorted(q["answers"], key=len)[:1]
        a = short[len(short) // 2] if len(short) > 1 and self.rng.random() < .25 else short[0]
        if style == "phrase":
            return a
        return sentence_with(text, a)

    def pairs(self, questions, chosen, texts, gone):
        """[[(words, style, answer, which text or -1), ...]]: chains of turns; most have one."""
        where = {p: i for i, p in enumerate(chosen)}
        inside = [q for q in questions if q["para"] in where and q not in gone and any(a in texts[where[q["para"]]] for a in q["answers"])]
        outside = [q for q in questions if q["para"] not in where]
        traps = [q for q in questions if not q["answers"] and q["para"] in where]
        spoilt = .08 if traps else .22
        self.rng.shuffle(inside)
        inside = inside[:self.most_questions]
        some = self.rng.uniform(.3, 1.7) * self.traps * max(len(inside), 2)
        gone = gone + self.rng.sample(traps, min(len(traps), round(some)))
        whole, made = "\n".join(texts), [(q["q"], self.rng.choice(["phrase", "phrase", "phrase", "sentence"]), REFUSAL, -1) for q in gone]
        for q in inside:
            u = self.rng.random()
            style = "phrase" if u < .8 else "sentence" if u < .95 else "free"
            a = self.answer(q, texts[where[q["para"]]], style)
            if not a or (style == "phrase" and a not in whole):
                style, a = "phrase", min(q["answers"], key=len)
            if self.rng.random() < spoilt and (bad := self.spoil(q["q"], whole)):
                made.append((bad, style, REFUSAL, -1))
            made.append((self.blur(q["q"]) if self.rng.random() < .2 else q["q"], style, a, where[q["para"]]))
        for _ in range(self.rng.choice([0, 0, 1, 2, 3]) if questions else self.rng.randrange(5, self.most_questions)):
            text = self.rng.randrange(len(texts))
            if (c := self.cloze(texts[text])) and whole.count(c[1]) <= 3:
                made.append((c[0], "phrase", c[1], text))
                if self.rng.random() < .12 and not questions and (bad := self.spoil(c[0], whole)):
                    made.append((bad, "phrase", REFUSAL, -1))
        absent = [q for q in outside if not any(a in whole for a in q["answers"])]
        for q in self.rng.sample(absent, min(len(absent), max(1, len(made) // 9) if self.rng.random() < .7 else 0)):
            made.append((q["q"], self.rng.choice(["phrase", "phrase", "sentence"]), REFUSAL, -1))
        if not made and absent:
            made = [(self.rng.choice(absent)["q"], "phrase", REFUSAL, -1)]
        self.rng.shuffle(made)
        chains = []
        for one in made:
            if chains and len(chains[-1]) < 3 and self.rng.random() < .1:
                chains[-1].append(one)
            else:
                chains.append([one])
        return chains

    def hasty(self, q, style, a, questions, texts):
        """What a careless reader would answer: the answer to the question of these texts that is most like q, or a name or
        number out of them, or None."""
        whole, words = "\n".join(texts), set(w.lower() for w in WORD.findall(q))
        wanted = "number" if re.search(r"\b(how (many|much|long|old|far)|when|what year|which year)\b", q.lower()) else \
            "name" if re.search(r"\b(who|whose|whom|where|which)\b", q.lower()) else "word"
        near = []
        for other in questions:
            for said in other["answers"][:1]:
                if said in whole and said not in a and a not in said:
                    shared = len(words & set(w.lower() for w in WORD.findall(other["q"]))) / (1 + len(words))
                    near.append(((shared + .3 * (kind(said) == wanted)) * self.rng.uniform(.6, 1.4), said))
        for said in NAME.findall(whole) + NUMBER.findall(whole):
            if kind(said) == wanted and said not in a and a not in said and said not in q:
                near.append((.45 * self.rng.random(), said))
        said = max(near)[1] if near else None
        if said and style == "sentence":
            return next(filter(None, (sentence_with(t, said) for t in texts)), None)
        return said

    def again(self, chain, questions, texts):
        """The chain with its last question asked twice: first comes the answer, or a hasty one, then what is right:
        what was said before must not mislead it, and it reads the question again knowing what there is to say."""
        q, style, a, text = chain[-1]
        said = a
        if a == REFUSAL or self.rng.random() < .35:
            said = self.hasty(q, style, a, questions, texts)
        return chain[:-1] + [(q, style, said, text), chain[-1]] if said else None

    def late(self, chain, rest, questions, para):
        """The chain behind one to seven turns more, with questions of these texts (rest) or of any part of the article, some
        of them refused: what was said of other things must neither answer a question nor have it refused. para: the text of
        a paragraph, with the names that hold in this sample."""
        style, turns = chain[-1][1], []
        for _ in range(self.rng.choice((1, 1, 2, 2, 3, 4, 5, 7))):
            if rest and self.rng.random() < .25:
                turns.append(self.rng.choice(rest))
            else:
                q = self.rng.choice(questions)
                said = q["answers"] and (style == "sentence" and sentence_with(para(q["para"]), q["answers"][0]) or min(q["answers"], key=len))
                turns.append((q["q"], style, said or REFUSAL, -1))
        return [t for t in turns if t[0] != chain[-1][0]] + chain

    # ---- tokens ----

    def document(self, title, texts, first=()):
        """Token ids, and of each text the range of them that it lies in. first: the questions that stand before them."""
        head, tail = (self.words.focused if first else self.words.document).split("{text}")
        head = head.replace("{title}", title).replace("{question}", " ".join(first))
        gap = "\n\n" if self.rng.random() < .3 else "\n"
        # Stored contexts end with the words after {text}, encoded with the text.
        ids, starts = self.encode(head + gap.join(texts) + tail, where=True)
        spans, at = [], len(head)
        for t in texts:
            spans.append((bisect.bisect_left(starts, at), bisect.bisect_left(starts, at + len(t))))
            at += len(t) + len(gap)
        return ids, spans

    def sample(self):
        """Columns: ids, positions, segment (0: the document), target at each position or -1, weight, and of positions
        that look for an answer the range of tokens of its paragraph, else -1 and -1."""
        d = self.rng.choices(range(len(self.docs)), self.weight)[0]
        title, paras, questions = self.docs[d]
        if self.rng.random() < .5:
            title = title.replace("_", " ")
        first = questions and self.rng.random() < self.first
        if first:
            chosen = self.passages(d, (0, 0, 1, 1, 1, 1, 2, 2), 1000)
        else:
            chosen = self.window(d) if not questions or self.rng.random() >= self.near else self.passages(d)
        texts, fix = [paras[i] for i in chosen], lambda t: t
        if questions and self.rng.random() < .65:
            texts, questions, fix = self.rename(d, texts, questions)
        gone = []
        if self.rng.random() < .6:
            texts, gone = self.without(questions, chosen, texts)
        chains = self.pairs(questions, chosen, texts, gone)
        if not chains:
            return self.sample()
        ahead = ()
        if first:
            some = self.rng.choice((1, 1, 1, 1, 1, 1, 2, 2, 3))
            chains, rest = chains[:some], [turn for c in chains[some:] for turn in c]
            chains = [self.late(c, rest, questions, lambda i: fix(paras[i])) if self.rng.random() < self.earlier else c for c in chains]
            ahead = [c[-1][0] for c in chains]
            chains += filter(None, [self.again(c, questions, texts) for c in chains if self.rng.random() < self.second])
        ids, spans = self.document(title, texts, ahead)
        doc = len(ids)
        out = [ids, list(range(doc)), [0] * doc, [-1] * doc, [0.0] * doc, [-1] * doc, [-1] * doc]
        for i, chain in enumerate(chains):
            at = doc
            for turn, (q, style, a, text) in enumerate(chain):
                ask = self.words.ask(q, style, first=True)
                if turn:
                    again = self.words.ask(q, style, first=False)
                    ask = again[len("<|im_end|>"):]  # the answer before it has that token already
                asked, said = self.encode(ask), self.encode(a) + self.encode("<|im_end|>")
                n, half = len(asked) + len(said), len(asked) // 2
                before = len(asked) - 1
                # The first token decides whether there is an answer: it counts in full, the others by the answer's length.
                looks = lambda end: [-1] * half + [spans[text][end] if text >= 0 and not first else -1] * (n - half - 1) + [-1]
                # An earlier turn was answered when another question stood first, or hastily.
                want = [-1] * len(said) if first and turn < len(chain) - 1 else said
                counts = [1.0] + [len(said) ** -.5] * (len(said) - 1)
                weight = [0.0] * before + [w * FIRST_WEIGHT if first else w for w in counts] + [0.0]
                for column, values in zip(out, (asked + said, range(at, at + n), [i + 1] * n, [-1] * before + want + [-1], weight, looks(0), looks(1))):
                    column += values
                at += n
        return out


EMPTY = (0, 0, 0, -1, 0.0, -1, -1, -1)


def pack(sampler, room):
    """Samples end to end, room tokens in all, each with its number in the last column; what is left over has the number -1."""
    out, n, number = [[] for _ in EMPTY], 0, 0
    while True:
        one = sampler.waiting or sampler.sample()
        sampler.waiting = None
        if n + len(one[0]) > room:
            if n:  # it begins the next one, so that long ones are not passed over
                sampler.waiting = one
                break
            continue
        looks = [[v + n if v >= 0 else -1 for v in c] for c in one[5:]]
        for column, values in zip(out, (*one[:5], *looks, [number] * len(one[0]))):
            column += values
        n += len(one[0])
        number += 1
    for column, value in zip(out, EMPTY):
        column += [value] * (room - n)
    return out
