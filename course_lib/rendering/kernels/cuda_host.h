// Run a CUDA kernel's own source on a CPU, to test it where there is no GPU.
//
// Every CUDA thread of a block becomes a fibre: a stack of its own, run by one CPU thread until
// it has to wait for others at a barrier, then put aside. Blocks run one after the other, so that
// shared memory can be plain static memory. What it knows: 1-D to 3-D grids and blocks, shared
// memory, barriers, votes and shuffles of whole warps, atomicAdd, __expf, __float_as_int.
//
// Stricter than CUDA: a thread may not leave a kernel while others still wait for it at a barrier.
// Not checked: data races between barriers, and anything about speed.
//
// Use: include this, include the .cu file, then HOST_KERNEL(name) for each kernel to be called.
#pragma once
#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

using std::min;
using std::max;

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};
static dim3 gridDim, blockDim, blockIdx;

namespace cuda_host {

constexpr int WARP = 32;
constexpr size_t STACK_BYTES = 64 * 1024;

// A place where `size` threads wait until all have come. Votes and values of two meetings in a row
// lie apart (by the parity of `number`): the fast may be at the next when the slow still read.
struct Meeting {
    int size = 0, arrived = 0;
    unsigned number = 0;
    int votes[2] = {0, 0};
    uint32_t values[2][WARP];
};

struct Fibre {
    jmp_buf paused;
    ucontext_t start;
    dim3 thread;
    bool started = false, finished = false;
    const Meeting* waits_at = nullptr;
    unsigned number = 0;  // of the meeting that it waits for
};

static std::vector<Fibre> fibres;
static std::vector<Meeting> warps;
static Meeting block;
static std::vector<char> stacks;
static size_t current;
static jmp_buf scheduler;
static std::function<void()> body;

__attribute__((noinline)) static void pause_fibre()
{
    if (_setjmp(fibres[current].paused) == 0) _longjmp(scheduler, 1);
}

static void run_fibre()
{
    body();
    fibres[current].finished = true;
    _longjmp(scheduler, 1);
}

// Start the current fibre or go on with it; come back when it waits or is finished.
__attribute__((noinline)) static void resume_fibre()
{
    if (_setjmp(scheduler) != 0) return;
    Fibre& fibre = fibres[current];
    fibre.waits_at = nullptr;
    if (fibre.started) _longjmp(fibre.paused, 1);
    fibre.started = true;
    getcontext(&fibre.start);
    fibre.start.uc_stack.ss_sp = stacks.data() + STACK_BYTES * current;
    fibre.start.uc_stack.ss_size = STACK_BYTES;
    fibre.start.uc_link = nullptr;
    makecontext(&fibre.start, run_fibre, 0);
    setcontext(&fibre.start);
}

// Wait for the others of a block or a warp; returns which half of votes and values is theirs.
static int meet_others(Meeting& meeting, bool vote = false)
{
    const unsigned number = meeting.number;
    const int half = number % 2;
    if (meeting.arrived == 0) meeting.votes[half] = 0;
    meeting.votes[half] += vote;
    if (++meeting.arrived == meeting.size) {
        meeting.arrived = 0;
        meeting.number++;
    } else {
        fibres[current].waits_at = &meeting;
        fibres[current].number = number;
        pause_fibre();
    }
    return half;
}

static Meeting& own_warp() { return warps[current / WARP]; }

// What a lane of the own warp holds; a lane outside the warp gets its own value back.
template <class T> T exchange(T value, int lane)
{
    static_assert(sizeof(T) == sizeof(uint32_t), "shuffles move 32 bits");
    Meeting& warp = own_warp();
    std::memcpy(&warp.values[warp.number % 2][current % WARP], &value, sizeof(T));
    const int half = meet_others(warp);
    if (lane >= 0 && lane < warp.size) std::memcpy(&value, &warp.values[half][lane], sizeof(T));
    return value;
}

static void prepare_block()
{
    const size_t threads = fibres.size();
    block = Meeting();
    block.size = static_cast<int>(threads);
    warps.assign((threads + WARP - 1) / WARP, Meeting());
    for (size_t i = 0; i < threads; ++i) {
        const unsigned row = i / blockDim.x;
        fibres[i] = Fibre();
        fibres[i].thread = {unsigned(i % blockDim.x), row % blockDim.y, row / blockDim.y};
        warps[i / WARP].size++;
    }
}

// Run all threads of a block in turn; false if some wait for others that never come.
static bool run_block()
{
    prepare_block();
    for (size_t left = fibres.size(); left > 0;) {
        bool moved = false;
        for (current = 0; current < fibres.size(); ++current) {
            const Fibre& fibre = fibres[current];
            const bool waits = fibre.waits_at && fibre.waits_at->number == fibre.number;
            if (fibre.finished || waits) continue;
            resume_fibre();
            moved = true;
            left -= fibres[current].finished;
        }
        if (!moved) return false;
    }
    return true;
}

// As cuLaunchKernel: `arguments` points to pointers to the kernel's arguments.
template <class... Parameters, size_t... I>
int launch(
    void (*kernel)(Parameters...), const unsigned* grid, const unsigned* threads,
    void** arguments, std::index_sequence<I...>)
{
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {threads[0], threads[1], threads[2]};
    body = [=] { kernel(*static_cast<Parameters*>(arguments[I])...); };
    fibres = std::vector<Fibre>(size_t(threads[0]) * threads[1] * threads[2]);
    stacks.resize(STACK_BYTES * fibres.size());
    for (blockIdx.z = 0; blockIdx.z < grid[2]; ++blockIdx.z)
        for (blockIdx.y = 0; blockIdx.y < grid[1]; ++blockIdx.y)
            for (blockIdx.x = 0; blockIdx.x < grid[0]; ++blockIdx.x)
                if (!run_block()) return 1;
    return 0;
}

template <class... Parameters>
int launch(
    void (*kernel)(Parameters...), const unsigned* grid, const unsigned* threads, void** arguments)
{
    return launch(kernel, grid, threads, arguments, std::index_sequence_for<Parameters...>());
}

}  // namespace cuda_host

// Callable from C: 0, or 1 if the threads of a block waited at different barriers.
#define HOST_KERNEL(name)                                                           \
    extern "C" int launch_##name(                                                   \
        const unsigned* grid, const unsigned* threads, void** arguments)            \
    {                                                                               \
        return cuda_host::launch(name, grid, threads, arguments);                   \
    }

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static
#define threadIdx (cuda_host::fibres[cuda_host::current].thread)
#define __expf(x) std::exp(x)

static inline void __syncthreads() { cuda_host::meet_others(cuda_host::block); }

static inline int __syncthreads_count(int vote)
{
    return cuda_host::block.votes[cuda_host::meet_others(cuda_host::block, vote != 0)];
}

static inline int __any_sync(unsigned, int vote)
{
    cuda_host::Meeting& warp = cuda_host::own_warp();
    return warp.votes[cuda_host::meet_others(warp, vote != 0)] > 0;
}

template <class T> T __shfl_down_sync(unsigned, T value, int step)
{
    return cuda_host::exchange(value, int(cuda_host::current) % cuda_host::WARP + step);
}

static inline int __float_as_int(float value)
{
    int bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline float atomicAdd(float* address, float value)
{
    const float before = *address;
    *address += value;
    return before;
}
