#include "store/hdf5_trial.hpp"

#include "store/hdf5.hpp"

#include <numeric>
#include <vector>

namespace penstock {

namespace {

constexpr std::size_t kNumbers = 100'000;

std::vector<std::int64_t> numbers() {
    std::vector<std::int64_t> all(kNumbers);
    std::iota(all.begin(), all.end(), 0);
    return all;
}

void write(const std::filesystem::path& path) {
    const std::vector<std::int64_t> values = numbers();
    const h5::Handle file(
        h5::checked(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "making a file"), H5Fclose);
    const hsize_t size = values.size();
    const h5::Handle space(h5::checked(H5Screate_simple(1, &size, nullptr), "making a space"), H5Sclose);
    const h5::Handle set(h5::checked(H5Dcreate2(file.id(), "numbers", H5T_NATIVE_INT64, space.id(), H5P_DEFAULT,
                                                H5P_DEFAULT, H5P_DEFAULT),
                                     "making a dataset"),
                         H5Dclose);
    h5::checked(H5Dwrite(set.id(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "writing");
    h5::checked(H5Fflush(file.id(), H5F_SCOPE_GLOBAL), "flushing");
}

bool reads_the_same(const std::filesystem::path& path) {
    const h5::ReadFile file(path);
    const h5::Handle set(h5::checked(H5Dopen2(file.id(), "numbers", H5P_DEFAULT), "opening a dataset"), H5Dclose);
    std::vector<std::int64_t> values(kNumbers, -1);
    h5::checked(H5Dread(set.id(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "reading");
    return values == numbers();
}

}  // namespace

std::string try_hdf5(const std::filesystem::path& folder) {
    try {
        h5::quiet();
        write(folder / "trial.h5");
        return reads_the_same(folder / "trial.h5") ? "" : "what was read is not what was written";
    } catch (const StoreError& error) {
        return error.what();
    }
}

}  // namespace penstock
