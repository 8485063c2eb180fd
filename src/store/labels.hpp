// Names of instances: "seed=0,beta=0.1".
#pragma once

#include "store/catalog.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace penstock {

// Segments do not keep the names but the parameters they are made of; results files keep both.
class Labels {
public:
    Labels(SourcePool& sources, const Catalog& catalog);
    ~Labels();

    // Of a job; "" for one without for-each. Valid until the next call. Fast for jobs in order.
    std::string_view of(const Catalog::Job& job);

private:
    class Reader;
    Reader& reader_of(const Catalog::Job& job);

    SourcePool& sources_;
    const Catalog& catalog_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Reader>> readers_;  // by source and template
    std::uint64_t last_key_ = ~std::uint64_t{0};
    Reader* last_ = nullptr;
    std::string label_;
};

// The row of `table` for a row of /jobs, or its number of rows when there is none. `hint`: where it was last.
std::uint64_t row_in(const Buffer& table_jobs, std::uint32_t job_row, std::uint64_t& hint);

}  // namespace penstock
