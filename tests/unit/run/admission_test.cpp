// Who may send what to whom: each message from each rank of a launch, and what is said of those that are refused.
#include "run/admission.hpp"

#include <gmock/gmock.h>

#include <set>
#include <string>
#include <vector>

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Rank 0 router, 1 pipeliner, 2 and 3 brokers.
LaunchLayout four_ranks() {
    std::vector<RankFacts> facts;
    for (std::uint32_t r = 0; r < 4; ++r) facts.push_back({"node", 100 + r, {r}, 0});
    return lay_out(facts, 0, 1, std::nullopt);
}

class AdmissionTest : public ::testing::Test {
protected:
    bool admits(std::uint32_t from, std::uint32_t to, Message message) {
        Admission admission(layout_, to, [this](std::uint32_t sender, const std::string& problem) {
            told_.push_back("from " + std::to_string(sender) + ": " + problem);
        });
        return admission.admits({from, to, std::move(message)});
    }
    // Ranks of which rank `to` takes the message.
    std::set<std::uint32_t> senders(std::uint32_t to, const Message& message) {
        std::set<std::uint32_t> all;
        for (std::uint32_t from = 0; from < 4; ++from)
            if (admits(from, to, message)) all.insert(from);
        return all;
    }

    const LaunchLayout layout_ = four_ranks();
    std::vector<std::string> told_;
};

TEST_F(AdmissionTest, EachMessageComesFromTheRoleThatSendsIt) {
    EXPECT_THAT(senders(0, RouterMessage(msg::Ready{})), ElementsAre(0, 1));
    EXPECT_THAT(senders(0, RouterMessage(msg::Skipped{})), ElementsAre(0, 1));
    EXPECT_THAT(senders(0, RouterMessage(msg::Ended{})), ElementsAre(2, 3));
    EXPECT_THAT(senders(0, RouterMessage(msg::Durable{})), ElementsAre(2, 3));
    EXPECT_THAT(senders(0, RouterMessage(msg::Bye{})), ElementsAre(2, 3));
    EXPECT_THAT(senders(0, RouterMessage(msg::Alive{})), ElementsAre(0, 1, 2, 3));
    EXPECT_THAT(senders(1, PipelinerMessage(msg::StartPipelines{})), ElementsAre(0));
    EXPECT_THAT(senders(1, PipelinerMessage(msg::Stop{})), ElementsAre(0));
    EXPECT_THAT(senders(1, PipelinerMessage(msg::Ended{})), ElementsAre(2, 3));
    EXPECT_THAT(senders(1, PipelinerMessage(msg::Locate{})), ElementsAre(2, 3));
    EXPECT_THAT(senders(2, BrokerMessage(msg::Assign{})), ElementsAre(0));
    EXPECT_THAT(senders(2, BrokerMessage(msg::Stop{})), ElementsAre(0));
    EXPECT_THAT(senders(2, BrokerMessage(msg::Located{})), ElementsAre(0, 1));
    EXPECT_THAT(senders(2, BrokerMessage(msg::Release{})), ElementsAre(0, 1));
    EXPECT_THAT(senders(2, BrokerMessage(msg::Fetched{})), ElementsAre(2, 3));
    EXPECT_THAT(senders(2, BrokerMessage(msg::StreamTaken{})), ElementsAre(0, 2, 3));
    EXPECT_THAT(senders(0, BrokerMessage(msg::StreamTaken{})), ElementsAre(0, 2, 3));
}

TEST_F(AdmissionTest, ARankWithoutTheRoleTakesNothingForIt) {
    EXPECT_THAT(senders(2, RouterMessage(msg::Durable{})), ElementsAre());
    EXPECT_THAT(senders(2, PipelinerMessage(msg::Stop{})), ElementsAre());
    EXPECT_THAT(senders(1, BrokerMessage(msg::Stop{})), ElementsAre());
}

TEST_F(AdmissionTest, WhatRanksSayOfRanksIsForAll) {
    for (std::uint32_t to = 1; to < 4; ++to) {
        EXPECT_THAT(senders(to, BrokerMessage(msg::RankLost{3})), ElementsAre(0));
        EXPECT_THAT(senders(to, BrokerMessage(msg::Leave{})), ElementsAre(0));
        EXPECT_THAT(senders(to, BrokerMessage(msg::Alive{})), ElementsAre(0, 1, 2, 3));
    }
}

TEST_F(AdmissionTest, WhatIsRefusedIsToldWithItsSender) {
    EXPECT_FALSE(admits(3, 2, BrokerMessage(msg::Recall{7})));
    EXPECT_FALSE(admits(3, 1, BrokerMessage(msg::Recall{7})));
    EXPECT_THAT(told_, ElementsAre("from 3: only the router sends Recall 7",
                                   "from 3: this rank has no role that takes Recall 7"));
}

TEST_F(AdmissionTest, AFloodIsCountedAndToldOnlyInPart) {
    Admission admission(layout_, 0, [this](std::uint32_t, const std::string& problem) { told_.push_back(problem); });
    for (int i = 0; i < 1000; ++i) admission.refuse(3, "a frame that cannot be read");
    admission.refuse(2, "another");
    EXPECT_EQ(admission.refused(), 1001u);
    ASSERT_EQ(told_.size(), Admission::kMostTold + 1);
    EXPECT_THAT(told_[Admission::kMostTold - 1], HasSubstr("further ones of that rank are dropped without a word"));
}

// One process that is everything sends to itself.
TEST_F(AdmissionTest, OneRankHasAllRoles) {
    const LaunchLayout alone = lay_out({{"node", 1, {0}, 0}}, 0, 1, std::nullopt);
    Admission admission(alone, 0, [](std::uint32_t, const std::string&) {});
    EXPECT_TRUE(admission.admits({0, 0, RouterMessage(msg::Ready{})}));
    EXPECT_TRUE(admission.admits({0, 0, PipelinerMessage(msg::Stop{})}));
    EXPECT_TRUE(admission.admits({0, 0, BrokerMessage(msg::Assign{})}));
}

}  // namespace
}  // namespace penstock
