#include "support.hpp"

#include "value/value_json.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace penstock::test {

namespace {

Keys command_needs(const Document& with) {
    Keys keys;
    if (const auto input = with.find("stdin"); input != with.end()) keys.push_back(input->second.string());
    if (const auto files = with.find("input-files"); files != with.end())
        for (const auto& [name, key] : files->second.map()) keys.push_back(key.string());
    return keys;
}

Keys command_makes(const Document& with) {
    Keys keys;
    if (const auto outputs = with.find("outputs"); outputs != with.end())
        for (const auto& [key, how] : outputs->second.map()) keys.push_back(key);
    return keys;
}

std::vector<std::string> check_command(const Document& with) {
    std::vector<std::string> problems;
    for (const auto& [key, value] : with)
        if (key == "argw") problems.push_back("unknown parameter `" + key + "`: did you mean `argv`?");
    return problems;
}

std::vector<std::string> check_sleep(const Document& with) {
    if (!with.contains("seconds")) return {"`sleep` needs the parameter `seconds`"};
    if (with.at("seconds").is(Value::Type::list)) return {"`seconds` is a list"};
    return {};
}

std::vector<std::string> check_lines(const Document& with) {
    if (!with.contains("file")) return {"`lines` needs the parameter `file`"};
    return {};
}

WorkerType stage_worker(std::string name, StageForm form) {
    WorkerType type = worker(std::move(name));
    type.form = form;
    return type;
}

WorkerTypes make_types() {
    WorkerTypes types{worker("noop"),
                      worker("Downloader", {"url"}, {"html"}),
                      worker("GetTextAndWords", {"html"}, {"text", "words"}),
                      worker("GetLinks", {"html"}, {"links"}),
                      worker("Square", {"x"}, {"square"}),
                      worker("Mean", {"values"}, {"mean"}),
                      worker("Sum", {"values"}, {"sum"}),
                      worker("sleep"),
                      worker("command"),
                      stage_worker("lines", StageForm::source),
                      stage_worker("range", StageForm::source),
                      stage_worker("Fetch", StageForm::map),
                      stage_worker("Title", StageForm::map),
                      stage_worker("Words", StageForm::generator),
                      stage_worker("MostCommon", StageForm::fold)};
    for (WorkerType& type : types) {
        if (type.name == "sleep") type.check = check_sleep;
        if (type.name == "lines") type.check = check_lines;
        if (type.name != "command") continue;
        type.needs = command_needs;
        type.makes = command_makes;
        type.check = check_command;
        type.fills_placeholders = true;
        type.external = true;
    }
    return types;
}

// ---------------------------------------------------------------------------------------------- plan_text

std::string axis_text(const Axis& axis) {
    std::string text = axis.name + " ";
    if (const auto* range = std::get_if<Range>(&axis.values))
        return text + "from " + std::to_string(range->start) + " by " + std::to_string(range->step) + ", " +
               std::to_string(range->count) + " values";
    if (const auto* line = std::get_if<Linspace>(&axis.values))
        return text + "from " + number_text(line->first) + " to " + number_text(line->last) + ", " +
               std::to_string(line->count) + " values";
    return text + to_json(Value(List(std::get<std::vector<Value>>(axis.values))));
}

std::string relation_text(Relation relation, std::uint32_t grouping) {
    if (relation == Relation::twin) return " twin";
    return relation == Relation::group ? " group " + std::to_string(grouping) : "";
}

std::string binding_text(const Plan& plan, const Binding& binding) {
    static constexpr const char* kFrom[] = {"for-each", "with", "outputs", "data", "store"};
    static constexpr const char* kMissing[] = {"fail", "drop", "null"};
    std::string text = binding.key + " <- " + kFrom[static_cast<int>(binding.from)];
    if (binding.from != Binding::From::outputs) {
        if (binding.source_key != binding.key) text += " " + binding.source_key;
    } else {
        text += binding.list ? " [" : " ";
        for (std::size_t i = 0; i < binding.producers.size(); ++i) {
            const Binding::Producer& producer = binding.producers[i];
            text += (i > 0 ? ", " : "") + plan.templates[producer.job.value].name + "." + binding.key_of(producer) +
                    relation_text(producer.relation, producer.grouping);
        }
        text += binding.list ? "]" : "";
        if (binding.missing != Missing::fail)
            text += std::string(" missing ") + kMissing[static_cast<int>(binding.missing)];
    }
    return text + (binding.in_document ? "" : " (placeholder)");
}

std::string settings_text(const JobTemplate& job) {
    std::string text;
    const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
    if (job.retries > 0) add("retries " + std::to_string(job.retries));
    if (job.timeout_s > 0) add("timeout " + number_text(job.timeout_s) + " s");
    if (job.priority != 0) add("priority " + std::to_string(job.priority));
    if (job.resources.cpus != 1) add("cpus " + std::to_string(job.resources.cpus));
    if (job.resources.memory_bytes > 0) add("memory " + std::to_string(job.resources.memory_bytes));
    for (const auto& [name, amount] : job.resources.named) add(name + " " + std::to_string(amount));
    if (job.isolation == Isolation::in_line) add("inline");
    if (!job.save.all) {
        std::string keys;
        for (const std::string& key : job.save.keys) keys += (keys.empty() ? "" : " ") + key;
        add("save [" + keys + "]");
    }
    return text;
}

std::string stage_line(const Plan& plan, const Stage& stage) {
    static constexpr const char* kRoles[] = {"stage", "order", "results", "input", "sample", "buffer"};
    static constexpr const char* kForms[] = {"", ", map", ", generator", ", fold", ", source"};
    static constexpr const char* kMerges[] = {"", ", concat", ", interleave", ", zip"};
    static constexpr const char* kOnErrors[] = {"", ", skip", ", retry"};
    std::string text = kRoles[static_cast<std::size_t>(stage.role)];
    if (stage.role == Stage::Role::worker) text += kForms[static_cast<std::size_t>(stage.form)];
    for (std::size_t i = 0; i < stage.from.size(); ++i)
        text += (i == 0 ? ", from " : " ") + plan.templates[stage.from[i].value].name;
    text += kMerges[static_cast<std::size_t>(stage.merge)];
    if (stage.queue > 0) text += ", queue " + std::to_string(stage.queue);
    if (stage.ordered) text += ", ordered";
    if (stage.keeps_order) text += ", keeps order";
    return text + kOnErrors[static_cast<std::size_t>(stage.on_error)];
}

void write_job(const Plan& plan, const JobTemplate& job, std::ostream& out) {
    out << (plan.is_stream() ? "stage " : "job ") << job.name << ": " << job.worker;
    if (job.for_each) {
        out << ", " << job.count << " instances from " << job.first_job.value << "\n";
        for (const std::vector<Axis>& dimension : job.for_each->dimensions) {
            out << "    for-each";
            for (std::size_t i = 0; i < dimension.size(); ++i)
                out << (i > 0 ? " with " : " ") << axis_text(dimension[i]);
            out << "\n";
        }
        if (job.count > 0) out << "    " << job_label(job, 0) << " .. " << job_label(job, job.count - 1) << "\n";
    } else {
        out << ", number " << job.first_job.value << "\n";
    }
    if (!job.with.empty()) out << "    with " << to_json(job.with) << "\n";
    if (const std::string settings = settings_text(job); !settings.empty()) out << "    " << settings << "\n";
    for (const Binding& binding : job.bindings) out << "    " << binding_text(plan, binding) << "\n";
    if (job.feeds_others) out << "    feeds others\n";
}

}  // namespace

WorkerType worker(std::string name, Keys needs, Keys makes) {
    WorkerType type;
    type.name = std::move(name);
    type.needs = [needs](const Document&) { return needs; };
    type.makes = [makes](const Document&) { return makes; };
    return type;
}

const WorkerTypes& worker_types() {
    static const WorkerTypes types = make_types();
    return types;
}

Loaded load_body(const std::string& text, const LoadOptions& options) {
    return load_text("penstock: 1\nname: p\n" + text, "p.yaml", "/definitions", worker_types(), options);
}

std::shared_ptr<const Plan> plan_of_body(const std::string& text, const LoadOptions& options) {
    const Loaded loaded = load_body(text, options);
    EXPECT_EQ(render(loaded.diagnostics), "");
    EXPECT_EQ(loaded.plans.size(), 1u);
    return loaded.plans.size() == 1 ? loaded.plans[0] : std::make_shared<const Plan>();
}

std::string diagnostics_of_body(const std::string& text, const LoadOptions& options) {
    return render(load_body(text, options).diagnostics);
}

std::string plan_text(const Plan& plan, const std::filesystem::path& directory) {
    std::ostringstream out;
    out << "pipeline " << plan.name << ": " << plan.job_count << " jobs\n";
    if (!plan.data.empty()) out << "data " << to_json(plan.data) << "\n";
    for (const Plan::File& file : plan.files)
        out << "file " << std::filesystem::path(file.path).lexically_relative(directory).string() << "\n";
    for (const std::string& key : plan.own_keys) out << "own key " << key << "\n";
    for (std::size_t i = 0; i < plan.templates.size(); ++i) {
        write_job(plan, plan.templates[i], out);
        if (plan.is_stream()) out << "    " << stage_line(plan, plan.stages[i]) << "\n";
    }
    for (const Edge& edge : plan.edges) {
        out << "edge " << plan.templates[edge.producer.value].name << " -> " << plan.templates[edge.consumer.value].name
            << relation_text(edge.relation, edge.grouping) << (edge.when == When::ended ? " when ended" : "")
            << (edge.carries_values ? " values" : "") << "\n";
    }
    for (std::size_t g = 0; g < plan.groupings.size(); ++g) {
        out << "group " << g << ":";
        for (std::size_t i = 0; i < plan.groupings[g].consumer_of.size() && i < 24; ++i)
            out << " " << plan.groupings[g].consumer_of[i];
        out << (plan.groupings[g].consumer_of.size() > 24 ? " ..." : "") << "\n";
    }
    return out.str();
}

std::string read_text(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

void expect_golden(const std::filesystem::path& file, const std::string& text) {
    if (std::getenv("PENSTOCK_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(file, std::ios::binary) << text;
        return;
    }
    EXPECT_EQ(text, read_text(file)) << "expected: " << file;
}

std::filesystem::path examples() { return PENSTOCK_LANGUAGE_EXAMPLES; }

}  // namespace penstock::test
