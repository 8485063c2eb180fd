#include "language/for_each_reader.hpp"

#include "value/hash.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <unordered_set>

namespace penstock {

namespace {

constexpr std::string_view kValuesForm =
    "a list, {range: [start, stop, step]}, {linspace: [first, last, count]} or {lines: FILE}";

// Words that cannot be names, because they say how values are given.
constexpr std::array<std::string_view, 7> kForms{"range", "linspace", "lines", "zip", "rows", "like", "by"};

bool is_form(std::string_view word) { return std::find(kForms.begin(), kForms.end(), word) != kForms.end(); }

class ForEachReader {
public:
    ForEachReader(const Reading& reading, InputFiles& files, std::uint64_t most)
        : reading_(reading), files_(files), most_(most) {}

    ForEachDefinition read(const Node& node) {
        if (node.is(Node::Kind::map) && (node.find("like") || node.find("by"))) return read_like(node);
        if (node.is(Node::Kind::list)) {
            add_axis(kItemName, node.place, node);
        } else if (node.is(Node::Kind::map) && node.size > 0) {
            for (const auto& [key, value] : node.map()) read_member(*key, *value);
        } else {
            reading_.wrong_type(node, "`for-each`", "a map from names to values, or a list",
                                "write {seed: {range: [0, 10]}}");
            return {};
        }
        if (!good_ || !check_count(node)) return {};
        ForEachDefinition definition;
        definition.values = std::make_shared<const ForEach>(std::move(for_each_));
        return definition;
    }

private:
    void fail(Place place, std::string problem, std::string reason = "", std::string suggestion = "") {
        reading_.error(place, std::move(problem), std::move(reason), std::move(suggestion));
        good_ = false;
    }
    void wrong_type(const Node& node, std::string_view what, std::string_view wanted, std::string suggestion = "") {
        reading_.wrong_type(node, what, wanted, std::move(suggestion));
        good_ = false;
    }

    ForEachDefinition read_like(const Node& node) {
        static constexpr std::array<std::string_view, 2> kKeys{"like", "by"};
        ForEachDefinition definition;
        auto like = std::make_unique<LikeDefinition>();
        reading_.each_member(node, "a for-each with `like`", kKeys,
                             [&](std::size_t which, const Node&, const Node& value) {
                                 if (which == 1) return read_by(value, *like);
                                 if (const auto job = reading_.text(value)) {
                                     like->job = *job;
                                     like->place = value.place;
                                 } else {
                                     wrong_type(value, "`like`", "the name of a job");
                                 }
                             });
        if (like->job.empty() && good_)
            fail(node.place, "`by` stands without `like`", "it groups the instances of another job",
                 "write {like: JOB, by: [NAME]}");
        if (good_) definition.like = std::move(like);
        return definition;
    }

    void read_by(const Node& node, LikeDefinition& like) {
        like.grouped = true;
        const auto add = [&](const Node& item) {
            if (const auto name = reading_.text(item))
                like.by.emplace_back(*name, item.place);
            else
                wrong_type(item, "an item of `by`", "a for-each name of the other job");
        };
        if (!node.is(Node::Kind::list)) return add(node);
        for (const Node* item : node.list()) add(*item);
        if (node.size == 0)
            fail(node.place, "`by` is empty", "it says which values the instances are grouped by",
                 "for one job over all instances leave out the for-each");
    }

    void read_member(const Node& key, const Node& value) {
        const std::string_view word = key.is_scalar() ? key.text : std::string_view();
        if (word == "zip") return read_zip(value);
        if (word == "rows") return add_dimension(read_rows(reading_, value, files_), key.place);
        if (word == "range" || word == "linspace" || word == "lines") {
            Axis axis;
            if (read_form(word, value, axis)) add_axis(kItemName, key.place, std::move(axis));
            return;
        }
        if (good_name(key)) add_axis(word, key.place, value);
    }

    bool good_name(const Node& key) {
        const std::string problem = key.is_scalar() ? key_problem(key.text) : "a name is text";
        if (!problem.empty())
            fail(key.place, "bad name in a for-each", problem);
        else if (is_built_in_name(key.text))
            fail(key.place, quote(key.text) + " cannot be a name in a for-each",
                 "`{" + std::string(key.text) + "}` means a directory in every job", "choose another name");
        else if (is_form(key.text))
            fail(key.place, quote(key.text) + " cannot be a name in a for-each", "the word says how values are given",
                 "choose another name");
        else
            return true;
        return false;
    }

    void add_axis(std::string_view name, Place place, const Node& values) {
        Axis axis;
        if (read_values(name, values, axis)) add_axis(name, place, std::move(axis));
    }

    void add_axis(std::string_view name, Place place, Axis axis) {
        axis.name = name;
        std::vector<Axis> dimension;
        dimension.push_back(std::move(axis));
        add_dimension(std::move(dimension), place);
    }

    void add_dimension(std::vector<Axis> dimension, Place place) {
        if (dimension.empty()) {
            good_ = false;  // reported already
            return;
        }
        for (const Axis& axis : dimension)
            if (!names_.insert(axis.name).second)
                fail(place, "the for-each gives " + quote(axis.name) + " twice", "", "rename one of them");
        if (dimension.front().size() <= most_) warn_repeated(dimension, place);  // else refused soon
        for_each_.dimensions.push_back(std::move(dimension));
    }

    void read_zip(const Node& node) {
        if (!node.is(Node::Kind::map) || node.size == 0)
            return wrong_type(node, "`zip`", "a map from names to values", "write {zip: {a: [1, 2], b: [3, 4]}}");
        std::vector<Axis> dimension;
        for (const auto& [key, value] : node.map()) {
            Axis axis;
            if (!good_name(*key) || !read_values(key->text, *value, axis)) continue;
            axis.name = key->text;
            if (!dimension.empty() && dimension.front().size() != axis.size()) {
                fail(key->place, "the values of a `zip` are not equally many",
                     quote(dimension.front().name) + " has " + std::to_string(dimension.front().size()) + " and " +
                         quote(axis.name) + " has " + std::to_string(axis.size()),
                     "make them equal, or leave out `zip` to combine each with each");
                return;
            }
            dimension.push_back(std::move(axis));
        }
        if (good_) add_dimension(std::move(dimension), node.place);
    }

    bool read_values(std::string_view name, const Node& node, Axis& axis) {
        if (node.is(Node::Kind::list)) {
            std::vector<Value> values;
            values.reserve(node.size);
            for (const Node* item : node.list()) values.push_back(reading_.value(*item));
            axis.values = std::move(values);
            return true;
        }
        if (node.is(Node::Kind::map) && node.size == 1 && node.members[0].key->is_scalar()) {
            const std::string_view form = node.members[0].key->text;
            if (form == "range" || form == "linspace" || form == "lines")
                return read_form(form, *node.members[0].value, axis);
            if (form == "rows" || form == "zip") {
                fail(node.members[0].key->place, quote(form) + " stands within a name",
                     "it brings names of its own: those of its rows or values", "put it directly under `for-each`");
                return false;
            }
        }
        wrong_type(node, quote(name), kValuesForm, values_remedy(node));
        return false;
    }

    // What was meant by a map that is none of the forms, or by a single value.
    std::string values_remedy(const Node& node) const {
        static constexpr std::array<std::string_view, 3> kOfAName{"range", "linspace", "lines"};
        const std::vector<std::string_view> forms(kOfAName.begin(), kOfAName.end());
        if (node.is_scalar()) return node.is(Node::Kind::null) ? "" : "write [" + std::string(node.text) + "]";
        if (!node.is(Node::Kind::map)) return "";
        for (const auto& [key, value] : node.map())
            if (node.size > 1 && key->is_scalar() && std::find(forms.begin(), forms.end(), key->text) != forms.end())
                return "write {" + std::string(key->text) + ": ...} and nothing beside it";
        if (node.size == 1 && node.members[0].key->is_scalar())
            return reading_.suggest(node.members[0].key->text, forms);
        return "";
    }

    bool read_form(std::string_view form, const Node& node, Axis& axis) {
        if (form == "range") return read_range(node, axis);
        if (form == "linspace") return read_linspace(node, axis);
        std::vector<Value> values;
        if (!read_lines(reading_, node, files_, values)) return good_ = false;
        axis.values = std::move(values);
        return true;
    }

    bool read_range(const Node& node, Axis& axis) {
        std::vector<std::int64_t> numbers;
        const auto add = [&](const Node& item) {
            if (item.is(Node::Kind::int64))
                numbers.push_back(item.int64);
            else
                wrong_type(item, "a number of `range`", "a whole number",
                           item.is(Node::Kind::float64) ? "use {linspace: [first, last, count]}" : "");
        };
        if (!node.is(Node::Kind::list))
            add(node);
        else
            for (const Node* item : node.list()) add(*item);
        if (!good_) return false;
        if (numbers.empty() || numbers.size() > 3) {
            fail(node.place, "`range` has " + std::to_string(numbers.size()) + " numbers",
                 "it must be [stop], [start, stop] or [start, stop, step]");
            return false;
        }
        const std::int64_t start = numbers.size() > 1 ? numbers[0] : 0;
        const std::int64_t stop = numbers.size() > 1 ? numbers[1] : numbers[0];
        const std::int64_t step = numbers.size() > 2 ? numbers[2] : 1;
        if (step == 0) {
            fail(node.place, "the step of a `range` is 0", "it would never end");
            return false;
        }
        axis.values = Range{start, step, range_count(start, stop, step)};
        return true;
    }

    static std::uint64_t range_count(std::int64_t start, std::int64_t stop, std::int64_t step) {
        if (step > 0 ? start >= stop : start <= stop) return 0;
        const auto u = [](std::int64_t v) { return static_cast<std::uint64_t>(v); };
        const std::uint64_t distance = step > 0 ? u(stop) - u(start) : u(start) - u(stop);
        const std::uint64_t stride = step > 0 ? u(step) : 0 - u(step);
        return (distance - 1) / stride + 1;
    }

    bool read_linspace(const Node& node, Axis& axis) {
        const auto number = [](const Node& n) {
            return n.is(Node::Kind::int64) ? static_cast<double>(n.int64) : n.is(Node::Kind::float64) ? n.float64 : NAN;
        };
        const bool shaped = node.is(Node::Kind::list) && node.size == 3 && node.items[2]->is(Node::Kind::int64) &&
                            node.items[2]->int64 >= 0;
        if (!shaped || !std::isfinite(number(*node.items[0])) || !std::isfinite(number(*node.items[1]))) {
            fail(node.place, "`linspace` is not [first, last, count]",
                 "it must be two finite numbers, which are both included, and how many values there are");
            return false;
        }
        axis.values =
            Linspace{number(*node.items[0]), number(*node.items[1]), static_cast<std::uint64_t>(node.items[2]->int64)};
        return true;
    }

    // Jobs are told apart by their values: two equal ones are one job to `--resume`.
    void warn_repeated(const std::vector<Axis>& dimension, Place place) {
        for (const Axis& axis : dimension)
            if (std::holds_alternative<Range>(axis.values)) return;
        if (dimension.size() == 1 && std::holds_alternative<Linspace>(dimension[0].values)) return;
        std::unordered_set<std::uint64_t> seen;
        for (std::uint64_t i = 0; i < dimension.front().size(); ++i) {
            Hasher hasher;
            for (const Axis& axis : dimension) hasher.add(axis.at(i));
            if (seen.insert(hasher.value()).second) continue;
            reading_.warning(place, "value number " + std::to_string(i + 1) + " of this for-each is there already",
                             "jobs are told apart by their for-each values, and these have the same",
                             "remove it, or add a name that tells them apart");
            return;
        }
    }

    bool check_count(const Node& node) {
        std::uint64_t product = 1;
        for (const std::vector<Axis>& dimension : for_each_.dimensions) {
            const std::uint64_t size = dimension.front().size();
            if (size == 0) {
                reading_.warning(node.place, "this for-each is empty",
                                 quote(dimension.front().name) + " has no values, so no job is made of it");
                return true;
            }
        }
        for (const std::vector<Axis>& dimension : for_each_.dimensions) {
            const std::uint64_t size = dimension.front().size();
            if (size > most_ / product) {
                fail(node.place, "this for-each makes too many jobs",
                     "a pipeline may have " + std::to_string(most_) + " jobs",
                     "let each job do more, or split the pipeline");
                return false;
            }
            product *= size;
        }
        return true;
    }

    const Reading& reading_;
    InputFiles& files_;
    std::uint64_t most_;  // instances
    ForEach for_each_;
    std::unordered_set<std::string> names_;
    bool good_ = true;
};

}  // namespace

ForEachDefinition read_for_each(const Reading& reading, const Node& node, InputFiles& files, std::uint64_t most) {
    return ForEachReader(reading, files, most).read(node);
}

}  // namespace penstock
