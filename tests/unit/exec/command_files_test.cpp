// .npy files, safe names, the environment's cleaning.
#include "command_harness.hpp"

#include "exec/command_environment.hpp"
#include "exec/command_files.hpp"
#include "exec/command_json.hpp"
#include "exec/command_npy.hpp"
#include "exec/command_template.hpp"

#include <gmock/gmock.h>

namespace penstock {
namespace {

using command_test::TemporaryDirectory;
using ::testing::HasSubstr;

Array read(const std::string& file) {
    auto kept = std::make_shared<std::string>(file);
    return read_npy(std::as_bytes(std::span(kept->data(), kept->size())), kept);
}

std::string npy(const std::string& header, const std::string& elements, int version = 1) {
    std::string text("\x93NUMPY");
    text += static_cast<char>(version);
    text += '\0';
    for (int i = 0; i < (version == 1 ? 2 : 4); ++i) text += static_cast<char>(header.size() >> 8 * i & 0xff);
    return text + header + elements;
}

std::string problem_of(const std::string& file) {
    try {
        read(file);
    } catch (const ValueError& error) {
        return error.what();
    }
    return "none";
}

TEST(CommandNpy, EveryTypeAndShapeRoundTrips) {
    const std::vector<std::vector<std::uint64_t>> shapes = {
        {}, {0}, {1}, {7}, {2, 3}, {3, 0, 2}, {2, 1, 2, 2}, std::vector<std::uint64_t>(20, 1)};
    for (int type = 0; type <= static_cast<int>(ElementType::float64); ++type) {
        for (const auto& shape : shapes) {
            std::size_t bytes = element_size(static_cast<ElementType>(type));
            for (const std::uint64_t extent : shape) bytes *= extent;
            Bytes elements(bytes);
            for (std::size_t i = 0; i < bytes; ++i) elements[i] = static_cast<std::byte>(i + 1);
            const Array array(static_cast<ElementType>(type), shape, elements);
            const std::string header = npy_header(array);
            EXPECT_EQ(header.size() % 64, 0u);
            const Array back = read(header + std::string(reinterpret_cast<const char*>(elements.data()), bytes));
            EXPECT_EQ(back.type(), array.type());
            EXPECT_EQ(back.shape(), array.shape());
            EXPECT_EQ(Value(back), Value(array));
        }
    }
}

TEST(CommandNpy, ReadsOtherOrders) {
    const std::string big("\0\1\0\2\0\3\0\4\0\5\0\6", 12), little("\1\0\2\0\3\0\4\0\5\0\6\0", 12);
    const Array rows = Array::of<std::uint16_t>({2, 3}, std::vector<std::uint16_t>{1, 2, 3, 4, 5, 6});
    const Array columns = Array::of<std::uint16_t>({2, 3}, std::vector<std::uint16_t>{1, 3, 5, 2, 4, 6});
    EXPECT_EQ(Value(read(npy("{'descr': '>u2', 'fortran_order': False, 'shape': (2, 3), }", big))), Value(rows));
    EXPECT_EQ(Value(read(npy("{'shape': (2, 3), 'fortran_order': True, 'descr': '<u2'}\n", little, 2))),
              Value(columns));
    EXPECT_EQ(Value(read(npy("{\"descr\": \">u2\", \"fortran_order\": True, \"shape\": (2L, 3L)}", big, 3))),
              Value(columns));
    EXPECT_EQ(read(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", std::string("\1\0\1", 3))).type(),
              ElementType::uint8);
}

TEST(CommandNpy, SaysWhatIsWrong) {
    EXPECT_THAT(problem_of(""), HasSubstr("no .npy file"));
    EXPECT_THAT(problem_of("PK\3\4 something else"), HasSubstr("no .npy file"));
    EXPECT_THAT(problem_of(npy("{}", "")), HasSubstr("not exactly"));
    EXPECT_THAT(problem_of(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", "short")),
                HasSubstr("bytes"));
    EXPECT_THAT(problem_of(npy("{'descr': '<c16', 'fortran_order': False, 'shape': (1,)}", std::string(16, 'x'))),
                HasSubstr("`<c16`"));
    EXPECT_THAT(problem_of(npy("{'descr': '|O', 'fortran_order': False, 'shape': ()}", "x")), HasSubstr("`|O`"));
    EXPECT_THAT(
        problem_of(npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", std::string(8, 'x'))),
        HasSubstr("structured"));
    EXPECT_THAT(problem_of(npy("{'descr': '<f8', 'fortran_order': Perhaps, 'shape': (1,)}", std::string(8, 'x'))),
                HasSubstr("neither True nor False"));
    EXPECT_THAT(problem_of(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", "")),
                HasSubstr("whole numbers"));
    EXPECT_THAT(problem_of(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", "")),
                HasSubstr("whole numbers"));
    EXPECT_NE(problem_of(npy("{'descr': '<f8', 'fortran_order': True, 'shape': (4294967296, 4294967296, 2)}", "")),
              "none");
    EXPECT_THAT(problem_of(npy("x", "", 9)), HasSubstr("unknown version 9"));
}

// Any prefix of a good file, and any one damaged byte, is an error or an array, never a crash.
TEST(CommandNpy, SurvivesDamage) {
    const Array array = Array::of<double>({2, 2}, std::vector<double>{1, 2, 3, 4});
    const std::string good = npy_header(array) + std::string(32, 'x');
    for (std::size_t size = 0; size < good.size(); ++size) EXPECT_NE(problem_of(good.substr(0, size)), "none");
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const char other : {'\0', '\xff', '(', '9', '\''}) {
            std::string damaged = good;
            damaged[at] = other;
            problem_of(damaged);
        }
    }
}

TEST(CommandFiles, NamesThatCannotLeaveADirectory) {
    for (const char* good : {"a", "a/b", "a.b", "..a", "a..", "-x", " "})
        EXPECT_TRUE(is_safe_relative_path(good)) << good;
    for (const char* bad : {"", "/", "/a", "..", ".", "a/..", "../a", "a/../b", "a//b", "a/", "./a"})
        EXPECT_FALSE(is_safe_relative_path(bad)) << bad;
    EXPECT_FALSE(is_safe_relative_path(std::string_view("a\0b", 3)));
}

TEST(CommandFiles, MovesReplaceAndMakeFolders) {
    TemporaryDirectory directory;
    const auto& root = directory.path();
    command_test::write_text(root / "a", "new");
    command_test::write_text(root / "b", "old");
    move_file(root / "a", root / "b");
    EXPECT_EQ(command_test::read_text(root / "b"), "new");
    move_file(root / "b", root / "x/y/z");
    EXPECT_EQ(command_test::read_text(root / "x/y/z"), "new");
    EXPECT_THROW(move_file(root / "x/y/z", root / "x"), CommandError);
}

TEST(CommandFiles, LinksAreCopied) {
    TemporaryDirectory directory;
    const auto& root = directory.path();
    command_test::write_text(root / "real", "content");
    std::filesystem::create_symlink("real", root / "link");
    std::filesystem::create_directory(root / "away");
    move_file(root / "link", root / "away/copy");
    EXPECT_FALSE(std::filesystem::is_symlink(root / "away/copy"));
    EXPECT_EQ(command_test::read_text(root / "away/copy"), "content");
    EXPECT_EQ(command_test::read_text(root / "real"), "content");
}

TEST(CommandFiles, ScratchDirectoriesAreNeverShared) {
    TemporaryDirectory directory;
    const auto root = directory.path() / "not/there/yet";
    const auto first = make_scratch_directory(root, "job.0.1"), second = make_scratch_directory(root, "job.0.1");
    EXPECT_NE(first, second);
    EXPECT_EQ(command_test::entries(root), 2u);
    EXPECT_EQ(make_scratch_directory(root, std::string(400, 'x')).filename().string().size(), 180u);
}

TEST(CommandJson, PointersLeadWhereTheRfcSays) {
    const Value all = Map{{"", 0}, {"foo", List{"bar", Map{{"m~n", 8}}}}, {"a/b", 1}, {"0", 2}};
    EXPECT_EQ(follow_json_pointer(all, ""), &all);
    EXPECT_EQ(*follow_json_pointer(all, "/"), Value(0));
    EXPECT_EQ(*follow_json_pointer(all, "/foo/1/m~0n"), Value(8));
    EXPECT_EQ(*follow_json_pointer(all, "/a~1b"), Value(1));
    EXPECT_EQ(*follow_json_pointer(all, "/0"), Value(2));
    for (const char* nowhere :
         {"/x", "/foo/2", "/foo/-", "/foo/01", "/foo/+1", "/foo/", "/foo/0/x", "/foo/99999999999999999999"}) {
        EXPECT_EQ(follow_json_pointer(all, nowhere), nullptr) << nowhere;
    }
}

TEST(CommandEnvironment, LosesWhatTheLauncherPutThere) {
    for (const char* gone :
         {"OMPI_COMM_WORLD_RANK", "OMPI_MCA_orte_hnp_uri", "OMPI_MCA_ess", "PMIX_RANK", "PMI_FD", "PMI_RANK",
          "SLURM_STEP_ID", "SLURM_STEPID", "SLURM_PROCID", "MPI_LOCALRANKID", "HYDI_CONTROL_FD", "FLUX_TASK_RANK"}) {
        EXPECT_TRUE(is_launcher_variable(gone)) << gone;
    }
    for (const char* kept :
         {"PATH", "HOME", "SLURM_JOB_ID", "SLURM_JOB_NODELIST", "SLURM_NTASKS", "OMPI_MCA_btl", "PMIX_MCA_gds",
          "OMPI_ALLOW_RUN_AS_ROOT", "PBS_NODEFILE", "FLUX_JOB_ID", "MPICH_ENV", "I_MPI_FABRICS"}) {
        EXPECT_FALSE(is_launcher_variable(kept)) << kept;
    }
    const char* const entries[] = {"A=1", "PMI_RANK=0", "EMPTY=", "B=x=y", nullptr};
    Environment environment = Environment::cleaned(entries);
    environment.set("A", "2");
    environment.set("NEW", "3");
    EXPECT_STREQ(environment.get("A"), "2");
    EXPECT_STREQ(environment.get("B"), "x=y");
    EXPECT_STREQ(environment.get("EMPTY"), "");
    EXPECT_EQ(environment.get("PMI_RANK"), nullptr);
    EXPECT_EQ(environment.pointers().size(), 5u);
    EXPECT_EQ(environment.pointers().back(), nullptr);
}

TEST(CommandProgram, IsFoundAsAShellWould) {
    TemporaryDirectory directory;
    const auto& root = directory.path();
    for (const char* name : {"first", "second"}) std::filesystem::create_directory(root / name);
    command_test::write_text(root / "first/tool", "data");
    command_test::write_text(root / "second/tool", "#!/bin/sh\n", true);
    command_test::write_text(root / "first/data", "data");
    const std::string path = (root / "first").string() + "::" + (root / "second").string();
    EXPECT_EQ(find_program("tool", path.c_str(), root), (root / "second/tool").string());
    EXPECT_EQ(find_program("./tool", path.c_str(), root), (root / "tool").string());
    EXPECT_EQ(find_program("/bin/sh", path.c_str(), root), "/bin/sh");
    EXPECT_EQ(find_program("sh", nullptr, root).substr(0, 1), "/");
    try {
        find_program("data", path.c_str(), root);
        FAIL();
    } catch (const CommandError& error) {
        EXPECT_THAT(error.what(), HasSubstr("data is there, but is not a program"));
    }
}

}  // namespace
}  // namespace penstock
