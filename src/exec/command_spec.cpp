#include "exec/command_spec.hpp"

#include "exec/command_files.hpp"
#include "exec/command_json.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace penstock {
namespace {

const std::vector<std::string> kParameters = {"argv", "shell", "cwd", "env", "stdin", "input-files", "outputs"};
// Words of stages: a definition that has them was not misspelt.
constexpr std::array<std::string_view, 2> kStageParameters = {"frames", "form"};
const std::vector<std::string> kOutputMembers = {"text", "json", "file", "as", "pointer", "dtype", "shape", "to"};
const std::vector<std::string> kForms = {"text", "json", "bytes", "npy", "array", "path"};  // of CommandOutput::As
constexpr std::size_t kMaxName = 128;

bool is_key(std::string_view text) {
    return !text.empty() && text.size() <= kMaxName && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

bool is_built_in(std::string_view name) {
    return name == kDefinitionDirectory || name == kLaunchDirectory || name == kScratch;
}

const Value* find(const Map& map, std::string_view key) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
}

bool is_scalar(const Value& value) {
    return value.is(Value::Type::string) || value.is_number() || value.is(Value::Type::boolean);
}

// One pass over the parameters. Member functions are named after what they read.
class Reader {
public:
    Reader(const Document& with, std::vector<std::string>& problems, const Suggest& suggest)
        : with_(with), problems_(problems), suggest_(suggest) {}

    CommandSpec read() {
        // Malformed placeholders of all strings, each told once.
        names_ = placeholder_names(Value(with_), problems_);
        unknown_parameters();
        program();
        directory();
        environment();
        standard_input();
        input_files();
        outputs();
        spec_.names_scratch = std::find(names_.begin(), names_.end(), kScratch) != names_.end();
        return std::move(spec_);
    }

private:
    template <class... Arguments>
    void problem(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
        problems_.push_back(fmt::format(format, std::forward<Arguments>(arguments)...));
    }

    // "did you mean `argv`?" or the list of what there is.
    std::string advice(const std::string& word, const std::vector<std::string>& candidates) const {
        const std::vector<std::string> near = suggest_ ? suggest_(word, candidates) : std::vector<std::string>{};
        if (!near.empty()) return fmt::format("did you mean `{}`?", near.front());
        return fmt::format("there are {}", fmt::join(candidates, ", "));
    }

    CommandText text(const Value& value) const {
        std::vector<std::string> told_already;
        return {placeholder_pieces(plain_text(value), told_already)};
    }

    // Parameters of one's own are allowed when something uses them: they are values like those of for-each.
    void unknown_parameters() {
        const Keys used = command_needs(with_);
        for (const auto& [name, value] : with_) {
            if (std::find(kParameters.begin(), kParameters.end(), name) != kParameters.end()) continue;
            if (std::find(used.begin(), used.end(), name) != used.end()) continue;
            if (std::find(kStageParameters.begin(), kStageParameters.end(), name) != kStageParameters.end()) {
                problem("`{}` is a parameter of `command` as a stage of a stream, not as a job; leave it out", name);
                continue;
            }
            problem("unknown parameter `{}` of worker `command`, and no placeholder {{{}}} uses it as a value: {}",
                    name, name, advice(name, kParameters));
        }
    }

    void program() {
        const Value* argv = find(with_, "argv");
        const Value* shell = find(with_, "shell");
        if (!argv && !shell) {
            return problem("`command` has nothing to run: give `argv: [PROGRAM, ARGUMENT, ...]` or `shell: TEXT`");
        }
        if (argv && shell) return problem("`argv` and `shell` exclude one another: keep one of them");
        if (shell) {
            if (!shell->is(Value::Type::string)) {
                return problem("`shell` must be the text of a bash script, not {}", shell->type_name());
            }
            if (shell->string().find_first_not_of(" \t\r\n") == std::string::npos) return problem("`shell` is empty");
            if (shell->string().find('\0') != std::string::npos) return problem("`shell` has a NUL character");
            spec_.shell = text(*shell);
            return;
        }
        if (!argv->is(Value::Type::list)) {
            return problem(
                "`argv` must be a list such as [./program, --seed, \"{{seed}}\"], not {}; a command line "
                "for a shell is given as `shell: TEXT`",
                argv->type_name());
        }
        if (argv->list().empty()) return problem("`argv` is empty: its first element is the program to run");
        for (const Value& element : argv->list()) argument(element);
    }

    void argument(const Value& element) {
        const std::size_t number = spec_.arguments.size() + 1;
        spec_.arguments.push_back(is_scalar(element) ? text(element) : CommandText{});
        if (!is_scalar(element)) {
            problem(
                "element {} of `argv` is a {}, but an argument is a string, a number or a bool; values of other "
                "types come from placeholders",
                number, element.type_name());
        } else if (plain_text(element).find('\0') != std::string::npos) {
            problem("element {} of `argv` has a NUL character, which no argument can hold", number);
        } else if (number == 1 && spec_.arguments.back().empty()) {
            problem("the first element of `argv`, the program to run, is empty");
        }
    }

    void directory() {
        const Value* cwd = find(with_, "cwd");
        if (!cwd) return;
        if (!cwd->is(Value::Type::string) || cwd->string().empty()) {
            return problem("`cwd` must be `scratch` or the path of a directory");
        }
        spec_.runs_in_scratch = cwd->string() == "scratch";
        if (!spec_.runs_in_scratch) spec_.directory = text(*cwd);
    }

    void environment() {
        const Value* env = find(with_, "env");
        if (!env) return;
        if (!env->is(Value::Type::map)) {
            return problem("`env` must be a map from names to values, not {}", env->type_name());
        }
        for (const auto& [name, value] : env->map()) {
            if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos) {
                problem("`env` has the name `{}`, which no environment variable can have", name);
            } else if (!is_scalar(value)) {
                problem("`env: {}` is a {}, but a variable holds a string, a number or a bool", name,
                        value.type_name());
            } else {
                spec_.environment.emplace_back(name, text(value));
            }
        }
    }

    // A parameter that names a key.
    bool key(std::string_view what, const Value& value) {
        if (value.is(Value::Type::string) && is_key(value.string())) return true;
        if (value.is(Value::Type::string) && value.string().size() > 2 && value.string().front() == '{') {
            problem("{} is the name of a key and stands without braces: `{}`", what,
                    value.string().substr(1, value.string().size() - 2));
        } else {
            problem("{} must be the name of a key (letters, digits, `_`, `-`)", what);
        }
        return false;
    }

    void standard_input() {
        const Value* input = find(with_, "stdin");
        if (input && key("`stdin`", *input)) spec_.input_key = input->string();
    }

    void input_files() {
        const Value* files = find(with_, "input-files");
        if (!files) return;
        if (!files->is(Value::Type::map)) {
            return problem("`input-files` must be a map from file names to keys, not {}", files->type_name());
        }
        for (const auto& [name, value] : files->map()) {
            if (!is_safe_relative_path(name)) {
                problem(
                    "`input-files` has the name `{}`, but a name must be a relative path that stays within the "
                    "directory the command runs in",
                    name);
            }
            if (key(fmt::format("`input-files: {}`", name), value))
                spec_.input_files.emplace_back(name, value.string());
        }
    }

    void outputs() {
        const Value* entries = find(with_, "outputs");
        if (!entries) return;
        if (!entries->is(Value::Type::map)) {
            return problem("`outputs` must be a map from keys to {{text:}}, {{json:}} or {{file:}}, not {}",
                           entries->type_name());
        }
        for (const auto& [name, form] : entries->map()) {
            if (!is_key(name)) problem("`outputs` has the key `{}`: a key is letters, digits, `_` and `-`", name);
            output(name, form);
        }
    }

    void output(const std::string& name, const Value& form) {
        if (!form.is(Value::Type::map)) {
            return problem(
                "`outputs: {}` must be one of {{text: stdout}}, {{text: stderr}}, {{json: POINTER}} and "
                "{{file: PATH, as: FORM}}, not {}",
                name, form.type_name());
        }
        const Map& members = form.map();
        for (const auto& [member, value] : members) {
            if (std::find(kOutputMembers.begin(), kOutputMembers.end(), member) == kOutputMembers.end()) {
                problem("`outputs: {}` has the unknown member `{}`: {}", name, member, advice(member, kOutputMembers));
            }
        }
        const int sources = members.contains("text") + members.contains("json") + members.contains("file");
        if (sources != 1) {
            return problem("`outputs: {}` needs exactly one of `text`, `json` and `file`, and has {}", name, sources);
        }
        CommandOutput made;
        made.key = name;
        if (const Value* stream = find(members, "text"))
            output_text(made, *stream);
        else if (const Value* pointer = find(members, "json"))
            output_json(made, *pointer);
        else
            output_file(made, members);
        output_members(made, members);
        spec_.outputs.push_back(std::move(made));
    }

    void output_text(CommandOutput& made, const Value& stream) {
        const std::string word = stream.is(Value::Type::string) ? stream.string() : plain_text(stream);
        if (word == "stderr")
            made.from = CommandOutput::From::standard_error;
        else if (word != "stdout")
            problem("`outputs: {}` has `text: {}`, but a text is `stdout` or `stderr`", made.key, word);
    }

    void output_json(CommandOutput& made, const Value& pointer) {
        made.as = CommandOutput::As::json;
        json_pointer(made, "json", pointer);
    }

    void json_pointer(CommandOutput& made, std::string_view member, const Value& pointer) {
        if (!pointer.is(Value::Type::string)) {
            return problem(
                "`outputs: {}` has a `{}` that is a {}: it must be a JSON pointer such as \"/energy\", or "
                "\"\" for all",
                made.key, member, pointer.type_name());
        }
        made.pointer = pointer.string();
        const std::string wrong = json_pointer_problem(made.pointer);
        if (!wrong.empty()) {
            problem(
                "`outputs: {}` has `{}: {}`, which is no JSON pointer ({}); write \"/energy\" for a member, or \"\" "
                "for all",
                made.key, member, made.pointer, wrong);
        }
    }

    void output_file(CommandOutput& made, const Map& members) {
        made.from = CommandOutput::From::file;
        const Value& path = members.at("file");
        if (!path.is(Value::Type::string) || path.string().empty()) {
            problem("`outputs: {}` has a `file` that is no path", made.key);
        } else {
            made.file = text(path);
        }
        const Value* as = find(members, "as");
        if (!as)
            return problem("`outputs: {}` does not say how to read its file: add `as:` with one of {}", made.key,
                           fmt::join(kForms, ", "));
        const std::string word = plain_text(*as);
        const auto form = std::find(kForms.begin(), kForms.end(), word);
        if (form == kForms.end()) {
            return problem("`outputs: {}` has the unknown `as: {}`: {}", made.key, word, advice(word, kForms));
        }
        made.as = static_cast<CommandOutput::As>(form - kForms.begin());
    }

    // The members that go with one form only.
    void output_members(CommandOutput& made, const Map& members) {
        const bool is_file = made.from == CommandOutput::From::file;
        if (!is_file && members.contains("as")) {
            problem("`outputs: {}` has `as` without `file`: leave it out", made.key);
        }
        if (const Value* pointer = find(members, "pointer")) {
            if (!is_file || made.as != CommandOutput::As::json) {
                problem("`outputs: {}` has `pointer`, which goes with `file` and `as: json` only", made.key);
            } else {
                json_pointer(made, "pointer", *pointer);
            }
        }
        const bool is_array = is_file && made.as == CommandOutput::As::array;
        for (const char* member : {"dtype", "shape"}) {
            if (members.contains(member) && !is_array) {
                problem("`outputs: {}` has `{}`, which goes with `file` and `as: array` only", made.key, member);
            }
        }
        if (is_array) {
            element_type(made, find(members, "dtype"));
            shape(made, find(members, "shape"));
        }
        const Value* destination = find(members, "to");
        const bool is_path = is_file && made.as == CommandOutput::As::path;
        if (destination && !is_path) {
            problem("`outputs: {}` has `to`, which goes with `file` and `as: path` only", made.key);
        } else if (destination && (!destination->is(Value::Type::string) || destination->string().empty())) {
            problem("`outputs: {}` has a `to` that is no path", made.key);
        } else if (destination) {
            made.destination = text(*destination);
        } else if (is_path) {
            path_stays(made);
        }
    }

    void element_type(CommandOutput& made, const Value* dtype) {
        static const std::vector<std::string> names = [] {
            std::vector<std::string> all;
            for (int type = 0; type <= static_cast<int>(ElementType::float64); ++type) {
                all.emplace_back(element_name(static_cast<ElementType>(type)));
            }
            return all;
        }();
        if (!dtype) {
            return problem("`outputs: {}` is a raw array and needs `dtype` with one of {}", made.key,
                           fmt::join(names, ", "));
        }
        const std::string word = plain_text(*dtype);
        const auto found = std::find(names.begin(), names.end(), word);
        if (found == names.end()) {
            return problem("`outputs: {}` has the unknown `dtype: {}`: {}", made.key, word, advice(word, names));
        }
        made.element = static_cast<ElementType>(found - names.begin());
    }

    void shape(CommandOutput& made, const Value* extents) {
        if (!extents) {
            made.shape = {Value(-1)};
            return;
        }
        if (!extents->is(Value::Type::list)) {
            return problem("`outputs: {}` has a `shape` that is a {}: it must be a list such as [100, -1]", made.key,
                           extents->type_name());
        }
        int open = 0;
        for (const Value& extent : extents->list()) {
            const bool number = extent.is(Value::Type::int64) && extent.int64() >= -1;
            if (number && extent.int64() == -1) ++open;
            if (!number && !(extent.is(Value::Type::string) && text(extent).whole())) {
                problem(
                    "`outputs: {}` has the extent `{}` in its `shape`: an extent is a whole number, one \"{{name}}\", "
                    "or -1 for what is left",
                    made.key, plain_text(extent));
            }
        }
        if (open > 1) problem("`outputs: {}` has more than one -1 in its `shape`", made.key);
        made.shape = extents->list();
    }

    // A file of the scratch directory is gone after the job: its path would lead nowhere.
    void path_stays(const CommandOutput& made) {
        if (made.file.empty()) return;
        const TextPiece& first = made.file.pieces.front();
        const bool in_scratch =
            first.is_name ? first.text == kScratch : first.text.front() != '/' && spec_.directory.empty();
        if (!in_scratch) return;
        problem(
            "`outputs: {}` is a path in the scratch directory, which is removed when the job succeeds: add `to: DEST`",
            made.key);
    }

    const Document& with_;
    std::vector<std::string>& problems_;
    const Suggest& suggest_;
    std::vector<std::string> names_;
    CommandSpec spec_;
};

}  // namespace

const std::string* CommandText::whole() const {
    return pieces.size() == 1 && pieces.front().is_name ? &pieces.front().text : nullptr;
}

bool CommandText::names(std::string_view name) const {
    return std::any_of(pieces.begin(), pieces.end(),
                       [&](const TextPiece& piece) { return piece.is_name && piece.text == name; });
}

CommandSpec parse_command(const Document& with, std::vector<std::string>& problems, const Suggest& suggest) {
    return Reader(with, problems, suggest).read();
}

Keys command_needs(const Document& with) {
    Keys needs;
    auto add = [&](const std::string& name) {
        if (!is_built_in(name) && std::find(needs.begin(), needs.end(), name) == needs.end()) needs.push_back(name);
    };
    std::vector<std::string> ignored;
    for (const std::string& name : placeholder_names(Value(with), ignored)) add(name);
    auto add_key = [&](const Value& value) {
        if (value.is(Value::Type::string) && is_key(value.string())) add(value.string());
    };
    if (const Value* input = find(with, "stdin")) add_key(*input);
    if (const Value* files = find(with, "input-files"); files && files->is(Value::Type::map)) {
        for (const auto& [name, value] : files->map()) add_key(value);
    }
    return needs;
}

Keys command_makes(const Document& with) {
    Keys makes;
    const Value* outputs = find(with, "outputs");
    if (outputs && outputs->is(Value::Type::map)) {
        for (const auto& [key, form] : outputs->map()) makes.push_back(key);
    }
    return makes;
}

}  // namespace penstock
