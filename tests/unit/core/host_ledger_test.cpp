#include "core/host_ledger.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using Fit = HostLedger::Fit;

Resources wanted(std::uint32_t cpus, std::uint64_t memory = 0, std::map<std::string, std::uint64_t> named = {}) {
    return {cpus, memory, std::move(named)};
}

TEST(HostLedger, CountsCpusOfReservedAndOfOneCpuJobs) {
    HostLedger ledger({{"a", 8, 0}}, {});
    EXPECT_EQ(ledger.fits(0, wanted(8), 0), Fit::now);
    EXPECT_EQ(ledger.fits(0, wanted(8), 1), Fit::later_cpus);
    ledger.reserve(0, wanted(4));
    EXPECT_EQ(ledger.reserved_cpus(0), 4u);
    EXPECT_EQ(ledger.fits(0, wanted(4), 0), Fit::now);
    EXPECT_EQ(ledger.fits(0, wanted(4), 1), Fit::later_cpus);
    ledger.release(0, wanted(4));
    EXPECT_EQ(ledger.reserved_cpus(0), 0u);
    EXPECT_EQ(ledger.fits(0, wanted(8), 0), Fit::now);
}

TEST(HostLedger, CountsMemoryPerHost) {
    HostLedger ledger({{"a", 8, 1000}, {"b", 8, 0}}, {});
    ledger.reserve(0, wanted(1, 600));
    EXPECT_EQ(ledger.fits(0, wanted(1, 400), 0), Fit::now);
    EXPECT_EQ(ledger.fits(0, wanted(1, 401), 0), Fit::later_memory);
    ledger.reserve(1, wanted(1, 5000));
    EXPECT_EQ(ledger.fits(1, wanted(1, 5000), 0), Fit::now) << "a host of unknown size does not account memory";
    ledger.release(0, wanted(1, 600));
    EXPECT_EQ(ledger.fits(0, wanted(1, 1000), 0), Fit::now);
}

TEST(HostLedger, CountsNamedResourcesOverAllHosts) {
    HostLedger ledger({{"a", 8, 0}, {"b", 8, 0}}, {{"matlab", 2}});
    ledger.reserve(0, wanted(1, 0, {{"matlab", 1}}));
    EXPECT_EQ(ledger.fits(1, wanted(1, 0, {{"matlab", 1}}), 0), Fit::now);
    ledger.reserve(1, wanted(1, 0, {{"matlab", 1}}));
    EXPECT_EQ(ledger.fits(0, wanted(1, 0, {{"matlab", 1}}), 0), Fit::later_named);
    ledger.release(0, wanted(1, 0, {{"matlab", 1}}));
    EXPECT_EQ(ledger.fits(1, wanted(1, 0, {{"matlab", 1}}), 0), Fit::now);
    EXPECT_EQ(ledger.fits(1, wanted(1, 0, {{"abaqus", 1}}), 0), Fit::later_named);
}

TEST(HostLedger, KnowsWhatAnEmptyHostCouldHold) {
    HostLedger ledger({{"small", 2, 9000}, {"large", 16, 0}}, {});
    ledger.reserve(0, wanted(2, 9000));
    EXPECT_TRUE(ledger.could_hold(0, wanted(2, 9000)));
    EXPECT_FALSE(ledger.could_hold(0, wanted(3)));
    EXPECT_FALSE(ledger.could_hold(0, wanted(1, 9001)));
    EXPECT_TRUE(ledger.could_hold(1, wanted(16, 1ull << 60)));
}

TEST(HostLedger, SaysNothingOfWhatFitsSomewhere) {
    const HostLedger ledger({{"small", 2, 1000}, {"large", 16, 8000}}, {{"matlab", 2}});
    EXPECT_EQ(ledger.impossible(wanted(16, 8000, {{"matlab", 2}})), std::nullopt);
    EXPECT_EQ(HostLedger({{"unknown", 1, 0}}, {}).impossible(wanted(1, 1ull << 60)), std::nullopt);
}

TEST(HostLedger, SaysWhyAJobNeverFitsAndWhatToDo) {
    const HostLedger ledger({{"small", 2, 9000}, {"large", 16, 8000}}, {{"matlab", 2}});
    EXPECT_EQ(ledger.impossible(wanted(32)),
              "it needs 32 CPUs on one host and the largest host has 16; launch on larger hosts, or give each broker "
              "more with --slots 32");
    EXPECT_EQ(ledger.impossible(wanted(1, 10'000)),
              "it needs 10000 bytes of memory on one host and the largest has 9000; launch on hosts with more memory, "
              "or lower `memory:`");
    EXPECT_EQ(ledger.impossible(wanted(1, 0, {{"matlab", 3}})),
              "it needs 3 of the resource `matlab` and the run has 2; give --resources matlab=3 or more");
    EXPECT_EQ(ledger.impossible(wanted(1, 0, {{"abaqus", 1}})),
              "it needs the resource `abaqus`, which this run does not have; give --resources abaqus=1 or more");
}

// The host with the memory has not the CPUs, and the other way round: neither figure alone is the reason.
TEST(HostLedger, SaysSoWhenNoHostHasBoth) {
    const HostLedger ledger({{"small", 2, 9000}, {"large", 16, 8000}}, {});
    EXPECT_EQ(ledger.impossible(wanted(4, 9000)),
              "it needs 4 CPUs and 9000 bytes of memory on one host and no host has both; launch on larger hosts, or "
              "lower `cpus:` or `memory:`");
}

}  // namespace
}  // namespace penstock
