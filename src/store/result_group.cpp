#include "store/result_group.hpp"

#include <algorithm>

namespace penstock {

ResultGroup::ResultGroup(const JobTemplate& job) : save_(job.save), for_each_(job.for_each) {
    if (!for_each_) return;
    // Dimensions multiply and the last varies fastest; the axes of one dimension advance together.
    std::uint64_t stride = 1;
    for (auto dimension = for_each_->dimensions.rbegin(); dimension != for_each_->dimensions.rend(); ++dimension) {
        const std::uint64_t size = dimension->empty() ? 1 : dimension->front().size();
        for (auto axis = dimension->rbegin(); axis != dimension->rend(); ++axis) {
            axes_.push_back({&*axis, stride, size});
            parameters_.push_back({axis->name, {}});
        }
        stride *= size;
    }
    std::reverse(axes_.begin(), axes_.end());
    std::reverse(parameters_.begin(), parameters_.end());
}

void ResultGroup::add(std::uint32_t job_row, std::uint32_t instance, const Document* outputs,
                      const StoreLarge& store_large) {
    add_parameters(instance, store_large);
    if (outputs != nullptr || !outputs_.empty()) add_document(outputs_, outputs, store_large);
    jobs_.put(job_row);
}

void ResultGroup::add(std::uint32_t job_row, const Document& parameters, const Document& outputs,
                      const StoreLarge& store_large) {
    for (const auto& [name, value] : parameters) parameter(name).add(value, store_large);
    add_document(outputs_, &outputs, store_large);
    jobs_.put(job_row);
    for (Column& column : parameters_)
        if (column.values.rows() < rows()) column.values.add_absent();
}

void ResultGroup::add_parameters(std::uint32_t instance, const StoreLarge& store_large) {
    for (std::size_t i = 0; i < axes_.size(); ++i) {
        const Axis& axis = axes_[i];
        const std::uint64_t index = instance / axis.stride % axis.size;
        if (const auto* range = std::get_if<Range>(&axis.axis->values))
            parameters_[i].values.add_int64(range->start + static_cast<std::int64_t>(index) * range->step);
        else if (const auto* values = std::get_if<std::vector<Value>>(&axis.axis->values))
            parameters_[i].values.add((*values)[index], store_large);
        else
            parameters_[i].values.add(axis.axis->at(index), store_large);
    }
}

// Documents of one job mostly have the same keys, so the columns are walked beside the document, both in order.
void ResultGroup::add_document(std::vector<Column>& columns, const Document* document, const StoreLarge& store_large) {
    std::size_t at = 0;
    const auto skip = [&] {
        if (columns[at].saved) columns[at].values.add_absent();
        ++at;
    };
    if (document != nullptr) {
        for (const auto& [key, value] : *document) {
            int order = -1;
            while (at < columns.size() && (order = columns[at].name.compare(key)) < 0) skip();
            if (at == columns.size() || order != 0) {
                const bool saved = save_.saves(key);
                columns.insert(columns.begin() + static_cast<std::ptrdiff_t>(at),
                               {key, ColumnBuffer(saved ? rows() : 0), saved});
            }
            if (columns[at].saved) columns[at].values.add(value, store_large);
            ++at;
        }
    }
    while (at < columns.size()) skip();
}

ColumnBuffer& ResultGroup::column_of(std::vector<Column>& columns, const std::string& name) {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == name; });
    if (found != columns.end()) return found->values;
    return columns.emplace_back(Column{name, ColumnBuffer(rows())}).values;
}

ColumnBuffer& ResultGroup::parameter(const std::string& name) { return column_of(parameters_, name); }

ColumnBuffer& ResultGroup::output(const std::string& key) {
    column_of(outputs_, key);
    std::sort(outputs_.begin(), outputs_.end(), [](const Column& a, const Column& b) { return a.name < b.name; });
    return column_of(outputs_, key);
}

bool ResultGroup::has_references() const {
    const auto refers = [](const Column& column) { return column.values.has_references(); };
    return std::any_of(parameters_.begin(), parameters_.end(), refers) ||
           std::any_of(outputs_.begin(), outputs_.end(), refers);
}

}  // namespace penstock
