// A program of one's own: its worker types, the built-in ones, and the whole command line of `penstock`.
//
//     int main(int argc, char** argv) { return penstock::Application<Square, Cube>{}.run(argc, argv); }
//
// It is launched like the stock program: `mpirun -n 8 ./my-program run definition.yaml`. With a driver function (see
// pipeline_manager.hpp) pipelines are made in code: `mpirun -n 8 ./my-program -o results.h5`; definition FILEs may be
// named beside it, and what stands after `--` is the driver's.
//
// A worker type with the name of a built-in one replaces it; two own types of one name are an error at start. run()
// must be called first thing in main(), before any thread is made and before MPI is initialized; it returns the exit
// code: 0 all jobs succeeded, 1 some failed, 2 bad usage or definition, 70 a bug of Penstock, 75 interrupted or results
// not storable.
#pragma once

#include <penstock/pipeline_manager.hpp>
#include <penstock/store.hpp>
#include <penstock/worker.hpp>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace penstock {

// `spec` is what stands after the colon of `--store NAME:SPEC`. Called in every broker and at the router.
using StoreFactory = std::function<std::unique_ptr<Store>(const std::string& spec)>;

struct NamedStore {
    std::string name;
    StoreFactory make;
};

// What Application hands on; nothing here depends on its types.
struct ApplicationSetup {
    WorkerTypes types;
    std::vector<NamedStore> stores;
    std::string default_store;  // as for --store; "" = hdf5
    Driver driver;              // may be null
};

int run_application(ApplicationSetup setup, int argc, char** argv);

template <WorkerClass... Types>
class Application {
public:
    // `--store NAME:SPEC` makes a store with factory(SPEC).
    Application& store(std::string name, StoreFactory factory) {
        setup_.stores.push_back({std::move(name), std::move(factory)});
        return *this;
    }
    // The same for a class with `static constexpr std::string_view kName` and a constructor that takes the SPEC, or
    // none.
    template <class S>
    Application& store() {
        static_assert(std::is_base_of_v<Store, S>, "a store is a class derived from penstock::Store");
        return store(std::string(std::string_view(S::kName)), [](const std::string& spec) -> std::unique_ptr<Store> {
            if constexpr (std::is_constructible_v<S, const std::string&>) {
                return std::make_unique<S>(spec);
            } else {
                return std::make_unique<S>();
            }
        });
    }
    // The store in use when the command line names none.
    Application& default_store(std::string name_and_spec) {
        setup_.default_store = std::move(name_and_spec);
        return *this;
    }

    int run(int argc, char** argv, Driver driver = nullptr) {
        setup_.types = {worker_type<Types>()...};
        setup_.driver = std::move(driver);
        return run_application(setup_, argc, argv);
    }

private:
    ApplicationSetup setup_;
};

}  // namespace penstock
