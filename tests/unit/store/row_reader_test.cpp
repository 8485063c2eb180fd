// Rows of datasets that other programs have made.
#include "store/row_reader.hpp"

#include "store/hdf5.hpp"
#include "value/value_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdlib.h>

#include <filesystem>
#include <numeric>

namespace penstock {
namespace {

using ::testing::HasSubstr;

class RowReaderTest : public ::testing::Test {
protected:
    RowReaderTest() {
        std::string folder = (std::filesystem::temp_directory_path() / "penstock-rows.XXXXXX").string();
        if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
        folder_ = folder;
        file_ = h5::Handle(H5Fcreate((folder_ / "x.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
    }
    ~RowReaderTest() override { std::filesystem::remove_all(folder_); }

    void write(const char* name, hid_t type, std::vector<hsize_t> shape, const void* data, hsize_t chunk_rows = 0,
               hid_t stored = -1) {
        open_to_write();
        const h5::Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose);
        const h5::Handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
        if (chunk_rows != 0) {
            std::vector<hsize_t> chunk = shape;
            chunk[0] = chunk_rows;
            H5Pset_chunk(layout.id(), static_cast<int>(chunk.size()), chunk.data());
        }
        const h5::Handle set(
            H5Dcreate2(file_.id(), name, stored < 0 ? type : stored, space.id(), H5P_DEFAULT, layout.id(), H5P_DEFAULT),
            H5Dclose);
        ASSERT_GE(H5Dwrite(set.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    }
    void open_to_write() {
        if (!file_) file_ = h5::Handle(H5Fopen((folder_ / "x.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
    }
    RowReader open(const std::string& name) {
        file_ = {};  // one process cannot have it open in both ways
        return {folder_ / "x.h5", name};
    }
    // All rows, in parts; and how many blocks that took.
    List all(RowReader reader, std::uint32_t parts, int* blocks = nullptr) {
        List rows;
        for (std::uint32_t p = 0; p < parts; ++p) {
            const std::uint64_t end = reader.begin_of(p + 1, parts);
            for (std::uint64_t row = reader.begin_of(p, parts); row < end;) {
                List block = reader.read(row, end);
                if (blocks != nullptr) ++*blocks;
                row += block.size();
                rows.insert(rows.end(), block.begin(), block.end());
            }
        }
        return rows;
    }

    std::filesystem::path folder_;
    h5::Handle file_;
};

TEST_F(RowReaderTest, EveryRowComesOnceInHoweverManyParts) {
    std::vector<std::int64_t> numbers(100'003);
    std::iota(numbers.begin(), numbers.end(), -5);
    write("chunked", H5T_NATIVE_INT64, {numbers.size()}, numbers.data(), 1000);
    write("plain", H5T_NATIVE_INT64, {numbers.size()}, numbers.data());
    for (const std::string name : {"chunked", "plain"})
        for (const std::uint32_t parts : {1u, 2u, 7u, 500u}) {
            SCOPED_TRACE(name + " " + std::to_string(parts));
            const List rows = all(open(name), parts);
            ASSERT_EQ(rows.size(), numbers.size());
            for (std::size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i].int64(), numbers[i]);
        }
}

TEST_F(RowReaderTest, PartsBeginWhereChunksDo) {
    std::vector<std::int32_t> numbers(10'000, 1);
    write("x", H5T_NATIVE_INT32, {numbers.size()}, numbers.data(), 300);
    RowReader reader = open("x");
    for (std::uint32_t p = 0; p < 4; ++p) EXPECT_EQ(reader.begin_of(p, 4) % 300, 0u);
    EXPECT_EQ(reader.begin_of(4, 4), 10'000u);
}

TEST_F(RowReaderTest, ALargeDatasetIsReadInBlocks) {
    std::vector<double> numbers(3 << 20);
    write("x", H5T_NATIVE_DOUBLE, {3, 1 << 20}, numbers.data(), 1);
    int blocks = 0;
    const List rows = all(open("x"), 1, &blocks);
    EXPECT_EQ(rows.size(), 3u);
    EXPECT_EQ(blocks, 3);
    EXPECT_EQ(rows[2].array().shape(), std::vector<std::uint64_t>{1 << 20});
    EXPECT_EQ(rows[2].array().type(), ElementType::float64);
}

TEST_F(RowReaderTest, TypesOfOtherProgramsAreRead) {
    const std::vector<std::int16_t> numbers{1, -2, 3, 4, 5, 6};
    write("big-endian", H5T_NATIVE_INT16, {3, 2}, numbers.data(), 0, H5T_STD_I16BE);
    EXPECT_EQ(all(open("big-endian"), 1)[0].array().as<std::int16_t>()[1], -2);
    const char* texts[] = {"a", "äö", ""};
    write("texts", h5::variable_string().id(), {3}, texts);
    EXPECT_EQ(to_json(Value(all(open("texts"), 2))), "[\"a\",\"äö\",\"\"]");
    const char fixed[] = "abcd\0\0efg";
    write("fixed", h5::fixed_string(3).id(), {3}, fixed);
    EXPECT_EQ(to_json(Value(all(open("fixed"), 1))), "[\"abc\",\"d\",\"efg\"]");
    const std::int8_t truths[] = {1, 0, 0, 1};
    write("truths", h5::boolean(), {2, 2}, truths);
    EXPECT_EQ(to_json(Value(all(open("truths"), 1))), "[[true,false],[false,true]]");
    write("none", H5T_NATIVE_INT64, {0}, nullptr);
    EXPECT_TRUE(all(open("none"), 3).empty());
}

TEST_F(RowReaderTest, WhatCannotBeReadIsSaid) {
    {
        const h5::Handle space(H5Screate(H5S_SCALAR), H5Sclose);
        const h5::Handle set(
            H5Dcreate2(file_.id(), "scalar", H5T_NATIVE_DOUBLE, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
            H5Dclose);
    }
    const auto said = [&](const std::string& name) -> std::string {
        try {
            open(name);
        } catch (const std::exception& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_THAT(said("missing"), HasSubstr("there is no such dataset"));
    EXPECT_THAT(said("scalar"), HasSubstr("has no rows"));
}

}  // namespace
}  // namespace penstock
