// `to-lines`: writes each item as a line of the file `file`: strings as they are (a line end in one makes two lines),
// all others as JSON. At the end the file appears, complete, in place of what had its name, and how many items there
// were is the only item that this stage makes. Until then it is written under a hidden name beside it, where it stays
// when the stream is stopped: the next launch goes on with it, or removes it. A relative path is one from the folder of
// the definition; folders are made.
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
    Value snapshot(Context&) override;
    void restore(const Value& state, Context&) override;

private:
    std::filesystem::path path_;
    std::unique_ptr<OutputFile> file_;
    std::int64_t items_ = 0;
    bool anew_ = true;  // nothing of an earlier one is gone on with
};

}  // namespace penstock
