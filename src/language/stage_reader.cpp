// stages: what each says, as far as one can check it without knowing the others and the worker types.
#include "core/stage.hpp"
#include "language/definition.hpp"
#include "language/reading.hpp"

#include <algorithm>

namespace penstock {

namespace {

constexpr std::int64_t kMaxQueue = 1'000'000;
constexpr std::array<std::string_view, 5> kMerges{"any", "concat", "interleave", "zip", "latest"};  // as in Merge
constexpr std::array<std::string_view, 3> kOnErrors{"fail", "skip", "retry"};                       // as in OnError
constexpr std::string_view kMergeForm = "`any`, `concat`, `interleave`, `zip` or `latest`";

// Its own keys first, then kSettingKeys.
constexpr std::array<std::string_view, 16> kStageKeys{
    "worker",  "from",    "with",     "workers", "queue",  "ordered",   "merge",     "on-error",
    "retries", "timeout", "priority", "cpus",    "memory", "resources", "isolation", "save"};
constexpr std::size_t kFirstSetting = 8;

// What people write who know jobs, and what to write instead.
struct KeyOfJobs {
    std::string_view key;
    std::string_view reason;
    std::string_view suggestion;
};
constexpr std::array<KeyOfJobs, 3> kKeysOfJobs{{
    {"for-each", "a stage runs for every item that comes", "`workers: N` makes N workers share the items"},
    {"inputs", "a stage gets items, one by one", "`from: STAGE` says whose items; values of `data` go into `with`"},
    {"after", "the stages of a stream all run at once", "`from: STAGE` makes it work on what that stage makes"},
}};

class StageReader {
public:
    StageReader(const Reading& reading, JobDefinition& job, StageDefinition& stage)
        : reading_(reading), job_(job), stage_(stage) {}

    void read(const Node& node) {
        if (node.is(Node::Kind::null)) return;
        if (!node.is(Node::Kind::map)) {
            job_.worker_unreadable = true;
            return reading_.wrong_type(node, stage_text(job_.name), "a map", "write {worker: NAME, from: STAGE}");
        }
        for (const auto& [key, value] : node.map()) {
            const auto known =
                key->is_scalar() ? std::find(kStageKeys.begin(), kStageKeys.end(), key->text) : kStageKeys.end();
            if (known == kStageKeys.end())
                unknown(*key);
            else
                read_key(static_cast<std::size_t>(known - kStageKeys.begin()), *key, *value);
        }
        check_merge();
        check_retries();
    }

private:
    void unknown(const Node& key) const {
        const auto of_jobs = std::find_if(kKeysOfJobs.begin(), kKeysOfJobs.end(), [&](const KeyOfJobs& known) {
            return key.is_scalar() && key.text == known.key;
        });
        if (of_jobs == kKeysOfJobs.end()) return reading_.unknown_key(key, "a stage", kStageKeys);
        reading_.error(key.place, quote(key.text) + " belongs to jobs, and this is a stage",
                       std::string(of_jobs->reason), std::string(of_jobs->suggestion));
    }

    void read_key(std::size_t which, const Node& key, const Node& value) {
        if (which >= kFirstSetting) return read_setting_of_stage(which - kFirstSetting, key, value);
        switch (which) {
            case 0:
                return read_worker(value);
            case 1:
                return read_from(key, value);
            case 2:
                job_.with = read_keyed_map(reading_, value, "with", true);
                return;
            case 3:
                return read_workers(value);
            case 4:
                if (const auto n = reading_.whole_number(value, "queue", 0, kMaxQueue))
                    stage_.queue = static_cast<std::uint32_t>(*n);
                return;
            case 5:
                if (!value.is(Node::Kind::boolean)) return reading_.wrong_type(value, "`ordered`", "`true` or `false`");
                stage_.ordered = value.boolean;
                return;
            case 6:
                stage_.merge_given = true;
                stage_.merge_place = key.place;
                if (const auto merge = word(value, "`merge`", kMergeForm, kMerges))
                    stage_.merge = static_cast<Merge>(*merge);
                return;
            case 7:
                stage_.on_error_given = true;
                stage_.on_error_place = key.place;
                if (const auto on_error = word(value, "`on-error`", "`fail`, `skip` or `retry`", kOnErrors))
                    stage_.on_error = static_cast<OnError>(*on_error);
                else
                    on_error_unreadable_ = true;
                return;
        }
    }

    // Places are kept of those that not every stage can have.
    void read_setting_of_stage(std::size_t which, const Node& key, const Node& value) {
        const std::string_view name = kSettingKeys[which];
        if (name == "retries") stage_.retries_place = key.place;
        if (name == "timeout") stage_.timeout_place = key.place;
        if (name == "save") {
            stage_.save_place = key.place;
            if (!value.is(Node::Kind::string) || (value.text != "all" && value.text != "none"))
                return reading_.wrong_type(value, "`save` of a stage",
                                           "`all` or `none`: items have no keys to choose from");
        }
        read_setting(reading_, which, value, job_.settings);
    }

    void read_worker(const Node& value) {
        if (!value.is(Node::Kind::string)) {
            job_.worker_unreadable = true;
            return reading_.wrong_type(value, "`worker`", "the name of a worker type");
        }
        job_.worker = value.text;
        job_.worker_place = value.place;
        job_.worker_given = true;
    }

    void read_workers(const Node& value) {
        stage_.workers_place = value.place;
        const auto most = static_cast<std::int64_t>(reading_.limits.stage_workers);
        if (const auto n = reading_.whole_number(value, "workers", 1, most))
            stage_.workers = static_cast<std::uint32_t>(*n);
    }

    void read_from(const Node& key, const Node& value) {
        if (value.is(Node::Kind::null)) return;
        stage_.from_given = true;
        stage_.from_place = key.place;
        if (!value.is(Node::Kind::list)) return read_producer(value);
        if (value.size == 0)
            reading_.error(value.place, stage_text(job_.name) + " takes items from no stage", "the list is empty",
                           "name a stage; a source has no `from`");
        for (const Node* item : value.list()) read_producer(*item);
    }

    void read_producer(const Node& node) {
        const auto name = reading_.text(node);
        if (!name) {
            from_unreadable_ = true;
            return reading_.wrong_type(node, "`from`", "the name of a stage, or a list of names",
                                       Reading::as_text(node));
        }
        for (const StageDefinition::From& other : stage_.from)
            if (other.stage == *name) {
                from_unreadable_ = true;
                return reading_.error(node.place, "`from` names " + stage_text(*name) + " twice",
                                      "each item would come twice", "name it once");
            }
        stage_.from.push_back({*name, node.place});
    }

    template <std::size_t n>
    std::optional<std::size_t> word(const Node& value, std::string_view what, std::string_view wanted,
                                    const std::array<std::string_view, n>& words) const {
        if (value.is(Node::Kind::string))
            for (std::size_t i = 0; i < n; ++i)
                if (value.text == words[i]) return i;
        reading_.wrong_type(
            value, what, wanted,
            value.is(Node::Kind::string) ? reading_.suggest(value.text, {words.begin(), words.end()}) : "");
        return std::nullopt;
    }

    void check_merge() const {
        if (from_unreadable_) return;
        if (stage_.from.size() > 1 && !stage_.merge_given)
            return reading_.error(stage_.from_place,
                                  stage_text(job_.name) + " takes items from several stages, and does not say how",
                                  "items of several stages can come in many orders",
                                  "add `merge: any` (as they come), `concat` (one stage after the other), `interleave` "
                                  "(one of each in turn), `zip` (lists of one of each) or `latest` (each of the first "
                                  "with the latest of the others)");
        if (stage_.from.size() < 2 && stage_.merge_given)
            reading_.error(stage_.merge_place, "`merge` needs several stages",
                           stage_.from.empty() ? "this stage takes items from none"
                                               : "`from` names one, so there is nothing to merge",
                           "remove it");
    }

    void check_retries() const {
        if (!stage_.retries_place.known() && !job_.settings.retries) return;
        if (stage_.on_error == OnError::retry || on_error_unreadable_) return;
        reading_.error(stage_.retries_place, "`retries` needs `on-error: retry`",
                       "a failing item is not tried again otherwise", "add `on-error: retry`");
    }

    const Reading& reading_;
    JobDefinition& job_;
    StageDefinition& stage_;
    bool from_unreadable_ = false;
    bool on_error_unreadable_ = false;
};

}  // namespace

void read_stages(const Reading& reading, const Node& node, Definition& definition) {
    if (!node.is(Node::Kind::null) && !node.is(Node::Kind::map))
        return reading.wrong_type(node, "`stages`", "a map from names to stages",
                                  "write {lines: {with: {file: urls.txt}}, fetch: {worker: NAME, from: lines}}");
    if (node.is(Node::Kind::null) || node.size == 0)
        return reading.error(node.place, "the stream has no stages", "`stages` is empty",
                             "add a source and what works on its items");
    for (const auto& [key, value] : node.map()) {
        const std::string problem = key->is_scalar() ? name_problem(key->text) : "a name is text";
        if (!problem.empty()) {
            reading.error(key->place, "bad name of a stage" + (key->is_scalar() ? ": " + quote(key->text) : ""),
                          problem);
            if (!key->is_scalar()) continue;
        }
        const std::uint32_t index = add_job(definition, key->text, key->place);
        definition.stages.resize(definition.jobs.size());
        StageReader(reading, definition.jobs[index], definition.stages[index]).read(*value);
    }
}

}  // namespace penstock
