// A thread that has little to do, but soon: on Linux 6.12 and later it may ask for short turns on a CPU, and then comes
// before threads that compute. Else it waits for the end of their turns, up to 3 ms each time it is waked, and lanes
// with it.
#pragma once

namespace penstock {

// Nanoseconds, of the calling thread; 0 where nothing is told of that.
unsigned long long length_of_turns();

// For the calling thread alone; threads and processes it makes are as any others. Where that cannot be had, nothing
// changes.
void ask_for_short_turns();

}  // namespace penstock
