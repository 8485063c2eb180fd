// Preloaded into a launch: from the moment the file $NO_THREADS exists, no thread can be started, as on a host that has
// no room left for one. It is how a test makes a rank throw where nothing expects it.
#include <cerrno>
#include <cstdlib>

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) noexcept {
    const char* marker = std::getenv("NO_THREADS");
    if (marker != nullptr && access(marker, F_OK) == 0) return EAGAIN;
    static const auto real = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
    return real(thread, attributes, start, argument);
}
