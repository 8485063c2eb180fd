"""examples/titles on a real manual from a real server, checked against a count that shares no code with it."""

import collections
import html.parser
import json
import shutil
import unittest

import h5py

import count_pages
import support


class TitleReader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.titles, self.within = [], False

    def handle_starttag(self, tag, attributes):
        if tag == "title":
            self.titles.append("")
        self.within = tag == "title"

    def handle_endtag(self, tag):
        self.within = False

    def handle_data(self, data):
        if self.within:
            self.titles[-1] += data


def title_of(path):
    reader = TitleReader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    return reader.titles[0]


class TitlesTest(support.ExampleTest):
    def run_titles(self, pages, base, output, how_many, ranks):
        (self.work / "urls.txt").write_text("".join(f"{base}{page}\n" for page in pages))
        shutil.copy(support.EXAMPLES / "titles/titles.yaml", self.work)
        self.run_program(
            support.TITLES, "run", "titles.yaml", "--set", f"how-many={how_many}", "-o", output, "--force", ranks=ranks
        )
        with h5py.File(self.work / output) as file:
            items = [json.loads(text) for text in file["streams/titles/top"].asstr()[:]]
        return [(item["word"], item["count"]) for item in items]

    def test_most_common_words_of_all_titles(self):
        manual = support.manual_folder()
        pages = sorted(path.relative_to(manual).as_posix() for path in manual.rglob("*.html"))
        self.assertGreater(len(pages), 100)
        counts = collections.Counter()
        for page in pages:
            counts.update(count_pages.words_of(title_of(manual / page)))
        ranking = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        self.assertGreater(len(ranking), 100)

        with support.served(support.EXAMPLES / "web/serve.py", manual) as base:
            for ranks in (0, 4):
                with self.subTest(ranks=ranks):
                    self.assertEqual(self.run_titles(pages, base, "all.h5", 100_000, ranks), ranking)
            with self.subTest("pages that are not there are left out"):
                pages[1:1] = ["no-such-page.html", "nor-this.html"]
                self.assertEqual(self.run_titles(pages, base, "some.h5", 10, 0), ranking[:10])


if __name__ == "__main__":
    unittest.main(verbosity=2)
