// `to-lines`: writes each item as a line of the file `file`: strings as they are (a line end in one makes two lines), all
// others as JSON. At the end the file appears, complete, in place of what had its name, and how many items there were is
// the only item that this stage makes. A relative path is one from the folder of the definition; folders are made.
#pragma once

#include "workers/output_file.hpp"

#include <penstock/worker.hpp>

#include <cstdint>
#include <memory>

namespace penstock {

class ToLines : public FoldWorker {
public:
    static constexpr std::string_view kName = "to-lines";
    static std::vector<std::string> check(const Document& with);
    void start(Context& context) override;
    void on_item(const Value& item, Context&) override;
    void finish(Emit& emit, Context&) override;

private:
    std::unique_ptr<OutputFile> file_;
    std::int64_t items_ = 0;
};

}  // namespace penstock
