#include "downloader.hpp"
#include "html.hpp"
#include "support/fake_context.hpp"
#include "text_workers.hpp"

#include <gmock/gmock.h>

#include <map>

namespace web {
namespace {

using penstock::at;
using penstock::Document;
using penstock::List;
using penstock::Map;
using penstock::test::FakeContext;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Words, AreRunsOfLettersOfAnyScriptInLowerCase) {
    EXPECT_THAT(words("The FFT's n-th, 2nd r\xc3\x89sum\xc3\xa9_x"),
                ElementsAre("the", "fft", "s", "n", "th", "nd", "r\xc3\xa9sum\xc3\xa9", "x"));
    EXPECT_THAT(words("\xd0\x96\xd1\x83\xd0\xba \xe6\xbc\xa2\xe5\xad\x97"),
                ElementsAre("\xd0\xb6\xd1\x83\xd0\xba", "\xe6\xbc\xa2\xe5\xad\x97"));
    EXPECT_THAT(words("e\xcc\x81t\xc3\xa9"), ElementsAre("e\xcc\x81t\xc3\xa9"))
        << "a combining accent stays with its letter";
    EXPECT_THAT(words("\xcc\x81 12 \xc2\xbd -- _"), IsEmpty());
    EXPECT_THAT(words(""), IsEmpty());
    EXPECT_THAT(words("a\xff\xfe"
                      "b"),
                ElementsAre("a", "b"))
        << "bytes that are no UTF-8 separate";
}

TEST(VisibleText, LeavesOutWhatAReaderDoesNotSee) {
    const auto text = visible_text(
        "<html><head><title>title</title><style>css</style></head><body><script>var code;</script>"
        "<!-- comment -->seen<template>no</template><noscript>no</noscript></body></html>");
    EXPECT_THAT(words(text), ElementsAre("seen"));
}

TEST(VisibleText, ElementsWithinALineDoNotSplitAWordAndOthersDo) {
    EXPECT_THAT(words(visible_text("<p>F<b>F</b><i>T</i>W</p><p>one</p>two<br>three<ul><li>a<li>b</ul>")),
                ElementsAre("fftw", "one", "two", "three", "a", "b"));
}

TEST(VisibleText, KnowsEntitiesAndBrokenHtml) {
    EXPECT_THAT(words(visible_text("caf&eacute; &lt;b&gt; a&amp;b &#x416;")),
                ElementsAre("caf\xc3\xa9", "b", "a", "b", "\xd0\xb6"));
    EXPECT_THAT(words(visible_text("<p>one<b>two</p>three</div></b>")), ElementsAre("onetwo", "three"));
    EXPECT_THAT(words(visible_text("")), IsEmpty());
}

TEST(VisibleText, DeepNestingIsNoProblem) {
    std::string html;
    for (int i = 0; i < 3000; ++i) html += "<div>";
    EXPECT_THAT(words(visible_text(html + "deep")), ElementsAre("deep"));
}

TEST(Title, IsTheFirstOneOnOneLine) {
    EXPECT_EQ(title("<html><head><title>\n  Caf&eacute;\t of   <b>it </title><title>no</title></head></html>"),
              "Caf\xc3\xa9 of <b>it");
    EXPECT_EQ(title("<svg><title>of an image</title></svg><title>late</title>"), "late");
    EXPECT_EQ(title("<title> \n</title><title>second</title>"), std::nullopt);
    EXPECT_EQ(title("<body>none"), std::nullopt);
    EXPECT_EQ(title(""), std::nullopt);
}

TEST(MostFrequent, OfAllOrSome) {
    const std::map<std::string, std::int64_t> counts{{"a", 1}, {"b", 2}, {"c", 2}};
    EXPECT_EQ(most_frequent(counts, 1), (List{Map{{"word", "b"}, {"count", 2}}}));
    EXPECT_EQ(most_frequent(counts, 9).size(), 3U);
    EXPECT_THAT(most_frequent(counts, 0), IsEmpty());
    EXPECT_THAT(most_frequent(counts, -1), IsEmpty());
    EXPECT_THAT(most_frequent({}, 3), IsEmpty());
}

TEST(Links, AreAbsoluteEachOnceInOrderWithoutFragments) {
    const std::string page = "http://host:81/a/b/index.html?q=1#top";
    EXPECT_THAT(
        links("<a href='x.html'>x</a><a href='../y.html#part'>y</a><a href='/z'>z</a><a href='//other/w'>w</a>"
              "<a href=' x.html#again '>x</a><a href='?q=2'>q</a><a href='#here'>h</a><a href=''>e</a>"
              "<a href='https://else/'>s</a><a name='n'>n</a>",
              page),
        ElementsAre("http://host:81/a/b/x.html", "http://host:81/a/y.html", "http://host:81/z", "http://other/w",
                    "http://host:81/a/b/index.html?q=2", "http://host:81/a/b/index.html?q=1", "https://else/"));
}

TEST(Links, OnlyWhatCanBeDownloaded) {
    EXPECT_THAT(links("<a href='mailto:a@b'>m</a><a href='javascript:x()'>j</a><a href='ftp://h/f'>f</a>", "http://h/"),
                IsEmpty());
    EXPECT_THAT(links("<link href='style.css'><img src='x.png'>", "http://h/"), IsEmpty());
}

TEST(Links, FollowTheBaseOfThePage) {
    EXPECT_THAT(links("<head><base href='/docs/'></head><a href='x.html'>x</a>", "http://h/a/b.html"),
                ElementsAre("http://h/docs/x.html"));
}

TEST(Downloader, ReadsCharsets) {
    EXPECT_EQ(charset_of("text/html; charset=ISO-8859-1"), "ISO-8859-1");
    EXPECT_EQ(charset_of("text/html; Charset=\"utf-8\"; x=y"), "utf-8");
    EXPECT_EQ(charset_of("text/html"), "");
    EXPECT_EQ(to_utf8("caf\xe9", "ISO-8859-1"), "caf\xc3\xa9");
    EXPECT_EQ(to_utf8("caf\xc3\xa9", "ISO-8859-1"), "caf\xc3\xa9") << "what is UTF-8 already is believed";
    EXPECT_EQ(to_utf8("\x93quoted\x94", ""), "\xe2\x80\x9cquoted\xe2\x80\x9d");
    EXPECT_EQ(to_utf8("\xe9", "no-such-charset"), "\xc3\xa9");
    EXPECT_EQ(to_utf8("a\x81z", ""), "a\xef\xbf\xbdz");
}

TEST(Downloader, ChecksItsParameters) {
    EXPECT_THAT(Downloader::check({{"timeout_s", 5}, {"max_bytes", 100}}), IsEmpty());
    EXPECT_THAT(Downloader::check({{"timeout", 5}}), ElementsAre(HasSubstr("no parameter `timeout`")));
    EXPECT_THAT(Downloader::check({{"max_bytes", "many"}}),
                ElementsAre(HasSubstr("`max_bytes` of Downloader is a number")));
}

std::string download_error(const std::string& url) {
    FakeContext context;
    Downloader downloader;
    try {
        downloader.process({{"url", url}}, context);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "";
}

TEST(Downloader, NamesUrlAndReason) {
    EXPECT_THAT(download_error("file:///etc/passwd"), HasSubstr("cannot download file:///etc/passwd: Protocol"));
    EXPECT_THAT(download_error("http://127.0.0.1:1/"),
                HasSubstr("cannot download http://127.0.0.1:1/: Failed to connect"));
    EXPECT_THAT(download_error("not a url"), HasSubstr("cannot download not a url: "));
}

TEST(GetTextAndWords, CountsWords) {
    FakeContext context;
    GetTextAndWords worker;
    const auto out = worker.process({{"html", "<body>b a <b>B</b></body>"}}, context);
    EXPECT_EQ(at(out, "words"), (List{"b", "a", "b"}));
    EXPECT_EQ(at(out, "count"), 3);
    EXPECT_EQ(at(out, "counts"), (Map{{"a", 1}, {"b", 2}}));
}

TEST(GetLinks, CountsLinks) {
    FakeContext context;
    GetLinks worker;
    const auto out = worker.process({{"html", "<a href=x>x</a><a href=y>y</a>"}, {"final_url", "http://h/"}}, context);
    EXPECT_EQ(at(out, "links"), (List{"http://h/x", "http://h/y"}));
    EXPECT_EQ(at(out, "link_count"), 2);
}

TEST(TotalCounts, AddsUpAndRanks) {
    FakeContext context(Document{{"top", 2}});
    TotalCounts worker;
    const Document in{{"counts", List{Map{{"a", 1}, {"c", 2}}, Map{{"b", 2}, {"d", 5}, {"a", 1}}, Map{}}}};
    const auto out = worker.process(in, context);
    EXPECT_EQ(at(out, "total"), (Map{{"a", 2}, {"b", 2}, {"c", 2}, {"d", 5}}));
    EXPECT_EQ(at(out, "count"), 11);
    EXPECT_EQ(at(out, "distinct"), 4);
    EXPECT_EQ(at(out, "top"), (List{Map{{"word", "d"}, {"count", 5}}, Map{{"word", "a"}, {"count", 2}}}));
}

}  // namespace
}  // namespace web
