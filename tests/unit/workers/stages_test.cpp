// flatten, filter, batch, to-lines, to-files, and the folds of numbers as stages.
#include "support/stage_trial.hpp"
#include "workers/batch.hpp"
#include "workers/builtin.hpp"
#include "workers/count.hpp"
#include "workers/filter.hpp"
#include "workers/flatten.hpp"
#include "workers/maximum.hpp"
#include "workers/mean.hpp"
#include "workers/minimum.hpp"
#include "workers/sum.hpp"
#include "workers/to_files.hpp"
#include "workers/to_lines.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;

template <class Stage>
List through(Document with, const List& items) {
    test::FakeContext context(std::move(with));
    return test::passed_through<Stage>(context, items);
}

TEST(Flatten, OpensListsAndArraysOnce) {
    EXPECT_EQ(through<Flatten>({}, {List{1, List{2}}, List{}, std::vector<std::int16_t>{3, 4}, List{nullptr}}),
              (List{1, List{2}, 3, 4, nullptr}));
    EXPECT_THAT([] { through<Flatten>({}, {"text"}); }, ThrowsMessage<ValueError>(HasSubstr("this item is string")));
    EXPECT_THAT(Flatten::check({{"depth", 2}}), ElementsAre("`flatten` has no parameters"));
}

TEST(Filter, LetsPassWhatIsAsItSays) {
    const List items{0, 1, 2.0, 3, "a", nullptr, false};
    EXPECT_EQ(through<Filter>({{"equals", 2}}, items), (List{2.0}));
    EXPECT_EQ(through<Filter>({{"not", 0}}, items), (List{1, 2.0, 3, "a", nullptr, false}));
    EXPECT_EQ(through<Filter>({{"not", nullptr}}, items), (List{0, 1, 2.0, 3, "a", false}));
    EXPECT_EQ(through<Filter>({{"at-least", 1}, {"at-most", 2.5}}, {0, 1, 2.0, 3, nullptr, NAN}), (List{1, 2.0}));
    EXPECT_EQ(through<Filter>({{"matches", "^b+$|x"}}, {"bb", "abb", "axe", "", nullptr}), (List{"bb", "axe"}));
    EXPECT_EQ(through<Filter>({{"matches", "x"}}, {std::string(10'000'000, 'a') + "x"}).size(), 1u) << "a long text";
    EXPECT_EQ(through<Filter>({{"matches", "x"}}, {std::string("a\0x", 3)}).size(), 1u);
    EXPECT_EQ(through<Filter>({{"equals", ""}}, {"", nullptr}), (List{""}));
    EXPECT_EQ(through<Filter>({{"equals", nullptr}}, {"", nullptr}), (List{nullptr}));
    EXPECT_THROW(through<Filter>({{"at-least", 1}}, {"a"}), ValueError);
    EXPECT_THROW(through<Filter>({{"matches", "a"}}, {1}), ValueError);
}

TEST(Filter, LooksUnderAKey) {
    const Map small{{"n", 1}, {"id", "x"}}, large{{"n", 9}, {"id", "y"}}, without{{"id", "z"}};
    EXPECT_EQ(through<Filter>({{"key", "n"}, {"at-least", 2}}, {small, large, without}), (List{large}));
    EXPECT_EQ(through<Filter>({{"key", "n"}, {"not", 9}}, {small, large, without}), (List{small, without}));
    EXPECT_EQ(through<Filter>({{"key", "n"}, {"equals", nullptr}}, {small, large, without}), (List{without}));
    EXPECT_THROW(through<Filter>({{"key", "n"}, {"equals", 1}}, {1}), ValueError);
}

TEST(Filter, SaysWhatIsWrongWithItsParameters) {
    EXPECT_THAT(Filter::check({{"key", "n"}, {"at-least", "{least}"}, {"matches", "{m}"}}), IsEmpty());
    EXPECT_THAT(Filter::check({{"key", "n"}}), ElementsAre(HasSubstr("needs to be told what may pass")));
    EXPECT_THAT(Filter::check({{"at-least", "one"}}), ElementsAre("`at-least` is \"one\"; it must be a number"));
    EXPECT_THAT(Filter::check({{"matches", "(a"}}),
                ElementsAre(HasSubstr("`matches` is \"(a\", which is no extended regular expression: ")));
    EXPECT_THAT(Filter::check({{"equal", 1}, {"not", 1}}), ElementsAre(HasSubstr("has no parameter `equal`")));
    EXPECT_THROW(through<Filter>({{"matches", "(a"}}, {}), std::invalid_argument);
}

TEST(Batch, MakesListsOfSoMany) {
    EXPECT_EQ(through<Batch>({{"items", 2}}, {1, 2, 3, 4, 5}), (List{List{1, 2}, List{3, 4}, List{5}}));
    EXPECT_EQ(through<Batch>({{"items", 2}}, {1, 2}), (List{List{1, 2}}));
    EXPECT_EQ(through<Batch>({{"items", 3}}, {}), List{});
    EXPECT_THAT(Batch::check({{"items", 0}}), ElementsAre("`items` is 0; it must be 1 to 1000000"));
    EXPECT_THAT(Batch::check({}), ElementsAre(HasSubstr("needs the parameter `items`")));
    EXPECT_THROW(through<Batch>({{"items", "two"}}, {}), std::invalid_argument);
}

TEST(StageFolds, TellOneNumberOfAllItems) {
    const List items{1, List{2, List{}}, std::vector<float>{0.5f, 4}, -1.5};
    EXPECT_EQ(through<Sum>({}, items), (List{6.0}));
    EXPECT_EQ(through<Mean>({}, items), (List{1.2}));
    EXPECT_EQ(through<Minimum>({}, items), (List{-1.5}));
    EXPECT_EQ(through<Maximum>({}, items), (List{4.0}));
    EXPECT_EQ(through<Sum>({}, {1, 2}), (List{3}));
    EXPECT_EQ(through<Maximum>({}, {1, 2}), (List{2}));
    EXPECT_EQ(through<CountItems>({}, {1, nullptr, List{}, "", false}), (List{5})) << "items, whatever they are";
}

TEST(StageFolds, OfNothing) {
    EXPECT_EQ(through<Sum>({}, {}), (List{0}));
    EXPECT_EQ(through<CountItems>({}, {}), (List{0}));
    EXPECT_THAT([] { through<Mean>({}, {}); },
                ThrowsMessage<ValueError>(HasSubstr("no numbers came, and `Mean` has no result of nothing")));
    EXPECT_THROW(through<Minimum>({}, {List{}}), ValueError);
}

TEST(StageFolds, AnItemThatIsWrongSomewhereCountsNowhere) {
    test::FakeContext context;
    test::Emitted emitted;
    Sum sum;
    sum.on_item(1, context);
    EXPECT_THAT(
        [&] {
            sum.on_item(List{10, "x"}, context);
        },
        ThrowsMessage<ValueError>("an item must hold numbers, arrays or lists of them, and it holds string"));
    EXPECT_THAT([&] { sum.on_item(nullptr, context); }, ThrowsMessage<ValueError>(HasSubstr("it holds null")));
    sum.on_item(2, context);
    sum.finish(emitted, context);
    EXPECT_EQ(emitted.items, (List{3}));
}

class Outputs : public testing::Test {
protected:
    template <class Stage>
    List through(Document with, const List& items) {
        test::FakeContext context(std::move(with));
        context.directory = folder_.path();
        return test::passed_through<Stage>(context, items);
    }
    test::Folder folder_;
};

TEST_F(Outputs, ToLinesWritesTextsAsTheyAreAndTheRestAsJson) {
    EXPECT_EQ(through<ToLines>({{"file", "out/a.txt"}}, {"text", 1, 0.5, Map{{"k", List{true, nullptr}}}, "", 2.0}),
              (List{6}));
    EXPECT_EQ(folder_.read("out/a.txt"), "text\n1\n0.5\n{\"k\":[true,null]}\n\n2.0\n");
    EXPECT_EQ(through<ToLines>({{"file", "out/a.txt"}}, {}), (List{0}));
    EXPECT_EQ(folder_.read("out/a.txt"), "");
}

TEST_F(Outputs, ToLinesLeavesNothingBehindThatIsNotComplete) {
    folder_.write("a.txt", "before");
    {
        test::FakeContext context(Document{{"file", "a.txt"}});
        context.directory = folder_.path();
        ToLines stage;
        stage.start(context);
        for (int i = 0; i < 100'000; ++i) stage.on_item("a line", context);
        EXPECT_EQ(folder_.names().size(), 2u);
        EXPECT_EQ(folder_.read("a.txt"), "before");
    }
    EXPECT_THAT(folder_.names(), ElementsAre("a.txt"));
    EXPECT_EQ(folder_.read("a.txt"), "before");
    EXPECT_EQ(through<ToLines>({{"file", "a.txt"}}, {"x"}), (List{1}));
    EXPECT_THAT(folder_.names(), ElementsAre("a.txt"));
    EXPECT_EQ(folder_.read("a.txt"), "x\n");
    EXPECT_THAT(
        [&] {
            through<ToLines>({{"file", "a.txt/b"}}, {});
        },
        ThrowsMessage<std::runtime_error>(HasSubstr("a.txt/b: Not a directory")));
    EXPECT_THAT(ToLines::check({}), ElementsAre("`to-lines` needs the parameter `file`: the file to be written"));
}

class ToLinesGoesOn : public Outputs {
protected:
    ToLinesGoesOn() { context_.directory = folder_.path(); }

    std::unique_ptr<ToLines> started() {
        auto stage = std::make_unique<ToLines>();
        stage->start(context_);
        return stage;
    }
    // One that has had this line, and made something more since.
    std::unique_ptr<ToLines> began() {
        auto stage = started();
        stage->on_item("one", context_);
        state_ = stage->snapshot(context_);
        stage->on_item("lost", context_);
        return stage;
    }
    std::unique_ptr<ToLines> restored() {
        auto stage = started();
        stage->restore(state_, context_);
        return stage;
    }
    List ends(ToLines& stage) {
        stage.on_item("two", context_);
        test::Emitted made;
        stage.finish(made, context_);
        return made.items;
    }

    test::FakeContext context_{Document{{"file", "a.txt"}}};
    Value state_;
};

TEST_F(ToLinesGoesOn, WhereAnotherProcessWas) {
    began().reset();
    EXPECT_THAT(folder_.names(), SizeIs(1));  // what is gone on with, under a hidden name
    EXPECT_EQ(ends(*restored()), (List{2}));
    EXPECT_EQ(folder_.read("a.txt"), "one\ntwo\n");
    EXPECT_THAT(folder_.names(), ElementsAre("a.txt"));
}

TEST_F(ToLinesGoesOn, WhileTheOtherOneStillHasItsFile) {
    const auto first = began();
    const auto second = restored();
    first->on_item("nobody reads this", context_);
    EXPECT_EQ(ends(*second), (List{2}));
    EXPECT_EQ(folder_.read("a.txt"), "one\ntwo\n");
}

TEST_F(ToLinesGoesOn, WhenTheFileWasCompleteAlready) {
    EXPECT_EQ(ends(*began()), (List{3}));
    for (int again = 0; again < 2; ++again) {
        const auto stage = restored();
        EXPECT_EQ(folder_.read("a.txt"), "one\nlost\ntwo\n") << "until there is another one";
    }
    EXPECT_THAT(folder_.names(), ElementsAre("a.txt"));
    EXPECT_EQ(ends(*restored()), (List{2}));
    EXPECT_EQ(folder_.read("a.txt"), "one\ntwo\n");
}

TEST_F(ToLinesGoesOn, NotWhenWhatItHadIsGone) {
    began().reset();
    EXPECT_EQ(through<ToLines>({{"file", "a.txt"}}, {}), (List{0}));
    EXPECT_THAT(folder_.names(), ElementsAre("a.txt")) << "what was left of it has gone";
    folder_.write("a.txt", "of somebody else, and long enough");
    EXPECT_THAT([&] { restored(); },
                ThrowsMessage<std::runtime_error>(
                    HasSubstr("is gone or too short. For the stream to begin again remove X.h5.run/positions")));
    EXPECT_THAT(folder_.names(), ElementsAre("a.txt"));
}

TEST_F(ToLinesGoesOn, OthersThatBeginAnewDoNotFillTheDisk) {
    for (int launch = 0; launch < 5; ++launch) began().reset();
    EXPECT_THAT(folder_.names(), SizeIs(1));
}

TEST_F(ToLinesGoesOn, AFileWhoseNameBeginsAlikeIsAnother) {
    began().reset();
    EXPECT_EQ(through<ToLines>({{"file", "a"}}, {"x"}), (List{1}));
    EXPECT_EQ(ends(*restored()), (List{2}));
    EXPECT_THAT(folder_.names(), ElementsAre("a", "a.txt"));
}

TEST_F(Outputs, ToFilesWritesAFileOfEachItem) {
    const auto path = [&](const char* name) { return Value((folder_.path() / "d" / name).string()); };
    const Bytes bytes{std::byte{0}, std::byte{255}};
    const List items{"text", Map{{"name", "own.bin"}, {"content", bytes}}, List{1, 2}, Map{{"name", "x"}}};
    EXPECT_EQ(
        through<ToFiles>({{"directory", "d"}, {"suffix", ".json"}}, items),
        (List{path("item-00000000.json"), path("own.bin"), path("item-00000001.json"), path("item-00000002.json")}));
    EXPECT_EQ(folder_.read("d/item-00000000.json"), "text");
    EXPECT_EQ(folder_.read("d/own.bin"), std::string("\0\xff", 2));
    EXPECT_EQ(folder_.read("d/item-00000001.json"), "[1,2]\n");
    EXPECT_EQ(folder_.read("d/item-00000002.json"), "{\"name\":\"x\"}\n");
}

TEST_F(Outputs, ToFilesWritesNowhereElse) {
    for (const char* name : {"", ".", "..", "../a", "/a", "a/b"})
        EXPECT_THAT(([&] {
                        through<ToFiles>({{"directory", "d"}}, {Map{{"name", name}, {"content", 1}}});
                    }),
                    ThrowsMessage<std::runtime_error>(HasSubstr("is no name for a file of `to-files`")));
    EXPECT_THAT(folder_.names(), IsEmpty());
    EXPECT_THAT(ToFiles::check({{"directory", "d"}, {"suffix", "/x"}}), ElementsAre(HasSubstr("`suffix` is \"/x\"")));
    EXPECT_THAT(ToFiles::check({}), ElementsAre(HasSubstr("needs the parameter `directory`")));
}

TEST(BuiltinTypes, KnowWhatTheyAre) {
    const auto type = [](std::string_view name) {
        for (const WorkerType& t : builtin_worker_types())
            if (t.name == name) return t;
        throw std::runtime_error("no such type");
    };
    EXPECT_EQ(type("lines").form, StageForm::source);
    EXPECT_EQ(type("flatten").form, StageForm::generator);
    EXPECT_EQ(type("filter").form, StageForm::map);
    EXPECT_EQ(type("batch").form, StageForm::fold);
    EXPECT_EQ(type("filter").create, nullptr) << "no job";
    EXPECT_EQ(type("count").form, StageForm::fold);
    EXPECT_EQ(type("count").create, nullptr);
    EXPECT_EQ(type("Count").form, StageForm::fold);
    EXPECT_NE(type("Count").create, nullptr) << "a job too";
    EXPECT_NE(type("Count").create_stage, nullptr);
    EXPECT_EQ(type("constant").form, StageForm::none);
}

}  // namespace
}  // namespace penstock
