// Blending the splats of each tile, and its derivative, in CUDA C++: the twin of composite.py.
//
// One block of threads is one tile of the picture, one thread is one of its pixels. All pixels of
// a tile meet the same splats in the same order, from near to far. So the threads fetch a number of
// splats together into shared memory ("staging"), wait for each other, and then each pixel walks
// over what lies there: global memory is read once for a tile, not once for a pixel.
//
// Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, section 6 and appendix C.

constexpr int PIXELS = TILE * TILE;   // threads in a block; the forward pass stages as many splats
constexpr int WARPS = PIXELS / WARP;  // warps in a block: with 16 x 16 pixels, each has two rows
constexpr int BATCH = 32;             // splats staged at a time by the backward pass

static_assert(PIXELS % WARP == 0 && PIXELS <= 1024, "a block must be whole warps, at most 1024");
static_assert(BATCH <= PIXELS, "each staged splat needs a thread that fetches it");

// What blending needs of a splat: the first nine numbers of its row in `packed`. Nine is odd, so
// that 32 threads that store 32 of them one behind the other reach all 32 banks of shared memory.
struct Splat {
    float u, v;                // mean, pixels
    float xx, xy, yy;          // inverse covariance, 1 / pixel^2
    float opacity;
    float red, green, blue;
};

__device__ __forceinline__ Splat load_splat(const float* packed, int index)
{
    const float* row = packed + static_cast<size_t>(PACKED) * index;
    return {row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8]};
}

// opacity e^-sigma with sigma = 1/2 d^T Sigma^-1 d, before the cap; (dx, dy) = pixel - mean.
// sigma cannot be negative, but on a long thin splat its rounded value can. Written with `<`, a
// NaN stays a NaN, and the comparison with MIN_ALPHA then leaves the splat out.
__device__ __forceinline__ float uncapped_alpha(const Splat& splat, float dx, float dy)
{
    const float sigma = (0.5f * splat.xx * dx + splat.xy * dy) * dx + 0.5f * splat.yy * dy * dy;
    return splat.opacity * __expf(sigma < 0.0f ? 0.0f : -sigma);
}

// Forward. Launch with grid (tiles in x, tiles in y) and blocks of (TILE, TILE) threads.
extern "C" __global__ void __launch_bounds__(PIXELS) composite(
    const float* __restrict__ packed,      // (N, PACKED)
    const int* __restrict__ members,       // (pairs,) splats of tile after tile, near to far
    const int* __restrict__ bounds,        // (2, tiles) where a tile's members begin and end
    const float* __restrict__ background,  // (3,)
    int width,
    int height,
    float* __restrict__ image,             // (H, W, 3), written
    float* __restrict__ alpha)             // (H, W), written
{
    __shared__ Splat staged[PIXELS];
    const int thread = threadIdx.y * TILE + threadIdx.x;
    const int tile = blockIdx.y * gridDim.x + blockIdx.x, tiles = gridDim.x * gridDim.y;
    const int x = blockIdx.x * TILE + threadIdx.x, y = blockIdx.y * TILE + threadIdx.y;
    const float centre_x = x + 0.5f, centre_y = y + 0.5f;
    const bool inside = x < width && y < height;
    const int first = bounds[tile], last = bounds[tiles + tile];

    // A thread whose pixel lies outside the picture has nothing to draw, but it still fetches
    // splats and takes part in every barrier: a barrier that one thread misses never opens.
    bool finished = !inside;
    float light = 1.0f, red = 0.0f, green = 0.0f, blue = 0.0f;
    for (int base = first; base < last; base += PIXELS) {
        // This barrier also says that nobody reads the last splats any more.
        if (__syncthreads_count(finished) == PIXELS) break;
        if (base + thread < last) staged[thread] = load_splat(packed, members[base + thread]);
        __syncthreads();  // now everybody may read what everybody fetched
        const int count = min(PIXELS, last - base);
        for (int k = 0; k < count && !finished; ++k) {
            const Splat& splat = staged[k];  // all threads read the same address: a broadcast
            const float raw = uncapped_alpha(splat, centre_x - splat.u, centre_y - splat.v);
            if (!(raw >= MIN_ALPHA)) continue;
            const float weight = fminf(raw, MAX_ALPHA) * light;
            finished = !(light - weight > MIN_TRANSMITTANCE);
            if (finished) break;
            red += weight * splat.red;
            green += weight * splat.green;
            blue += weight * splat.blue;
            light -= weight;
        }
    }
    if (!inside) return;
    const size_t pixel = static_cast<size_t>(y) * width + x;
    image[3 * pixel] = red + light * background[0];
    image[3 * pixel + 1] = green + light * background[1];
    image[3 * pixel + 2] = blue + light * background[2];
    alpha[pixel] = 1.0f - light;
}

// A pixel on its way from near to far through the backward pass.
struct Pixel {
    float light;             // T in front of the next splat
    float behind;            // S: what the loss gets from everything behind the last splat
    float red, green, blue;  // g = dL/dimage
    bool finished;
};

__device__ __forceinline__ Pixel load_pixel(
    const float* image, const float* alpha, const float* grad_image, const float* grad_alpha,
    size_t index)
{
    const float *g = grad_image + 3 * index, *color = image + 3 * index;
    const float seen = g[0] * color[0] + g[1] * color[1] + g[2] * color[2];
    return {1.0f, seen - grad_alpha[index] * (1.0f - alpha[index]), g[0], g[1], g[2], false};
}

// What one pixel says about one splat, see `composite_backward`; false if it says nothing.
__device__ __forceinline__ bool meet(
    const Splat& splat, float dx, float dy, Pixel& pixel, float (&said)[MOMENTS])
{
    const float raw = uncapped_alpha(splat, dx, dy);
    if (pixel.finished || !(raw >= MIN_ALPHA)) return false;
    const float kept = fminf(raw, MAX_ALPHA), weight = kept * pixel.light;
    pixel.finished = !(pixel.light - weight > MIN_TRANSMITTANCE);
    if (pixel.finished) return false;
    const float g_dot_color =
        pixel.red * splat.red + pixel.green * splat.green + pixel.blue * splat.blue;
    pixel.light -= weight;
    pixel.behind -= weight * g_dot_color;
    // dL/dsigma = -alpha dL/dalpha; where alpha is capped, it does not depend on sigma.
    const float by_sigma =
        raw > MAX_ALPHA ? 0.0f : pixel.behind * kept / (1.0f - kept) - weight * g_dot_color;
    said[0] = weight * pixel.red;
    said[1] = weight * pixel.green;
    said[2] = weight * pixel.blue;
    said[3] = by_sigma;
    said[4] = by_sigma * dx;
    said[5] = by_sigma * dy;
    said[6] = by_sigma * dx * dx;
    said[7] = by_sigma * dx * dy;
    said[8] = by_sigma * dy * dy;
    return true;
}

// The row of `moments` that belongs to a splat and a tile: rows of a splat follow each other, in
// the order of the tiles in its rectangle (first and last tile in x, in y).
__device__ __forceinline__ int pair_of(
    const short* rects, const int* starts, int index, int tile_x, int tile_y)
{
    const short* rect = rects + 4 * static_cast<size_t>(index);
    return starts[index] + (tile_y - rect[2]) * (rect[1] - rect[0]) + tile_x - rect[0];
}

// Backward: what the pixels of each tile say about each of its splats. Launch as `composite`.
//
// From near to far again, with the light T before a splat and, in S, what the pixel's loss gets
// from everything behind it, background included:
//
//     dL/dalpha_n = T_n (g . color_n) - S_n / (1 - alpha_n),   S_0 = g . image - dL/dalpha T_end.
//
// 256 pixels speak about the same splat. Were each to add to its gradient in global memory with
// atomicAdd, they would queue up, and float sums would depend on who came first. Instead a
// warp adds up in registers, the block adds up its warps in shared memory, and the (splat, tile)
// pair has a row of its own to write to: no atomics, and the same bits on every run. Rows of
// splats that no pixel of the tile draws are not written.
extern "C" __global__ void __launch_bounds__(PIXELS) composite_backward(
    const float* __restrict__ packed,      // (N, PACKED)
    const int* __restrict__ members,       // (pairs,)
    const int* __restrict__ bounds,        // (2, tiles)
    const short* __restrict__ rects,       // (N, 4) first and last tile in x, in y
    const int* __restrict__ starts,        // (N + 1,) first row of a splat in `moments`
    const float* __restrict__ image,       // (H, W, 3) as `composite` left it
    const float* __restrict__ alpha,       // (H, W)
    const float* __restrict__ grad_image,  // (H, W, 3)
    const float* __restrict__ grad_alpha,  // (H, W)
    int width,
    int height,
    float* __restrict__ moments)           // (pairs, MOMENTS), zeros, written
{
    __shared__ Splat staged[BATCH];
    __shared__ int rows[BATCH];
    __shared__ float sums[WARPS][BATCH][MOMENTS];
    const int thread = threadIdx.y * TILE + threadIdx.x, lane = thread % WARP;
    const int tile = blockIdx.y * gridDim.x + blockIdx.x, tiles = gridDim.x * gridDim.y;
    const int x = blockIdx.x * TILE + threadIdx.x, y = blockIdx.y * TILE + threadIdx.y;
    const float centre_x = x + 0.5f, centre_y = y + 0.5f;
    const int first = bounds[tile], last = bounds[tiles + tile];

    Pixel pixel = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, true};
    if (x < width && y < height)
        pixel = load_pixel(
            image, alpha, grad_image, grad_alpha, static_cast<size_t>(y) * width + x);
    for (int base = first; base < last; base += BATCH) {
        if (__syncthreads_count(pixel.finished) == PIXELS) break;
        if (thread < BATCH && base + thread < last) {
            const int index = members[base + thread];
            staged[thread] = load_splat(packed, index);
            rows[thread] = pair_of(rects, starts, index, blockIdx.x, blockIdx.y);
        }
        __syncthreads();
        const int count = min(BATCH, last - base);
        for (int k = 0; k < count; ++k) {
            float said[MOMENTS] = {};
            const bool drawn =
                meet(staged[k], centre_x - staged[k].u, centre_y - staged[k].v, pixel, said);
            // Not `if (drawn)`: a shuffle needs the whole warp.
            if (__any_sync(EVERY_LANE, drawn))
                for (float& moment : said) moment = warp_sum(moment);
            if (lane == 0)
                for (int j = 0; j < MOMENTS; ++j) sums[thread / WARP][k][j] = said[j];
        }
        __syncthreads();
        for (int job = thread; job < count * MOMENTS; job += PIXELS) {
            const int k = job / MOMENTS, j = job % MOMENTS;
            float sum = 0.0f;
            for (int warp = 0; warp < WARPS; ++warp) sum += sums[warp][k][j];
            moments[static_cast<size_t>(MOMENTS) * rows[k] + j] = sum;
        }
    }
}
