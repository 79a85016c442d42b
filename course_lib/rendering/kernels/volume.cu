// Compositing the samples of rays, and its derivative, in CUDA C++: the twin of volume_cpu.py.
//
// A warp, 32 threads in lockstep, takes one ray; its lanes take 32 neighbouring samples at a time.
// So neighbours in memory are read by neighbours in the warp, in one go, also where rays have
// different numbers of samples. What a sample needs from those in front of it is a sum, and the
// warp makes all 32 sums together, in five additions each ("scan").
//
// Compiled with these macros, whose one home is Python (see volume_cuda.py):
//   CHANNELS   numbers in a row of `rays`: red, green, blue, sum of w t, opacity
// All arithmetic is float: a T4 computes doubles at 1/32 of the speed.
//
// Source: Max (1995), https://doi.org/10.1109/2945.468400; scans by shuffles: Harris, Sengupta and
// Owens (2007), GPU Gems 3, chapter 39.

#ifndef __CUDACC__  // on a CPU, with cuda_host.h: two shuffles that it does not have
#define __shfl_up_sync(lanes, value, step) \
    cuda_host::exchange(value, int(cuda_host::current) % cuda_host::WARP - (step))
#define __shfl_sync(lanes, value, lane) cuda_host::exchange(value, lane)
#endif

constexpr int WARP = 32;
constexpr unsigned EVERY_LANE = 0xffffffffu;
constexpr float LARGEST = 3.402823466e+38f;  // instead of infinity, which times zero is NaN

// Sum of this lane's value and those of all lanes before it.
__device__ __forceinline__ float sum_up_to(float value, int lane)
{
    for (int step = 1; step < WARP; step *= 2) {
        const float before = __shfl_up_sync(EVERY_LANE, value, step);
        if (lane >= step) value += before;
    }
    return value;
}

// Sum of this lane's value and those of all lanes behind it.
__device__ __forceinline__ float sum_from(float value, int lane)
{
    for (int step = 1; step < WARP; step *= 2) {
        const float behind = __shfl_down_sync(EVERY_LANE, value, step);
        if (lane + step < WARP) value += behind;
    }
    return value;
}

__device__ __forceinline__ float sum_of_warp(float value)
{
    for (int step = WARP / 2; step > 0; step /= 2)
        value += __shfl_down_sync(EVERY_LANE, value, step);
    return value;  // in lane 0
}

// Optical depth of one step.
__device__ __forceinline__ float depth_of(float sigma, float delta)
{
    return fminf(sigma, LARGEST) * fminf(delta, LARGEST);
}

// Forward. Launch with a block of (32, rays) threads, and blocks for all rays.
extern "C" __global__ void __launch_bounds__(256) composite_samples(
    const float* __restrict__ sigmas,  // (M,)
    const float* __restrict__ deltas,  // (M,)
    const float* __restrict__ colors,  // (M, 3)
    const float* __restrict__ ts,      // (M,)
    const int* __restrict__ starts,    // (R + 1,) ray r owns samples starts[r] to starts[r + 1]
    int count,                         // R
    float* __restrict__ rays,          // (R, CHANNELS), written
    float* __restrict__ weights)       // (M,), written
{
    const int ray = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (ray >= count) return;  // the whole warp leaves
    const int first = starts[ray], last = starts[ray + 1];
    float depth = 0.0f;  // optical, of all samples of earlier rounds
    float red = 0.0f, green = 0.0f, blue = 0.0f, distance = 0.0f, opacity = 0.0f;
    for (int base = first; base < last; base += WARP) {
        const int i = base + lane;
        const bool mine = i < last;
        const float own = mine ? depth_of(sigmas[i], deltas[i]) : 0.0f;
        const float behind = depth + sum_up_to(own, lane);
        // Not behind - own: an infinite depth has no difference.
        const float up_to = __shfl_up_sync(EVERY_LANE, behind, 1);
        const float before = lane == 0 ? depth : up_to;
        if (mine) {
            const float weight = expf(-before) * -expm1f(-own);
            weights[i] = weight;
            red += weight * colors[3 * i];
            green += weight * colors[3 * i + 1];
            blue += weight * colors[3 * i + 2];
            distance += weight * ts[i];
            opacity += weight;
        }
        depth = __shfl_sync(EVERY_LANE, behind, WARP - 1);
    }
    const float sums[CHANNELS] = {
        sum_of_warp(red), sum_of_warp(green), sum_of_warp(blue), sum_of_warp(distance),
        sum_of_warp(opacity)};
    if (lane == 0)
        for (int channel = 0; channel < CHANNELS; ++channel)
            rays[CHANNELS * ray + channel] = sums[channel];
}

// Backward. Launch as `composite_samples`.
//
// With g_i = dL/dw_i and tau_i = sigma_i delta_i:
//
//     dL/dtau_i = T_{i+1} g_i - S_i,   S_i = sum_{j > i} w_j g_j.
//
// T needs a sum from near to far, S one from far to near. So the warp walks twice: out, leaving
// the light behind each sample in `grad_sigmas`, and back. Sums from far to near are exact where
// it matters: behind a wall they are zero, not a small difference of large numbers.
extern "C" __global__ void __launch_bounds__(256) composite_samples_backward(
    const float* __restrict__ sigmas,
    const float* __restrict__ deltas,
    const float* __restrict__ colors,
    const float* __restrict__ ts,
    const int* __restrict__ starts,
    int count,
    const float* __restrict__ weights,
    const float* __restrict__ grad_rays,     // (R, CHANNELS)
    const float* __restrict__ grad_weights,  // (M,)
    float* __restrict__ grad_sigmas,         // (M,), written, as are the next three
    float* __restrict__ grad_deltas,         // (M,)
    float* __restrict__ grad_colors,         // (M, 3)
    float* __restrict__ grad_ts)             // (M,)
{
    const int ray = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (ray >= count) return;
    const int first = starts[ray], last = starts[ray + 1];
    const float* g = grad_rays + CHANNELS * ray;
    float depth = 0.0f;
    for (int base = first; base < last; base += WARP) {
        const int i = base + lane;
        const float own = i < last ? depth_of(sigmas[i], deltas[i]) : 0.0f;
        const float behind = depth + sum_up_to(own, lane);
        if (i < last) grad_sigmas[i] = expf(-behind);
        depth = __shfl_sync(EVERY_LANE, behind, WARP - 1);
    }
    float farther = 0.0f;  // sum of w g over all samples of farther rounds
    const int rounds = (last - first + WARP - 1) / WARP;
    for (int base = first + WARP * (rounds - 1); base >= first; base -= WARP) {
        const int i = base + lane;
        const bool mine = i < last;
        float own = 0.0f, said = 0.0f;  // g_i, w_i g_i
        if (mine) {
            own = g[0] * colors[3 * i] + g[1] * colors[3 * i + 1] + g[2] * colors[3 * i + 2]
                + g[3] * ts[i] + g[4] + grad_weights[i];
            said = weights[i] * own;
        }
        const float from_here = farther + sum_from(said, lane);
        const float next = __shfl_down_sync(EVERY_LANE, from_here, 1);
        if (mine) {
            const float weight = weights[i], sigma = sigmas[i], delta = deltas[i];
            const float by_depth = grad_sigmas[i] * own - (lane == WARP - 1 ? farther : next);
            grad_sigmas[i] = sigma <= LARGEST ? fminf(delta, LARGEST) * by_depth : 0.0f;
            grad_deltas[i] = delta <= LARGEST ? fminf(sigma, LARGEST) * by_depth : 0.0f;
            grad_colors[3 * i] = weight * g[0];
            grad_colors[3 * i + 1] = weight * g[1];
            grad_colors[3 * i + 2] = weight * g[2];
            grad_ts[i] = weight * g[3];
        }
        farther = __shfl_sync(EVERY_LANE, from_here, 0);
    }
}
