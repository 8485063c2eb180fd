// The rows of one job template while a segment grows in memory: parameters and outputs of its records.
#pragma once

#include "core/plan.hpp"
#include "store/column_buffer.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace penstock {

// One row a record, whatever became of it: parameters always, values where it made some.
class ResultGroup {
public:
    struct Column {
        std::string name;
        ColumnBuffer values;
        bool saved = true;  // false: `save:` of the job leaves it out
    };

    // Without columns, as merging needs it.
    ResultGroup() = default;
    explicit ResultGroup(const JobTemplate& job);

    // `job_row`: of the segment's /jobs; ascending.
    void add(std::uint32_t job_row, std::uint32_t instance, const Document* outputs, const StoreLarge& store_large);
    void add(std::uint32_t job_row, const Document& parameters, const Document& outputs, const StoreLarge& store_large);
    // Makes or finds the column; a new one has no value in the rows so far.
    ColumnBuffer& parameter(const std::string& name);
    ColumnBuffer& output(const std::string& key);

    std::uint64_t rows() const { return jobs_.size() / sizeof(std::uint32_t); }
    bool has_references() const;  // some value has a file of its own
    // For rows whose columns were added from outside.
    Buffer& jobs() { return jobs_; }
    std::vector<Column>& parameters() { return parameters_; }
    std::vector<Column>& outputs() { return outputs_; }  // by key

private:
    // How a parameter follows from the number of the instance.
    struct Axis {
        const penstock::Axis* axis = nullptr;
        std::uint64_t stride = 1;
        std::uint64_t size = 1;
    };
    void add_parameters(std::uint32_t instance, const StoreLarge& store_large);
    void add_document(std::vector<Column>& columns, const Document* document, const StoreLarge& store_large);
    ColumnBuffer& column_of(std::vector<Column>& columns, const std::string& name);

    SavePolicy save_;
    std::shared_ptr<const ForEach> for_each_;  // keeps the axes
    std::vector<Axis> axes_;                   // beside parameters_
    Buffer jobs_;
    std::vector<Column> parameters_;
    std::vector<Column> outputs_;
};

}  // namespace penstock
