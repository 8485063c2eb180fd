// Plans for tests, from a graph in a string:
//
//     plan_of("a -> b -> c")                      a chain; every name is a template of one job
//     plan_of("a, b -> c, d")                     all of the left times all of the right
//     plan_of("sim[1000] -> mean")                a for-each of 1,000; mean waits for all of them
//     plan_of("sim[4] => post : twin")            `=>` carries values (an input), `->` is only order (after)
//     plan_of("sim[4] => mean : group 0 0 1 1")   mean has two instances, of two each
//     plan_of("a -> b : ended")                   b runs whatever becomes of a
//     plan_of("a; wide : cpus 4 memory 100 named matlab 1 priority 5 retries 2 worker W")
//
// Statements are separated by `;`. Options after a `:` are of every edge of the statement or, without an edge, of its
// nodes. Templates are numbered in order of first mention, and jobs follow them.
#pragma once

#include "core/plan.hpp"

#include <algorithm>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::test {

class PlanReader {
public:
    explicit PlanReader(std::string_view graph) : plan_(std::make_shared<Plan>()) {
        plan_->name = "test";
        std::string statement;
        std::istringstream statements{std::string(graph)};
        while (std::getline(statements, statement, ';')) read(statement);
    }

    std::shared_ptr<Plan> finish() {
        for (JobTemplate& t : plan_->templates) {
            t.first_job = JobIndex(plan_->job_count);
            plan_->job_count += t.count;
        }
        std::sort(plan_->edges.begin(), plan_->edges.end(), [](const Edge& a, const Edge& b) {
            return std::pair(a.producer, a.consumer) < std::pair(b.producer, b.consumer);
        });
        for (const Edge& e : plan_->edges)
            if (e.carries_values) bind(e);
        return plan_;
    }

private:
    using Nodes = std::vector<TemplateIndex>;

    static std::vector<std::string> words_of(const std::string& text) {
        std::istringstream in(text);
        std::vector<std::string> words;
        for (std::string word; in >> word;) words.push_back(word);
        return words;
    }

    void read(const std::string& statement) {
        const std::size_t colon = statement.find(':');
        const std::vector<std::string> options =
            colon == std::string::npos ? std::vector<std::string>() : words_of(statement.substr(colon + 1));
        Nodes left, right;
        std::string arrow;
        bool any_edge = false;
        for (std::string word : words_of(statement.substr(0, colon))) {
            if (word == "->" || word == "=>") {
                if (!arrow.empty()) connect(left, right, arrow == "=>", options);
                if (!arrow.empty()) left = right;
                arrow = word;
                right.clear();
                any_edge = true;
                continue;
            }
            if (word.back() == ',') word.pop_back();
            (arrow.empty() ? left : right).push_back(node(word));
        }
        if (any_edge)
            connect(left, right, arrow == "=>", options);
        else
            for (const TemplateIndex t : left) set(plan_->templates[t.value], options);
    }

    // "name" or "name[count]".
    TemplateIndex node(const std::string& word) {
        const std::size_t bracket = word.find('[');
        const std::string name = word.substr(0, bracket);
        const auto found = std::find_if(plan_->templates.begin(), plan_->templates.end(),
                                        [&name](const JobTemplate& t) { return t.name == name; });
        const TemplateIndex index(static_cast<std::uint32_t>(found - plan_->templates.begin()));
        if (found == plan_->templates.end()) {
            plan_->templates.emplace_back();
            plan_->templates.back().name = plan_->templates.back().worker = name;
        }
        if (bracket != std::string::npos)
            set_count(plan_->templates[index.value], static_cast<std::uint32_t>(std::stoul(word.substr(bracket + 1))));
        return index;
    }

    static void set_count(JobTemplate& t, std::uint32_t count) {
        t.count = count;
        auto for_each = std::make_shared<ForEach>();
        for_each->dimensions = {{Axis{"i", Range{0, 1, count}}}};
        t.for_each = for_each;
    }

    void connect(const Nodes& left, const Nodes& right, bool values, const std::vector<std::string>& options) {
        for (const TemplateIndex producer : left)
            for (const TemplateIndex consumer : right) connect(producer, consumer, values, options);
    }

    void connect(TemplateIndex producer, TemplateIndex consumer, bool values, const std::vector<std::string>& options) {
        Edge e{producer, consumer, Relation::all, When::succeeded, values, 0};
        for (std::size_t i = 0; i < options.size(); ++i) {
            if (options[i] == "ended") {
                e.when = When::ended;
            } else if (options[i] == "twin") {
                e.relation = Relation::twin;
                set_count(plan_->templates[consumer.value], plan_->templates[producer.value].count);
            } else if (options[i] == "group") {
                e.relation = Relation::group;
                e.grouping = static_cast<std::uint32_t>(plan_->groupings.size());
                Grouping grouping;
                while (i + 1 < options.size() && options[i + 1].find_first_not_of("0123456789") == std::string::npos)
                    grouping.consumer_of.push_back(static_cast<std::uint32_t>(std::stoul(options[++i])));
                for (const std::uint32_t g : grouping.consumer_of) grouping.groups = std::max(grouping.groups, g + 1);
                set_count(plan_->templates[consumer.value], grouping.groups);
                plan_->groupings.push_back(std::move(grouping));
            } else {
                throw std::invalid_argument("unknown option of an edge: " + options[i]);
            }
        }
        plan_->edges.push_back(e);
    }

    static void set(JobTemplate& t, const std::vector<std::string>& options) {
        for (std::size_t i = 0; i + 1 < options.size(); i += 2) {
            if (options[i] == "worker") {
                t.worker = options[i + 1];
            } else if (options[i] == "named") {
                t.resources.named[options[i + 1]] = std::stoul(options.at(i + 2));
                ++i;
            } else {
                const auto amount = std::stoi(options[i + 1]);
                if (options[i] == "cpus")
                    t.resources.cpus = static_cast<std::uint32_t>(amount);
                else if (options[i] == "memory")
                    t.resources.memory_bytes = static_cast<std::uint64_t>(amount);
                else if (options[i] == "retries")
                    t.retries = static_cast<std::uint32_t>(amount);
                else if (options[i] == "priority")
                    t.priority = amount;
                else
                    throw std::invalid_argument("unknown option of a node: " + options[i]);
            }
        }
    }

    void bind(const Edge& e) {
        JobTemplate& producer = plan_->templates[e.producer.value];
        JobTemplate& consumer = plan_->templates[e.consumer.value];
        producer.feeds_others = true;
        Binding b;
        b.key = producer.name;
        b.from = Binding::From::outputs;
        b.source_key = "out";
        b.producers = {{e.producer, e.relation, e.grouping}};
        b.list = e.relation == Relation::group || (e.relation == Relation::all && producer.count != 1);
        b.missing = e.when == When::ended ? Missing::null : Missing::fail;
        consumer.bindings.push_back(std::move(b));
    }

    std::shared_ptr<Plan> plan_;
};

inline std::shared_ptr<Plan> plan_of(std::string_view graph) { return PlanReader(graph).finish(); }

}  // namespace penstock::test
