"""Words and links of HTML pages, counted without Penstock, gumbo or libcurl: by Python's html.parser and urllib.

The same rules as examples/web/html.hpp: words are runs of letters (with their combining marks) of the visible text of the
body, in lower case; elements within a line do not split a word; links are the targets of <a href>, absolute, without
fragment, each once.
"""

import collections
import html.parser
import unicodedata
import urllib.parse

HIDDEN = {"head", "script", "style", "template", "noscript"}
INLINE = set(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark q s samp small span strike strong sub sup "
    "time tt u var wbr".split()
)


class PageReader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.text, self.links, self.hidden = [], [], 0

    def handle_starttag(self, tag, attributes):
        if tag in HIDDEN:
            self.hidden += 1
        if tag not in INLINE:
            self.text.append("\n")
        target = dict(attributes).get("href")
        if tag == "a" and target is not None:
            self.links.append(target.strip())

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag in HIDDEN:
            self.hidden -= 1
        if tag not in INLINE:
            self.text.append("\n")

    def handle_data(self, data):
        if not self.hidden:
            self.text.append(data)


def words_of(text):
    word = ""
    for letter in text + " ":
        category = unicodedata.category(letter)[0]
        if category == "L" or (category == "M" and word):
            word += letter.lower()
        elif word:
            yield word
            word = ""


def absolute(url, link):
    parts = urllib.parse.urlsplit(urllib.parse.urljoin(url, link))
    return parts._replace(path=parts.path or "/", fragment="").geturl()


def read_page(path, url):
    """(counts of words, list of links)"""
    reader = PageReader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    targets = (absolute(url, link) for link in reader.links)
    links = [target for target in targets if target.startswith(("http://", "https://"))]
    return collections.Counter(words_of("".join(reader.text))), list(dict.fromkeys(links))
