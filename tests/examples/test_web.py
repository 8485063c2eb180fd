"""examples/web on a real manual from a real server, checked against a count that shares no code with it."""

import collections
import json
import unittest

import h5py

import count_pages
import support


def rows(file, path):
    return [value.decode() if isinstance(value, bytes) else value for value in file[path][:]]


class WebTest(support.ExampleTest):
    @classmethod
    def setUpClass(cls):
        cls.manual = support.manual_folder()
        cls.pages = sorted(path.relative_to(cls.manual).as_posix() for path in cls.manual.rglob("*.html"))
        assert len(cls.pages) > 100, cls.manual

    def write_urls(self, base):
        (self.work / "urls.txt").write_text("".join(f"{base}{page}\n" for page in self.pages))

    def expected(self, base):
        return {base + page: count_pages.read_page(self.manual / page, base + page) for page in self.pages}

    def test_one_pipeline_a_page(self):
        with support.served(support.EXAMPLES / "web/serve.py", self.manual) as base:
            self.write_urls(base)
            self.run_program(
                support.WEB, "run", support.EXAMPLES / "web/page.yaml", "--for-each", "urls.txt", "--for-each-key", "url",
                "-o", "pages.h5", ranks=4,
            )
            expected = self.expected(base)
        with h5py.File(self.work / "pages.h5") as file:
            self.assertEqual(collections.Counter(rows(file, "jobs/status")), {"succeeded": 3 * len(self.pages)})
            urls = rows(file, "results/page/download/final_url")
            self.assertEqual(urls, list(expected), "one row a page, in the order of urls.txt")
            words = [json.loads(counts) for counts in rows(file, "results/page/words/counts")]
            count = rows(file, "results/page/words/count")
            links = [json.loads(targets) for targets in rows(file, "results/page/links/links")]
            link_count = rows(file, "results/page/links/link_count")
            sizes = rows(file, "results/page/download/bytes")
        total_words = total_links = 0
        for row, (url, (counts, targets)) in enumerate(expected.items()):
            self.assertEqual(words[row], counts, url)
            self.assertEqual(count[row], counts.total(), url)
            self.assertEqual(links[row], targets, url)
            self.assertEqual(link_count[row], len(targets), url)
            self.assertEqual(sizes[row], (self.manual / self.pages[row]).stat().st_size, url)
            total_words += counts.total()
            total_links += len(targets)
        self.assertGreater(total_words, 50_000)
        self.assertGreater(total_links, 500)

        top = self.run_program(support.PYTHON, support.EXAMPLES / "web/top_words.py", "pages.h5", 5).splitlines()
        whole = sum((counts for counts, _ in expected.values()), collections.Counter())
        ranking = sorted(whole.items(), key=lambda item: (-item[1], item[0]))
        self.assertEqual([line.split() for line in top[:5]], [[str(n), word] for word, n in ranking[:5]])
        self.assertEqual(top[5].split()[0], str(total_words))

    def test_all_pages_in_one_pipeline(self):
        with support.served(support.EXAMPLES / "web/serve.py", self.manual) as base:
            self.write_urls(base)
            (self.work / "corpus.yaml").write_text((support.EXAMPLES / "web/corpus.yaml").read_text())
            self.run_program(support.WEB, "run", "corpus.yaml", "-o", "corpus.h5")
            expected = self.expected(base)
        whole = sum((counts for counts, _ in expected.values()), collections.Counter())
        with h5py.File(self.work / "corpus.h5") as file:
            self.assertEqual(json.loads(rows(file, "results/corpus/corpus/total")[0]), whole)
            self.assertEqual(rows(file, "results/corpus/corpus/count"), [whole.total()])
            self.assertEqual(rows(file, "results/corpus/corpus/distinct"), [len(whole)])
            top = json.loads(rows(file, "results/corpus/corpus/top")[0])
            self.assertNotIn("html", file["results/corpus/words"])
        ranking = sorted(whole.items(), key=lambda item: (-item[1], item[0]))
        self.assertEqual([(entry["word"], entry["count"]) for entry in top], ranking[:20])

    def test_bad_answers_fail_their_page_alone_and_say_why(self):
        with support.served(support.TOP / "tests/examples/test_server.py") as base:
            paths = ["/latin1", "/redirect", "/loop", "/large", "/broken", "/missing"]
            (self.work / "urls.txt").write_text("".join(f"{base}{path}\n" for path in paths) + "http://127.0.0.1:1/\n")
            definition = (support.EXAMPLES / "web/page.yaml").read_text()
            self.assertIn("{worker: Downloader, ", definition)
            (self.work / "page.yaml").write_text(
                definition.replace("{worker: Downloader, ", "{worker: Downloader, with: {max_bytes: 50000, redirects: 5}, ")
            )
            self.run_program(
                support.WEB, "run", "page.yaml", "--for-each", "urls.txt", "--for-each-key", "url", "-o", "bad.h5", expect=1
            )
        with h5py.File(self.work / "bad.h5") as file:
            names, status, error = (rows(file, f"jobs/{column}") for column in ("name", "status", "error"))
            counts = [json.loads(text) for text in rows(file, "results/page/words/counts")]
        self.assertEqual(counts, [{"café": 1, "crème": 1}] * 2)
        self.assertEqual(collections.Counter(status), {"succeeded": 6, "failed": 5, "skipped": 10})
        errors = [text for name, text in zip(names, error) if name == "download" and text]
        self.assertEqual(len(errors), 5)
        for wanted in (
            f"cannot download {base}/loop: Maximum (5) redirects followed",
            f"cannot download {base}/large: it is larger than max_bytes, 50000",
            f"cannot download {base}/broken: the server answered with HTTP status 500",
            f"cannot download {base}/missing: the server answered with HTTP status 404",
            "cannot download http://127.0.0.1:1/: Failed to connect",
        ):
            self.assertEqual(sum(wanted in text for text in errors), 1, f"{wanted}\n{errors}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
