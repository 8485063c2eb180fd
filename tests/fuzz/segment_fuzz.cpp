// Segments. Where the first byte is '=' the rest is the file. Else the rest are changes of what the datasets of a sound
// segment hold, with the checksums made right again: what a reader must survive however it came to be written. What
// HDF5 itself makes of its own structures is not tried: bytes that do not match their checksum never reach it.
#include "fuzz/fuzz.hpp"
#include "fuzz/scratch_file.hpp"
#include "store/block_sums.hpp"
#include "store/hdf5.hpp"
#include "store/results.hpp"
#include "unit/store/stream_sample.hpp"

#include <hdf5.h>

#include <functional>
#include <string>
#include <vector>

namespace penstock {
namespace {

// A run with one segment of every kind of table; made once.
class Sample {
public:
    Sample() {
        SampleRun run;
        write_jobs(run);
        const auto name = run.segments().at(0);
        bytes_ = content_of(run.directory() / "segments" / name);
        std::filesystem::create_directories(folder_.folder() / "run.h5.run" / "segments");
        path_ = folder_.folder() / "run.h5.run" / "segments" / name;
    }

    std::filesystem::path run() const { return folder_.folder() / "run.h5"; }
    const std::filesystem::path& path() const { return path_; }
    const std::string& bytes() const { return bytes_; }

private:
    static void write_jobs(const SampleRun& run) {
        const auto jobs = SamplePlan("p").job("many", {Axis{"n", Range{0, 1, 10}}}).job("one").start();
        const auto stream = stream_plan("s").start(1);
        const auto writer = make_record_writer(run.options());
        std::vector<JobRecord> records;
        RandomValues values(7);
        for (std::uint32_t i = 0; i < 9; ++i)
            records.push_back(record_with(jobs, 0, i,
                                          {{"i", i},
                                           {"t", "text"},
                                           {"any", values.value()},
                                           {"b", Bytes(i)},
                                           {"a", values.array(ElementType::float32, {2})}}));
        records.push_back(failed_record(jobs, 0, 9, "it failed"));
        records.push_back(record_with(jobs, 1, 0, {{"x", 1.5}}));
        writer->add(stream_record(stream, 0, numbers(0, 5)));
        records.push_back(record_of(stream, kTopResults));
        SampleRun::write(*writer, std::move(records));
    }

    test::ScratchFile folder_{"none"};
    std::filesystem::path path_;
    std::string bytes_;
};

void write_file(const std::filesystem::path& path, std::string_view content) {
    std::ofstream(path, std::ios::binary) << content;
}

std::vector<std::string> datasets_of(hid_t file) {
    std::vector<std::string> names;
    H5Ovisit(
        file, H5_INDEX_NAME, H5_ITER_INC,
        [](hid_t, const char* name, const H5O_info_t* info, void* list) -> herr_t {
            if (info->type == H5O_TYPE_DATASET) static_cast<std::vector<std::string>*>(list)->emplace_back(name);
            return 0;
        },
        &names);
    return names;
}

// [dataset, place, byte] again and again.
void change_datasets(const std::filesystem::path& path, std::span<const std::uint8_t> changes) {
    const h5::Handle file(h5::checked(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "open"), H5Fclose);
    static const std::vector<std::string> names = datasets_of(file.id());
    for (; changes.size() >= 3; changes = changes.subspan(3)) {
        const h5::Handle dataset(H5Dopen2(file.id(), names[changes[0] % names.size()].c_str(), H5P_DEFAULT), H5Dclose);
        const h5::Handle type(H5Dget_type(dataset.id()), H5Tclose);
        const h5::Handle space(H5Dget_space(dataset.id()), H5Sclose);
        std::vector<std::uint8_t> content(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.id())) *
                                          H5Tget_size(type.id()));
        if (content.empty() || H5Dread(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, content.data()) < 0)
            continue;
        content[changes[1] % content.size()] = changes[2];
        H5Dwrite(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, content.data());
    }
}

void make_checksums(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
    const auto size = static_cast<std::uint64_t>(::lseek(descriptor, 0, SEEK_END));
    const std::string sums = BlockSums().behind(descriptor, size);
    if (::write(descriptor, sums.data(), sums.size()) != static_cast<ssize_t>(sums.size())) std::abort();
    ::close(descriptor);
}

// `collected`: into a file too, which takes ten times as long.
void read_all(const std::filesystem::path& run, bool collected) {
    try {
        const auto results = Results::open(run);
        for (const JobRow& job : results->jobs()) {
            results->attempts(job);
            results->outputs(job.pipeline, job.pipeline_instance, job.name, job.instance);
        }
        for (const char* job : {"many", "one"}) results->table("p", job);
        for (const StreamRow& stream : results->streams())
            results->stream_items(stream.pipeline, stream.pipeline_instance, stream.stage, 0, 100);
    } catch (const StoreError&) {
    }
    if (!collected) return;
    try {
        collect(run, run.parent_path() / "collected.h5", {});
    } catch (const StoreError&) {
    }
}

}  // namespace

void fuzz(std::span<const std::uint8_t> input) {
    static const Sample sample;
    if (input.empty()) return;
    h5::quiet();
    if (input[0] == '=') {
        write_file(sample.path(), {reinterpret_cast<const char*>(input.data()) + 1, input.size() - 1});
    } else {
        write_file(sample.path(), sample.bytes());
        change_datasets(sample.path(), input);
        make_checksums(sample.path());
    }
    read_all(sample.run(), input.back() % 16 == 0);
}

}  // namespace penstock
