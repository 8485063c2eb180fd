#include "store/dataset.hpp"
#include "store/checksum.hpp"
#include "store/hdf5_write_file.hpp"
#include "temporary_folder.hpp"

#include <gmock/gmock.h>

#include <numeric>
#include <random>

namespace penstock::h5 {

namespace {

// The dataset as the library itself reads it, checksums verified.
std::vector<double> read_by_library(hid_t file, const char* name) {
    const Handle dataset(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose);
    const Handle space(H5Dget_space(dataset.id()), H5Sclose);
    std::vector<double> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.id())));
    EXPECT_GE(H5Dread(dataset.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
    return values;
}

struct Case {
    std::vector<std::uint64_t> shape;
    std::uint64_t rows;
    std::size_t chunk_bytes;
};

}  // namespace

TEST(Checksum, IsThatOfTheLibrary) {
    TemporaryFolder folder;
    std::mt19937 random(1);
    for (int round = 0; round < 40; ++round) {
        const std::size_t size = 1 + random() % 5000;
        std::vector<std::uint8_t> bytes(size);
        for (auto& b : bytes)
            b = round % 4 == 0 ? 0 : round % 4 == 1 ? 255 : round % 4 == 2 ? random() % 20 == 0 : random() % 256;
        WriteFile file(folder / "c.h5", Readers::any);
        const hsize_t extent = size;
        const Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose);
        const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
        H5Pset_chunk(creation.id(), 1, &extent);
        H5Pset_fletcher32(creation.id());
        const Handle dataset(
            H5Dcreate2(file.id(), "d", H5T_NATIVE_UINT8, space.id(), H5P_DEFAULT, creation.id(), H5P_DEFAULT),
            H5Dclose);
        H5Dwrite(dataset.id(), H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
        H5Dflush(dataset.id());
        std::vector<std::uint8_t> stored(size + 4);
        const hsize_t offset = 0;
        std::uint32_t filters = 0;
        ASSERT_GE(H5Dread_chunk(dataset.id(), H5P_DEFAULT, &offset, &filters, stored.data()), 0);
        std::uint32_t sum = 0;
        for (int i = 3; i >= 0; --i) sum = sum << 8 | stored[size + static_cast<std::size_t>(i)];
        EXPECT_EQ(fletcher32(std::as_bytes(std::span(bytes))), sum) << size << " bytes, round " << round;
    }
}

TEST(Dataset, TheLibraryAndOurReaderSeeWhatWasWritten) {
    TemporaryFolder folder;
    const std::vector<Case> cases{{{}, 1, 64},        {{}, 100, 64},     {{}, 1000, 1 << 20}, {{3}, 17, 100},
                                  {{2, 5}, 9, 64},    {{2, 50}, 3, 100}, {{7, 3}, 4, 48},     {{1}, 5, 8},
                                  {{4, 4, 4}, 5, 40}, {{1000}, 2, 512},  {{0}, 3, 64},        {{5, 0, 2}, 2, 64},
                                  {{3}, 0, 64},       {{}, 0, 64},       {{31, 2}, 3, 100}};
    for (const Readers readers : {Readers::any, Readers::recent}) {
        for (const Case& c : cases) {
            std::uint64_t per_row = 1;
            for (const std::uint64_t extent : c.shape) per_row *= extent;
            std::vector<double> wanted(c.rows * per_row);
            std::iota(wanted.begin(), wanted.end(), 1.0);
            WriteFile file(folder / "d.h5", readers);
            {
                DatasetWriter writer(file.id(), "d", {H5T_NATIVE_DOUBLE, 8, c.shape}, c.rows, c.chunk_bytes);
                const std::uint64_t step = std::max<std::uint64_t>(1, writer.chunk_rows() * 2);
                for (std::uint64_t row = 0; row < c.rows; row += step) {
                    Buffer rows;
                    rows.append(wanted.data() + row * per_row, std::min(step, c.rows - row) * per_row * 8);
                    writer.write(rows);
                }
                writer.finish();
            }
            file.finish();
            const ReadFile back(folder / "d.h5");
            EXPECT_EQ(read_by_library(back.id(), "d"), wanted);
            DatasetReader reader(back.id(), "d", H5T_NATIVE_DOUBLE, 8);
            EXPECT_EQ(reader.rows(), c.rows);
            EXPECT_EQ(reader.shape(), c.shape);
            std::vector<double> got(wanted.size());
            reader.read(0, c.rows, reinterpret_cast<std::byte*>(got.data()));
            EXPECT_EQ(got, wanted);
        }
    }
}

TEST(Dataset, WhatNeverChangesIsNotStored) {
    TemporaryFolder folder;
    Buffer same, late;
    for (int i = 0; i < 100'000; ++i) {
        same.put(7.0);
        late.put(i < 90'000 ? 7.0 : i);
    }
    WriteFile file(folder / "d.h5", Readers::any);
    write_dataset(file.id(), "same", {H5T_NATIVE_DOUBLE, 8, {}}, 100'000, same, 8000);
    write_dataset(file.id(), "late", {H5T_NATIVE_DOUBLE, 8, {}}, 100'000, late, 8000);
    EXPECT_LT(file.finish(), 10'000u * 8 + 50'000);
    const ReadFile back(folder / "d.h5");
    EXPECT_EQ(read_by_library(back.id(), "same"), std::vector<double>(100'000, 7.0));
    DatasetReader reader(back.id(), "late", H5T_NATIVE_DOUBLE, 8);
    std::vector<double> got(100'000);
    reader.read(0, got.size(), reinterpret_cast<std::byte*>(got.data()));
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], i < 90'000 ? 7.0 : static_cast<double>(i));
}

TEST(Dataset, OfUnknownLength) {
    TemporaryFolder folder;
    WriteFile file(folder / "d.h5", Readers::any);
    {
        DatasetWriter writer(file.id(), "d", {H5T_NATIVE_UINT8, 1, {}}, DatasetWriter::kUnknownRows, 16);
        Buffer part;
        part.append(std::string_view("0123456789abcdef0123456789ABCDEF"));
        writer.write(part);
        part.clear();
        part.append(std::string_view("end"));
        writer.write(part);
        writer.finish();
    }
    file.finish();
    const ReadFile back(folder / "d.h5");
    DatasetReader reader(back.id(), "d", H5T_NATIVE_UINT8, 1);
    std::string got(reader.rows(), ' ');
    reader.read(0, got.size(), reinterpret_cast<std::byte*>(got.data()));
    EXPECT_EQ(got, "0123456789abcdef0123456789ABCDEFend");
}

TEST(Dataset, DamageIsNoticed) {
    TemporaryFolder folder;
    Buffer rows;
    for (int i = 0; i < 1000; ++i) rows.put(1000.0 + i);
    WriteFile file(folder / "d.h5", Readers::recent);
    write_dataset(file.id(), "d", {H5T_NATIVE_DOUBLE, 8, {}}, 1000, rows, 1 << 20);
    const std::uint64_t bytes = file.finish();
    std::string content = content_of(folder / "d.h5");
    content.resize(bytes - 1);  // as another program would leave it: without the checksums of blocks
    const double wanted = 1500;
    const std::size_t place = content.find(std::string(reinterpret_cast<const char*>(&wanted), 8));
    ASSERT_NE(place, std::string::npos);
    content[place] ^= 4;
    write_content(folder / "d.h5", content);
    const ReadFile back(folder / "d.h5");
    DatasetReader reader(back.id(), "d", H5T_NATIVE_DOUBLE, 8);
    EXPECT_THAT([&] { reader.part_with(0); },
                testing::ThrowsMessage<StoreError>(testing::HasSubstr("its checksum does not match")));
}

TEST(WriteFile, RemovesWhatCrashesLeft) {
    TemporaryFolder folder;
    for (const char* name : {"d.h5.1-0.part", "d.h5.2-0.part", "e.h5.1-0.part", "d.h5"})
        write_content(folder / name, "");
    const auto old = std::filesystem::file_time_type::clock::now() - std::chrono::hours(2);
    for (const char* name : {"d.h5.1-0.part", "e.h5.1-0.part", "d.h5"})
        std::filesystem::last_write_time(folder / name, old);
    remove_abandoned(folder / "d.h5");
    EXPECT_FALSE(std::filesystem::exists(folder / "d.h5.1-0.part"));
    for (const char* name : {"d.h5.2-0.part", "e.h5.1-0.part", "d.h5"})
        EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
}

TEST(WriteFile, LeavesNothingWithoutFinish) {
    TemporaryFolder folder;
    { const WriteFile file(folder / "d.h5", Readers::any); }
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
    EXPECT_THAT([&] { WriteFile(folder / "no" / "d.h5", Readers::any); },
                testing::ThrowsMessage<StoreError>(testing::HasSubstr("does not exist. Make the folder")));
}

}  // namespace penstock::h5
