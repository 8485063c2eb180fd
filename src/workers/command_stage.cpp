#include "workers/command_stage.hpp"

#include "exec/command_results.hpp"
#include "exec/command_shell.hpp"
#include "exec/command_spec.hpp"
#include "exec/stage_child.hpp"
#include "exec/stage_known.hpp"
#include "language/diagnostic.hpp"
#include "value/utf8.hpp"
#include "workers/command_frames.hpp"

#include <penstock/running_fold.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

namespace penstock {

namespace {

constexpr std::array<std::string_view, 4> kFrames{"", "lines", "json", "length"};  // as in Frames
constexpr int kGrace = 1000;                 // ms that a program has to end once its input has
constexpr std::string_view kWhole = "item";  // what an item that is no map is called
constexpr std::string_view kText = "text";   // the output of a command that declares none

// The parameters without those of stages alone.
Document of_jobs(const Document& with) {
    Document rest = with;
    for (const std::string_view name : {std::string_view("frames"), std::string_view("form"), kKnownValues})
        if (const auto at = rest.find(name); at != rest.end()) rest.erase(at);
    return rest;
}

std::string_view word(const Document& with, std::string_view name) {
    const auto at = with.find(name);
    return at != with.end() && at->second.is(Value::Type::string) ? std::string_view(at->second.string()) : "";
}

Frames frames_of(const Document& with) {
    return static_cast<Frames>(std::find(kFrames.begin(), kFrames.end(), word(with, "frames")) - kFrames.begin());
}

std::size_t most_bytes(Frames frames) {
    return frames == Frames::length ? kMaxFrameBytes + kMaxLineBytes : 2 * kMaxLineBytes;
}

// A command of a worker of a stage, before any item. One object serves one worker.
class StageCommand {
public:
    void start(Context& context) {
        context_ = &context;
        frames_ = frames_of(context.parameters());
        const auto known = context.parameters().find(kKnownValues);
        site_ = {Environment::of_this_process(), std::filesystem::current_path(), {}};
        site_.environment.set("PENSTOCK_WORKER", std::to_string(context.worker()));
        site_.environment.set("PENSTOCK_WORKERS", std::to_string(context.workers()));
        plan_ = std::make_shared<Plan>();
        plan_->name = context.pipeline();
        plan_->definition_directory = context.definition_directory().string();
        if (known != context.parameters().end()) plan_->data = known->second.map();
        job_.name = context.job();
        job_.worker = "command";
        job_.with = of_jobs(context.parameters());
        job_.resources.cpus = static_cast<std::uint32_t>(std::max(1, context.cpus()));
        makes_text_ = frames_ == Frames::none && !job_.with.contains("outputs");
        if (makes_text_) job_.with["outputs"] = Map{{std::string(kText), Map{{"text", "stdout"}}}};
        for (const std::string& name : command_needs(job_.with)) {
            Binding binding;
            binding.key = binding.source_key = name;
            binding.from = job_.with.contains(name) ? Binding::From::with : Binding::From::data;
            job_.bindings.push_back(std::move(binding));
        }
        shared_ = std::make_shared<CommandTemplate>(job_, *plan_, site_);
        if (shared_->heavy()) site_.scratch_root = context.scratch();
    }

    Frames frames() const { return frames_; }
    bool makes_text() const { return makes_text_; }
    Context& context() { return *context_; }

    // For one item, or (without) for all.
    std::unique_ptr<PreparedCommand> prepare(Document item) {
        auto pipeline = std::make_shared<PipelineContext>();
        pipeline->plan = plan_;
        pipeline->info.own_data = std::move(item);
        Ticket ticket;
        ticket.pipeline = std::move(pipeline);
        ticket.job = &job_;
        ticket.instance = context_->worker();
        ticket.attempt = static_cast<std::uint32_t>(++prepared_);
        scratch_.clear();
        return shared_->prepare(ticket, scratch_);
    }
    void remove_scratch() {
        std::error_code left;
        if (!scratch_.empty()) std::filesystem::remove_all(scratch_, left);
    }

private:
    Context* context_ = nullptr;
    Frames frames_ = Frames::none;
    bool makes_text_ = false;
    CommandSite site_;
    std::shared_ptr<Plan> plan_;
    JobTemplate job_;
    std::shared_ptr<CommandTemplate> shared_;
    std::filesystem::path scratch_;
    std::uint64_t prepared_ = 0;
};

// ------------------------------------------------------------------------------------------ one program an item

Value run_for(StageCommand& command, const Value& item) {
    const auto prepared =
        command.prepare(item.is(Value::Type::map) ? item.map() : Document{{std::string(kWhole), item}});
    StageChild child(*prepared, command.context(), prepared->input != nullptr, kMaxStreamOutputBytes);
    if (prepared->input != nullptr) {
        for (const std::string_view piece : prepared->input->pieces)
            if (!child.write(piece)) break;  // it does not want the rest, which is its right
        child.close_input();
    }
    while (child.read_more()) {
    }
    StreamText output{std::move(child.output()), false};
    const CommandEnd end = child.end(kGrace);
    if (end.exit_code != 0 || end.signal != 0) throw std::runtime_error(child.end_text(end));
    Document made = read_results(*prepared, output, {});
    command.remove_scratch();
    if (!command.makes_text()) return made;
    std::string line = at(made, kText).string();
    if (line.ends_with('\n')) line.pop_back();
    return line;
}

// ------------------------------------------------------------------------------------------ one for all items

// The program of a worker and its frames; started when first needed, and anew after whatever went wrong.
class Talk {
public:
    void start(Context& context) { command_.start(context); }
    Context& context() { return command_.context(); }
    StageChild* child() const { return child_.get(); }
    StageCommand& command() { return command_; }

    StageChild& begin(bool reads_input = true) {
        if (child_ != nullptr && child_->has_ended()) {
            // It has answered all it was asked: the next item has nothing to do with its end.
            context().log(child_->lost_text() + "; another one is started for the next item");
            child_.reset();
        }
        if (child_ == nullptr) {
            prepared_ = command_.prepare({});
            child_ = std::make_unique<StageChild>(*prepared_, context(), reads_input, most_bytes(command_.frames()));
            looked_at_ = 0;
        }
        return *child_;
    }

    // One item to the program; `answer` is called with each of its answers. When anything goes wrong the program is
    // ended.
    template <class Answer>
    void exchange(const Value& item, bool many, Answer&& answer) {
        try {
            frame_.clear();
            append_frame(command_.frames(), item, frame_);
            StageChild& child = begin();
            if (!child.output().empty())
                throw std::runtime_error(
                    fmt::format("the command `{}` wrote more than it was asked for, after the item "
                                "before this one: \"{}\"",
                                prepared_->title(), beginning()));
            child.write(frame_);
            for (;;) {
                std::optional<Value> one = next(many);
                if (one) answer(*one);
                if (!one || !many) break;
            }
            if (!child.output().empty())
                throw std::runtime_error(fmt::format("the command `{}` wrote more than one answer to an item: \"{}\"{}",
                                                     prepared_->title(), beginning(),
                                                     many ? "" : "; with `form: generator` it may"));
        } catch (...) {
            child_.reset();
            throw;
        }
    }

    // What is complete of what has been read.
    std::optional<Value> take(bool many, bool& end) {
        std::string& output = child_->output();
        std::optional<Frame> frame;
        try {
            frame = first_frame(command_.frames(), output, many, looked_at_);
        } catch (const std::runtime_error& error) {
            throw std::runtime_error(
                fmt::format("the command `{}` cannot be understood: {}", prepared_->title(), error.what()));
        }
        end = false;
        if (!frame) return std::nullopt;
        end = !frame->answer;
        output.erase(0, frame->bytes);
        return std::move(frame->answer);
    }

    const PreparedCommand& prepared() const { return *prepared_; }
    void end() { child_.reset(); }
    // Once there are no more items: it may have something to write into files.
    void end_well() {
        if (child_ == nullptr) return;
        const CommandEnd end = child_->end(kGrace);
        if (end.exit_code != 0 || end.signal != 0) context().log(child_->end_text(end));
        child_.reset();
    }

private:
    // The next answer, or the end of them.
    std::optional<Value> next(bool many) {
        for (;;) {
            bool end = false;
            if (auto answer = take(many, end); answer || end) return answer;
            if (child_->read_more()) continue;
            throw std::runtime_error(child_->lost_text() + "\nit had not answered an item");
        }
    }
    std::string beginning() const {
        constexpr std::size_t kShown = 80;
        return to_utf8(std::string_view(child_->output()).substr(0, kShown));
    }

    StageCommand command_;
    std::unique_ptr<PreparedCommand> prepared_;
    std::unique_ptr<StageChild> child_;
    std::string frame_;
    std::size_t looked_at_ = 0;
};

class MapCommand final : public MapWorker {
public:
    ~MapCommand() override { talk_.end_well(); }
    void start(Context& context) override { talk_.start(context); }
    std::optional<Value> on_item(const Value& item, Context&) override {
        if (talk_.command().frames() == Frames::none) return run_for(talk_.command(), item);
        std::optional<Value> result;
        talk_.exchange(item, false, [&](Value& answer) { result = std::move(answer); });
        return result;
    }

private:
    Talk talk_;
};

class GeneratorCommand final : public GeneratorWorker {
public:
    ~GeneratorCommand() override { talk_.end_well(); }
    void start(Context& context) override { talk_.start(context); }
    void on_item(const Value& item, Emit& emit, Context&) override {
        talk_.exchange(item, true, [&](Value& answer) { emit(std::move(answer)); });
    }

private:
    Talk talk_;
};

// Reads the whole input, and writes what it likes when it likes. Its end before that of the input fails the stream,
// like every end that is not a success.
class WholeCommand final : public RunningFoldWorker {
public:
    void start(Context& context) override { talk_.start(context); }

    void on_item(const Value& item, Emit& emit, Context&) override {
        frame_.clear();
        append_frame(talk_.command().frames(), item, frame_);
        if (ended_) return throw_if_failed();
        StageChild& child = talk_.child() == nullptr ? talk_.begin() : *talk_.child();
        std::string_view rest(frame_);
        while (!rest.empty()) {
            const std::string_view part = rest.substr(0, kPart);
            // One that reads no more (`head`) has had enough; whether that was well is told by its exit code.
            if (!child.write(part)) {
                if (child.has_ended()) see_end(emit);
                return;
            }
            rest.remove_prefix(part.size());
            emit_all(emit);
        }
        child.read_more(0);
        emit_all(emit);
    }

    std::optional<double> wake_after_s() override {
        if (ended_ || talk_.child() == nullptr || talk_.child()->output_ended()) return std::nullopt;
        return kLookEvery;
    }
    void on_wake(Emit& emit, Context&) override {
        talk_.child()->read_more(0);
        emit_all(emit);
    }

    void finish(Emit& emit, Context&) override {
        if (!ended_) {
            if (talk_.child() == nullptr) talk_.begin();
            talk_.child()->close_input();
            see_end(emit);
        }
        throw_if_failed();
    }

private:
    static constexpr std::size_t kPart = 64 * 1024;
    static constexpr double kLookEvery = 0.05;

    // It has ended, or does so now that its input has.
    void see_end(Emit& emit) {
        StageChild& child = *talk_.child();
        do emit_all(emit);
        while (child.read_more());
        emit_all(emit);
        emit_rest(emit);
        ended_ = child.end(kGrace);
        throw_if_failed();
    }
    void throw_if_failed() const {
        if (ended_->exit_code != 0 || ended_->signal != 0) throw std::runtime_error(talk_.child()->end_text(*ended_));
    }
    void emit_all(Emit& emit) {
        bool end = false;
        while (auto answer = talk_.take(false, end)) emit(std::move(*answer));
    }
    // A last line without its end.
    void emit_rest(Emit& emit) {
        std::string& rest = talk_.child()->output();
        if (rest.empty()) return;
        if (talk_.command().frames() == Frames::length)
            throw std::runtime_error(
                fmt::format("the command `{}` ended in the middle of a frame", talk_.prepared().title()));
        rest += '\n';
        emit_all(emit);
    }

    Talk talk_;
    std::string frame_;
    std::optional<CommandEnd> ended_;
};

// Without input: what it writes are the items.
class SourceCommand final : public SourceWorker {
public:
    void start(Context& context) override { talk_.start(context); }
    void generate(Emit& emit, Context&) override {
        StageChild& child = talk_.begin(false);
        bool end = false;
        while (child.read_more())
            while (auto answer = talk_.take(false, end)) emit(std::move(*answer));
        if (!child.output().empty() && talk_.command().frames() != Frames::length) child.output() += '\n';
        while (auto answer = talk_.take(false, end)) emit(std::move(*answer));
        const bool cut = !child.output().empty();
        const CommandEnd ended = child.end(kGrace);
        if (ended.exit_code != 0 || ended.signal != 0) throw std::runtime_error(child.end_text(ended));
        if (cut)
            throw std::runtime_error(
                fmt::format("the command `{}` ended in the middle of a frame", talk_.prepared().title()));
    }

private:
    Talk talk_;
};

}  // namespace

std::vector<std::string> check_command_stage(const Document& with, bool takes_items) {
    std::vector<std::string> problems;
    const Suggest suggest = [](const std::string& text, const std::vector<std::string>& candidates) {
        return did_you_mean(text, candidates);
    };
    const CommandSpec spec = parse_command(of_jobs(with), problems, suggest);
    if (spec.shell) compile_shell(*spec.shell, problems);
    const bool has_frames = with.contains("frames");
    const std::string_view frames = word(with, "frames"), form = word(with, "form");
    if (has_frames && (frames.empty() || frames_of(with) > Frames::length))
        problems.push_back("`frames` must be `lines`, `json` or `length`: how items and answers are written");
    if (with.contains("form") && form != "map" && form != "generator" && form != "fold")
        problems.push_back(
            "`form` must be `map` (one answer to each item), `generator` (any number) or `fold` (the program "
            "reads all items, and writes what it likes)");
    if (!has_frames && with.contains("form") && form != "map")
        problems.push_back("`form` needs `frames`: without it, each item has a program of its own");
    if (!takes_items && !has_frames)
        problems.push_back(
            "`frames` is missing: a stage without `from` is a source, and it must be known where an item of "
            "what the program writes ends; write `frames: lines`");
    if (!takes_items && with.contains("form"))
        problems.push_back("`form` is for stages that take items, and this one has no `from`: it is a source");
    if (has_frames)
        for (const std::string_view name : {"stdin", "input-files", "outputs"})
            if (with.contains(name))
                problems.push_back(
                    fmt::format("`{}` is for one program an item: with `frames`, items and answers are its "
                                "standard input and output",
                                name));
    return problems;
}

StageForm command_stage_form(const Document& with, bool takes_items) {
    const std::vector<std::string> problems = check_command_stage(with, takes_items);
    if (!problems.empty()) throw std::invalid_argument(problems.front());
    if (!takes_items) return StageForm::source;
    const std::string_view form = word(with, "form");
    if (form == "generator") return StageForm::generator;
    return form == "fold" ? StageForm::fold : StageForm::map;
}

std::unique_ptr<StageWorker> make_command_stage(StageForm form) {
    switch (form) {
        case StageForm::generator:
            return std::make_unique<GeneratorCommand>();
        case StageForm::fold:
            return std::make_unique<WholeCommand>();
        case StageForm::source:
            return std::make_unique<SourceCommand>();
        case StageForm::map:
        case StageForm::none:
            break;
    }
    return std::make_unique<MapCommand>();
}

}  // namespace penstock
