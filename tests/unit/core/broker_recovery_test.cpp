#include "support/broker_fixture.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::sent;

class BrokerRecovery : public test::BrokerTest {
protected:
    void withdraw(std::uint32_t epoch = 1, std::uint32_t pipeliner = 7) {
        on(msg::Withdraw{PipelineId(1), epoch, pipeliner});
    }
    Lines told() {
        broker_->settle(out_);
        return sent(out_);
    }
};

TEST_F(BrokerRecovery, WhatHasNotStartedIsDroppedAndWhatRunsIsSaid) {
    make(2, "a[10]");
    assign(0, 10, 0);
    settled();
    withdraw();
    EXPECT_EQ(told(), (Lines{"0: Withdrawn 1 epoch 1: running 1:[0,2); held nothing"}));
    EXPECT_EQ(broker_->queued(), 0u);
    EXPECT_EQ(broker_->running(), 2u);
}

TEST_F(BrokerRecovery, TheAnswerWaitsUntilWhatHasEndedIsDurable) {
    make(1, "a[2]");
    assign(0, 2, 0);
    settled();
    end(0);
    settled();
    out_.take();
    withdraw();
    EXPECT_EQ(told(), Lines());
    broker_->durable(1);
    EXPECT_EQ(told(), (Lines{"0: Withdrawn 1 epoch 1: running 1:1; held nothing"}));
}

TEST_F(BrokerRecovery, AnEndIsToldAfterContinueToTheNewPipelinerAndInTheNewEpoch) {
    make(1, "a[1]");
    assign(0, 1, 0);
    settled();
    withdraw();
    told();
    end(0);
    EXPECT_EQ(told(), Lines());
    on(msg::Continue{PipelineId(1), 1});
    EXPECT_EQ(told(), (Lines{"7: Ended 1:0 succeeded attempt 1 records 1 busy 1000000000 ns epoch 1",
                             "0: Ended 1:0 succeeded attempt 1 records 1 busy 1000000000 ns epoch 1"}));
}

TEST_F(BrokerRecovery, AContinueOfAnEarlierEpochIsIgnored) {
    make(1, "a[1]");
    assign(0, 1, 0);
    settled();
    withdraw(2);
    told();
    end(0);
    on(msg::Continue{PipelineId(1), 1});
    EXPECT_EQ(told(), Lines());
    EXPECT_EQ(broker_->ignored(), 1u);
}

TEST_F(BrokerRecovery, WhatHasEndedSinceAnEarlierWithdrawIsStillSaidToRun) {
    make(1, "a[1]");
    assign(0, 1, 0);
    settled();
    withdraw(1);
    told();
    end(0);
    told();
    withdraw(2);
    broker_->durable(1);
    EXPECT_EQ(told(), (Lines{"0: Withdrawn 1 epoch 2: running 1:0; held nothing"}));
    on(msg::Continue{PipelineId(1), 2});
    EXPECT_EQ(told().size(), 2u);
}

TEST_F(BrokerRecovery, AFailedAttemptSinceAnEarlierWithdrawIsStillSaidToRun) {
    make(1, "a : retries 2");
    assign(0, 1, 0);
    settled();
    withdraw(1);
    told();
    end(0, false);
    told();
    withdraw(2);
    broker_->durable(1);
    EXPECT_EQ(told(), (Lines{"0: Withdrawn 1 epoch 2: running 1:0; held nothing"}));
    on(msg::Continue{PipelineId(1), 2});
    EXPECT_EQ(told().size(), 1u) << "the router makes of it another attempt";
}

TEST_F(BrokerRecovery, WhatCouldNotBeStoredIsToldAfterTheEndThatWasKeptBack) {
    make(1, "a[1]");
    assign(0, 1, 0);
    settled();
    withdraw();
    told();
    end(0);
    told();
    broker_->refused({jobs(0), "too large"}, out_);
    EXPECT_EQ(told(), Lines());
    on(msg::Continue{PipelineId(1), 1});
    const Lines lines = told();
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[1].substr(0, 8), "0: Ended");
    EXPECT_EQ(lines[2].substr(0, 10), "0: Refused");
}

TEST_F(BrokerRecovery, JobsThatWaitForInputsAreDroppedToo) {
    make(1, "a[2] => b[2]");
    on(msg::Assign{jobs(2, 2), TemplateIndex(1), 1, 4, true});
    host_.take();
    withdraw();
    EXPECT_EQ(told(), (Lines{"0: Withdrawn 1 epoch 1: running nothing; held nothing"}));
    EXPECT_EQ(host_.forgotten_inputs_, 2u);
    settled();
    broker_->inputs_arrived(host_.fetched(2));
    EXPECT_EQ(settled(), Lines()) << "they came too late";
}

TEST_F(BrokerRecovery, OtherPipelinesGoOn) {
    make(1, "a[4]");
    introduce(2);
    assign(0, 4, 0);
    assign(0, 4, 0, 2);
    settled();
    withdraw();
    told();
    EXPECT_EQ(broker_->queued(), 4u);
    settled();
    end(0);
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 0"}));
    EXPECT_EQ(sent(out_), Lines()) << "the end of the other one's job is kept back";
}

TEST_F(BrokerRecovery, OutputsAreSaidToBeHeldAndAReleaseOfBeforeIsIgnored) {
    make(1, "a[2] => b[2]");
    host_.held_ = {jobs(0, 2)};
    withdraw();
    EXPECT_EQ(told(), (Lines{"0: Withdrawn 1 epoch 1: running nothing; held 1:[0,2)"}));
    host_.take();
    on(msg::Release{jobs(0)});
    EXPECT_EQ(host_.take(), Lines());
    on(msg::Release{jobs(0), 1});
    EXPECT_EQ(host_.take(), (Lines{"release 0+1"}));
}

TEST_F(BrokerRecovery, ItNoLongerGoesOnWithFollowersByItself) {
    make(1, "a[1] -> b[1]", true);
    assign(0, 1, 0);
    settled();
    withdraw();
    told();
    on(msg::Continue{PipelineId(1), 1});
    EXPECT_FALSE(end(0).follow);
}

TEST_F(BrokerRecovery, APipelineThatIsForgottenIsAnsweredOnceItIsDurable) {
    make(1, "a[1]");
    on(msg::Withdraw{PipelineId(9), 1, 1});
    EXPECT_EQ(told(), (Lines{"0: Withdrawn 9 epoch 1: running nothing; held nothing"}));
    assign(0, 1, 0);
    settled();
    end(0);
    told();
    on(msg::ForgetPipeline{PipelineId(1)});
    withdraw();
    EXPECT_EQ(told(), Lines());
    broker_->durable(1);
    EXPECT_EQ(told(), (Lines{"0: Withdrawn 1 epoch 1: running nothing; held nothing"}));
}

}  // namespace
}  // namespace penstock
