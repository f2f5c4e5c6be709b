"""Articles without questions for samples.py, out of a MediaWiki dump (bz2) and of folders of HTML pages, as JSON lines.

The trainer asks of them what it can make by rule; they are there so that it sees more names, words and long texts than
the articles with questions have.
usage: texts.py dump.xml.bz2 folder-of-html ... > texts.jsonl
"""
import bz2, html, json, re, sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree


def plain_wiki(text):
    text = html.unescape(text)
    text = re.sub(r"<!--.*?-->|<ref[^>]*/>|<(ref|gallery|math|timeline|code|sub|sup)\b.*?</\1>", "", text, flags=re.S | re.I)
    for opening, closing in (r"\{\{", r"\}\}"), (r"\{\|", r"\|\}"):
        before = None
        while before != text:  # the inner ones first
            before, text = text, re.sub(rf"{opening}(?:(?!{opening}|{closing}).)*{closing}", "", text, flags=re.S)
    text = re.sub(r"\[\[(?:File|Image|Category)(?:[^\[\]]|\[\[[^\]]*\]\])*\]\]|\[\[[a-z-]+:[^\]]*\]\]", "", text)
    text = re.sub(r"\[\[(?:[^|\]]*\|)?([^\]]*)\]\]", r"\1", text)
    text = re.sub(r"\[https?:\S+ ?([^\]]*)\]", r"\1", text)
    text = re.sub(r"<[^>]+>|'{2,}|__\w+__", "", text)
    text = re.split(r"\n=+ *(?:See also|References|Notes|External links|Further reading|Bibliography) *=+", text)[0]
    text = re.sub(r"^=+ *(.*?) *=+ *$", r"\1", text, flags=re.M)
    return re.sub(r" *\( *[,;]? *\)", "", re.sub(r"^[*#:;]+ *", "", text, flags=re.M))


class Page(HTMLParser):
    """Title and paragraphs of an HTML page."""
    BLOCK = {"p", "li", "h1", "h2", "h3", "h4", "dd", "dt", "td", "pre", "div"}

    def __init__(self, text):
        super().__init__()
        self.title, self.parts, self.inside, self.skip = "", [""], "", 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.skip += tag in ("script", "style", "nav")
        if tag in self.BLOCK:
            self.parts.append("")

    def handle_endtag(self, tag):
        self.skip -= tag in ("script", "style", "nav")
        if tag in self.BLOCK:
            self.parts.append("")
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "title":
            self.title += data
        elif not self.skip:
            self.parts[-1] += data


def articles(path):
    if path.suffix == ".bz2":
        for page in ElementTree.parse(bz2.open(path)).getroot().iter():
            if page.tag.endswith("}page") and not any(e.tag.endswith("}redirect") for e in page):
                field = {e.tag.split("}")[1]: e.text or "" for e in page.iter()}
                yield field["title"], plain_wiki(field["text"]).split("\n")
    else:
        for file in sorted(path.rglob("*.html")) + sorted(path.rglob("*.utf8")):
            page = Page(file.read_text("utf-8", "replace"))
            yield page.title.strip() or file.parent.name, page.parts


def main():
    for path in map(Path, sys.argv[1:]):
        for title, parts in articles(path):
            paras = [p for p in (" ".join(p.split()) for p in parts) if len(p) > 25]
            if sum(map(len, paras)) > 3000:
                print(json.dumps({"title": title, "text": "\n".join(paras), "questions": []}))


main()
